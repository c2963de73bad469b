//! Conditions of queries that are made as they are asked for. Called by the queries of runs and of jobs.

use sqlx::{Database, QueryBuilder};

/// What stands before the next condition.
#[derive(Debug)]
pub(crate) struct And(&'static str);

impl And {
    /// Before the first condition of a query.
    pub(crate) const FIRST: Self = Self(" WHERE ");

    /// Writes it, and the begin of a condition.
    pub(crate) fn push<'q, DB: Database>(
        &mut self,
        query: &'q mut QueryBuilder<DB>,
        condition: &str,
    ) -> &'q mut QueryBuilder<DB> {
        query.push(std::mem::replace(&mut self.0, " AND ")).push(condition)
    }

    /// One of these states, or any where there are none. The words stand in the query as they are: the database sees which of its partial indexes holds them all.
    pub(crate) fn words<DB: Database>(&mut self, query: &mut QueryBuilder<DB>, words: &[&'static str]) {
        match words {
            [] => {}
            [one] => drop(self.push(query, &format!("word = '{one}'"))),
            many => drop(self.push(query, &format!("word IN ('{}')", many.join("', '")))),
        }
    }

    /// What is over: said where the index of that alone helps.
    pub(crate) fn over<DB: Database>(&mut self, query: &mut QueryBuilder<DB>) {
        self.push(query, "finished_at IS NOT NULL");
    }
}
