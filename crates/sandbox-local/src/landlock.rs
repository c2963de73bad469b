//! What a job may write, said once more below the mounts: a Landlock ruleset, applied last (it forbids mounting).
//!
//! Who calls what, in which process: the init, after `pivot_root`: [`Ruleset::prepare`] opens the writable paths. Then either
//! the init itself calls [`Ruleset::restrict`], once, after its last mount, so that all steps share one domain; or each step
//! does, between fork and exec. Shared is better: in domains of their own, a later step can neither trace an earlier one's
//! background process nor read its `/proc/PID/fd` (`lsof -i`, `fuser`), which workflows do.

use domain::{Enforcement, Isolation};
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset as Builder, RulesetAttr,
    RulesetCreated, RulesetCreatedAttr, RulesetStatus,
};
use std::path::Path;

/// The newest set of file rights that is asked for; older kernels enforce those that they know.
const NEWEST: ABI = ABI::V5;

/// A ruleset could not be made or put in force.
#[derive(Debug, thiserror::Error)]
pub enum LandlockError {
    /// The kernel refused.
    #[error("landlock: could not make the ruleset: {0}")]
    Make(#[from] landlock::RulesetError),
    /// A ruleset is a file, and the process has no more of them.
    #[error("landlock: could not copy the ruleset: {0}")]
    Copy(#[from] std::io::Error),
}

/// Everything may be read and executed, and only some trees written.
#[derive(Debug)]
pub struct Ruleset {
    ruleset: RulesetCreated,
    writable: usize,
}

impl Ruleset {
    /// Makes the ruleset. Paths of `writable` that do not exist are left out.
    ///
    /// # Errors
    /// When the kernel refuses; a kernel without Landlock is no error.
    pub fn prepare(writable: &[&Path]) -> Result<Self, LandlockError> {
        let all = AccessFs::from_all(NEWEST);
        let mut ruleset = Builder::default().set_compatibility(CompatLevel::BestEffort).handle_access(all)?.create()?;
        let read = AccessFs::from_read(NEWEST);
        let mut count = 0;
        if let Ok(root) = PathFd::new("/") {
            ruleset = ruleset.add_rule(PathBeneath::new(root, read))?;
        }
        for path in writable {
            if let Ok(tree) = PathFd::new(path) {
                // A file takes fewer rights than a directory; the crate leaves out those that do not fit.
                ruleset = ruleset.add_rule(PathBeneath::new(tree, all))?;
                count += 1;
            }
        }
        Ok(Self { ruleset, writable: count })
    }

    /// Binds the calling thread and everything that comes from it, for ever. Sets `no_new_privs`.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn restrict(&self) -> Result<Isolation, LandlockError> {
        let status = self.ruleset.try_clone()?.restrict_self()?;
        let value = format!("{} writable trees", self.writable);
        let enforcement = match status.ruleset {
            RulesetStatus::FullyEnforced => Enforcement::On { value },
            RulesetStatus::PartiallyEnforced => {
                Enforcement::On { value: format!("{value}; the kernel knows only some of the rights") }
            }
            RulesetStatus::NotEnforced => Enforcement::Off {
                reason: "the kernel has no Landlock; it needs Linux 5.13 and `landlock` in the lsm= boot parameter"
                    .to_owned(),
            },
        };
        Ok(Isolation { name: "landlock".to_owned(), enforcement })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_trees_are_writable() {
        let dir = tempfile::tempdir().unwrap();
        let (inside, outside) = (dir.path().join("inside"), dir.path().join("outside"));
        std::fs::create_dir_all(inside.join("a")).unwrap();
        std::fs::create_dir(inside.join("b")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("old"), "text").unwrap();
        std::thread::spawn(move || {
            let ruleset = Ruleset::prepare(&[&inside, Path::new("/dev/null"), Path::new("/no/such/path")]).unwrap();
            let told = ruleset.restrict().unwrap();
            if matches!(told.enforcement, Enforcement::Off { .. }) {
                eprintln!("SKIP: {told:?}");
                return;
            }
            std::fs::write(inside.join("a/new"), "x").unwrap();
            std::fs::rename(inside.join("a/new"), inside.join("b/new")).unwrap();
            std::fs::write("/dev/null", "x").unwrap();
            assert_eq!(std::fs::read_to_string(outside.join("old")).unwrap(), "text");
            for refused in [
                std::fs::write(outside.join("new"), "x"),
                std::fs::write(outside.join("old"), "x"),
                std::fs::remove_file(outside.join("old")),
                std::fs::rename(inside.join("b/new"), outside.join("new")),
                std::os::unix::fs::symlink("/", outside.join("link")),
            ] {
                assert!(refused.is_err());
            }
            assert!(std::process::Command::new("true").status().unwrap().success());
        })
        .join()
        .unwrap();
    }
}
