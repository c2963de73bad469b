//! Verbs for secrets and variables.

use super::core::{Client, Counted, escape, page, query};
use super::error::ClientError;
use crate::holding::{CreateVariable, Secret, SetSecret, UpdateVariable, Variable};
use crate::page::PageQuery;
use crate::place::Place;

impl Client {
    /// The secrets of a place, without their values.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn secrets(&self, place: &Place, on: PageQuery) -> Result<Vec<Secret>, ClientError> {
        self.counted_secrets(place, on).await.map(|found| found.items)
    }

    /// The same, with how many there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn counted_secrets(&self, place: &Place, on: PageQuery) -> Result<Counted<Secret>, ClientError> {
        let path = format!("{}/actions/secrets{}", place.path(), query(page(on)));
        self.get(format!("list the secrets of {place}"), &path).read_counted().await
    }

    /// Sets a secret; one of the same name is replaced.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set_secret(&self, place: &Place, name: &str, secret: &SetSecret) -> Result<(), ClientError> {
        let path = format!("{}/actions/secrets/{}", place.path(), escape(name));
        self.put(format!("set secret {name} of {place}"), &path).body(secret)?.done().await.map(drop)
    }

    /// Removes a secret.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_secret(&self, place: &Place, name: &str) -> Result<(), ClientError> {
        let path = format!("{}/actions/secrets/{}", place.path(), escape(name));
        self.delete(format!("remove secret {name} of {place}"), &path).done().await.map(drop)
    }

    /// The variables of a place.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn variables(&self, place: &Place, on: PageQuery) -> Result<Vec<Variable>, ClientError> {
        self.counted_variables(place, on).await.map(|found| found.items)
    }

    /// The same, with how many there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn counted_variables(&self, place: &Place, on: PageQuery) -> Result<Counted<Variable>, ClientError> {
        let path = format!("{}/actions/variables{}", place.path(), query(page(on)));
        self.get(format!("list the variables of {place}"), &path).read_counted().await
    }

    /// One of them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn variable(&self, place: &Place, name: &str) -> Result<Variable, ClientError> {
        self.get(format!("show variable {name} of {place}"), &variable(place, name)).read().await
    }

    /// Makes a variable.
    ///
    /// # Errors
    /// See [`ClientError`]; 409 where there is one of this name.
    pub async fn create_variable(&self, place: &Place, name: &str, made: &CreateVariable) -> Result<(), ClientError> {
        let did = format!("make variable {name} of {place}");
        self.post(did, &variable(place, name)).body(made)?.done().await.map(drop)
    }

    /// Changes a variable.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn update_variable(&self, place: &Place, name: &str, to: &UpdateVariable) -> Result<(), ClientError> {
        let did = format!("change variable {name} of {place}");
        self.put(did, &variable(place, name)).body(to)?.done().await.map(drop)
    }

    /// Makes a variable, or changes the one of this name.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set_variable(&self, place: &Place, name: &str, to: &CreateVariable) -> Result<(), ClientError> {
        match self.create_variable(place, name, to).await {
            Err(ClientError::Refused { status: 409, .. }) => {
                let CreateVariable { value, description } = to.clone();
                self.update_variable(place, name, &UpdateVariable { name: String::new(), value, description }).await
            }
            other => other,
        }
    }

    /// Removes a variable.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_variable(&self, place: &Place, name: &str) -> Result<(), ClientError> {
        self.delete(format!("remove variable {name} of {place}"), &variable(place, name)).done().await.map(drop)
    }
}

fn variable(place: &Place, name: &str) -> String {
    format!("{}/actions/variables/{}", place.path(), escape(name))
}
