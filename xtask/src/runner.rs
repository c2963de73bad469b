//! A runner of any make, registered and started the same way. Used by `record` and `compare`.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A runner that is installed here.
pub(crate) struct Runner {
    program: PathBuf,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ekiden,
    /// `act_runner`, `gitea-runner`, `forgejo-runner`: the same command line.
    Act,
}

impl Runner {
    /// The runner that a program is.
    pub(crate) fn of(program: &Path) -> Result<Self> {
        let program = program.canonicalize().with_context(|| format!("{} is not there", program.display()))?;
        let is_ours = Command::new(&program).args(["agent", "--help"]).output()?.status.success();
        Ok(Self { program, kind: if is_ours { Kind::Ekiden } else { Kind::Act } })
    }

    /// What it is called.
    pub(crate) fn name(&self) -> String {
        match self.kind {
            Kind::Ekiden => "ekiden".to_owned(),
            Kind::Act => self.program.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        }
    }

    /// Registers it in a folder of its own and starts it.
    pub(crate) fn start(&self, data: &Path, instance: &str, token: &str, labels: &str) -> Result<Child> {
        std::fs::create_dir_all(data)?;
        let log = std::fs::File::create(data.join("log"))?;
        let command = || {
            let mut command = Command::new(&self.program);
            command.current_dir(data).env("HOME", data).stdin(Stdio::null());
            command
        };
        let (mut register, mut start) = (command(), command());
        match self.kind {
            Kind::Ekiden => {
                register.args(["agent", "register", "--data"]).arg(data);
                start.args(["agent", "start", "--capacity", "1", "--data"]).arg(data);
            }
            Kind::Act => {
                std::fs::write(data.join("config.yml"), "log: {level: warn}\nrunner: {file: .runner, capacity: 1}\n")?;
                register.args(["register", "--no-interactive", "--config", "config.yml"]);
                start.args(["daemon", "--config", "config.yml"]);
            }
        }
        let register =
            register.args(["--instance", instance, "--token", token, "--name", "recorded", "--labels", labels]);
        crate::run(register.stdout(Stdio::null()))?;
        Ok(start.stdout(log.try_clone()?).stderr(log).spawn()?)
    }
}
