//! What a run is to be, from its flags.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) ekiden: PathBuf,
    pub(super) label: String,
    pub(super) jobs: usize,
    /// Servers. More than one of them share a PostgreSQL.
    pub(super) replicas: usize,
    pub(super) database: Database,
    pub(super) agents: usize,
    pub(super) seed: u64,
    /// What goes wrong beside the kills.
    pub(super) fault: Fault,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Database {
    Sqlite,
    Postgres,
}

/// What goes wrong once, in the middle of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    /// The database is away for a minute.
    Away,
    /// The servers' clock goes a day ahead, then a day back, and is right again.
    Clock,
}

impl Wanted {
    pub(super) fn of(args: &[String]) -> Result<Self> {
        let mut values = BTreeMap::new();
        for pair in args.chunks(2) {
            let [name, value] = pair else { bail!("{} wants a value", pair[0]) };
            values.insert(name.as_str(), value.clone());
        }
        let ekiden = values.remove("--ekiden").context("--ekiden PATH is wanted")?;
        let ekiden = Path::new(&ekiden).canonicalize().with_context(|| ekiden)?;
        let mut number = |name: &str, usual: u64| -> Result<u64> {
            values.remove(name).map_or(Ok(usual), |text| text.parse()).with_context(|| format!("{name} wants a number"))
        };
        let (jobs, replicas) = (number("--jobs", 2000)?, number("--replicas", 1)?);
        let (agents, seed) = (number("--agents", 3)?, number("--seed", 1)?);
        let database = match values.remove("--database").as_deref() {
            None if replicas > 1 => Database::Postgres,
            None | Some("sqlite") => Database::Sqlite,
            Some("postgres") => Database::Postgres,
            Some(other) => bail!("--database {other}: sqlite or postgres"),
        };
        let fault = match values.remove("--fault").as_deref() {
            None => Fault::Nothing,
            Some("database-away") => Fault::Away,
            Some("clock-jumps") => Fault::Clock,
            Some(other) => bail!("--fault {other}: database-away or clock-jumps"),
        };
        let label = values.remove("--label").unwrap_or_else(|| "lab".to_owned());
        ensure!(values.is_empty(), "unknown: {:?}", values.keys());
        ensure!(replicas == 1 || database == Database::Postgres, "several servers need a PostgreSQL");
        ensure!(fault != Fault::Away || database == Database::Postgres, "a file is never away: --database postgres");
        let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
        Ok(Self {
            ekiden,
            label,
            jobs: count(jobs),
            replicas: count(replicas),
            database,
            agents: count(agents),
            seed,
            fault,
        })
    }
}
