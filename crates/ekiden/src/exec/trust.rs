//! What of a checkout's `ekiden.toml` counts. The file comes with the checkout, and a checkout may be a stranger's: it may close what is
//! open by itself, but it opens nothing of this machine that whoever runs it has not opened (`docs/config.md`). Called by
//! `settings` and by `ekiden action`.

use super::expose;
use crate::args::{LimitArgs, ProfileName, SandboxArgs, Size, StoreArgs};
use crate::config::{ActionsTable, ConfigFile, ExecTable, LimitsTable};
use sandbox::Limits;
use std::path::{Path, PathBuf};

/// What whoever runs it has given, and what a job gets by itself.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) sandbox: &'a SandboxArgs,
    pub(crate) limits: &'a LimitArgs,
    pub(crate) store: &'a StoreArgs,
    /// The checkout.
    pub(crate) directory: &'a Path,
    pub(crate) home: Option<&'a Path>,
    pub(crate) machine: &'a Limits,
    pub(crate) processors: u32,
}

/// The file without what does not count; the notices say what that was. What a flag or a variable gives anyway is not told.
pub(crate) fn heed(file: &ConfigFile, given: &Given<'_>) -> (ConfigFile, Vec<String>) {
    let mut file = file.clone();
    let mut notices = Vec::new();
    exec(&mut file.exec, given, &mut notices);
    limits(&mut file.exec.limits, given, &mut notices);
    actions(&mut file.actions, given.store, given.directory, &mut notices);
    (file, notices)
}

fn exec(table: &mut ExecTable, given: &Given<'_>, notices: &mut Vec<String>) {
    let Given { sandbox, directory, home, .. } = given;
    if table.profile == Some(ProfileName::Root) && sandbox.profile.is_none() {
        notices.push(refused("the profile root", "--profile root"));
        table.profile = None;
    }
    if sandbox.root.is_some() {
        table.root = None;
    } else {
        inside(&mut table.root, "root", "--root", directory, notices);
    }
    // Toolchains that this machine does not have are passed over: who has them elsewhere, or not at all, can still list and run.
    table.expose.retain(|name| !expose::is_missing(name, *home));
    table.expose.retain(|name| {
        let counts = expose::is_harmless(name, directory) || sandbox.expose.contains(name);
        if !counts {
            let flag = format!("--expose {name}");
            notices.push(refused(&format!("{name} of this machine"), &flag));
        }
        counts
    });
    table.network.allow.retain(|target| {
        if sandbox.allow.contains(target) {
            return true;
        }
        let counts = egress::opens_one_neighbour(target);
        notices.push(if counts {
            format!("ekiden.toml opens {target} to jobs; --network none closes everything")
        } else {
            refused(&format!("the way to {target}"), &format!("--allow {target}"))
        });
        counts
    });
    if given.limits.jobs.is_none() && table.jobs.is_some_and(|jobs| jobs > given.processors) {
        let jobs = table.jobs.take().unwrap_or_default();
        notices.push(refused(&format!("{jobs} jobs at once"), &format!("--jobs {jobs}")));
    }
}

/// A file may ask for less than a job gets by itself, not for more.
fn limits(table: &mut LimitsTable, given: &Given<'_>, notices: &mut Vec<String>) {
    let Given { limits, machine, .. } = given;
    let sizes = [
        ("memory", &mut table.memory, limits.memory.is_some(), machine.memory),
        ("disk", &mut table.disk, limits.disk.is_some(), machine.disk),
    ];
    for (name, text, is_given, most) in sizes {
        let more = match (text.as_deref().map(str::parse), most) {
            (Some(Ok(Size::Unlimited)), Some(_)) => true,
            (Some(Ok(Size::Bytes(bytes))), Some(most)) => bytes > most,
            // What is no size is an error of its own.
            _ => false,
        };
        if more && let Some(text) = text.take().filter(|_| !is_given) {
            notices.push(refused(&format!("{text} of {name}"), &format!("--{name} {text}")));
        }
    }
    let more = |asked: u64| machine.processes.is_some_and(|most| asked > most);
    if let Some(asked) = table.processes.filter(|asked| more(*asked)) {
        table.processes = None;
        if limits.processes.is_none() {
            notices.push(refused(&format!("{asked} processes"), &format!("--processes {asked}")));
        }
    }
}

/// Where actions come from is decided for all repositories of a user together: what one gets from a place of its own choice
/// would be there for the others, and git asks such a place with the user's own rights.
pub(crate) fn actions(table: &mut ActionsTable, store: &StoreArgs, directory: &Path, notices: &mut Vec<String>) {
    if store.action_store.is_some() {
        table.store = None;
    } else {
        inside(&mut table.store, "store of actions", "--action-store", directory, notices);
    }
    for mirror in std::mem::take(&mut table.mirrors) {
        if store.action_mirror.is_empty() {
            notices.push(refused(&format!("actions from {mirror}"), &format!("--action-mirror '{mirror}'")));
        }
    }
}

/// Leaves a place out that does not lie in the checkout, links followed.
fn inside(place: &mut Option<PathBuf>, what: &str, flag: &str, directory: &Path, notices: &mut Vec<String>) {
    let Some(path) = place else { return };
    if !is_inside(path, directory) {
        notices.push(refused(&format!("the {what} {}", path.display()), &format!("{flag} {}", path.display())));
        *place = None;
    }
}

/// The parts that exist decide; what is still to be made lies below them, unless it climbs.
fn is_inside(path: &Path, directory: &Path) -> bool {
    let Ok(top) = directory.canonicalize() else { return false };
    let there = path.ancestors().find(|part| part.symlink_metadata().is_ok());
    let missing = there.and_then(|there| path.strip_prefix(there).ok()).unwrap_or(Path::new(""));
    let climbs = missing.components().any(|part| !matches!(part, std::path::Component::Normal(_)));
    !climbs && there.and_then(|there| there.canonicalize().ok()).is_some_and(|there| there.starts_with(&top))
}

fn refused(what: &str, flag: &str) -> String {
    format!("ekiden.toml asks for {what}, and does not get it; {flag} gives it")
}

#[cfg(test)]
mod tests {
    use super::{Given, heed};
    use crate::args::{Cli, Command, ExecArgs, ProfileName};
    use crate::config::ConfigFile;
    use clap::Parser as _;
    use sandbox::Limits;
    use std::path::{Path, PathBuf};

    fn heeded(text: &str, directory: &Path, arguments: &[&str]) -> (ConfigFile, Vec<String>) {
        let cli = Cli::try_parse_from(["ekiden", "exec"].iter().chain(arguments)).unwrap();
        let Command::Exec(args) = cli.command else { unreachable!() };
        let ExecArgs { sandbox, limits, store, .. } = *args;
        let mut file: ConfigFile = toml::from_str(text).unwrap();
        for place in [&mut file.exec.root, &mut file.actions.store].into_iter().flatten() {
            *place = directory.join(&*place);
        }
        let machine = Limits {
            memory: Some(1 << 30),
            processes: Some(4096),
            cpu_millis: None,
            disk: Some(8 << 30),
            inodes: None,
        };
        let (sandbox, limits, store) = (&sandbox, &limits, &store);
        heed(&file, &Given { sandbox, limits, store, directory, home: None, machine: &machine, processors: 2 })
    }

    const GREEDY: &str = "[exec]\nprofile = 'root'\nroot = '/'\njobs = 64\nexpose = ['/etc', '~/.ssh']\n\
         [exec.network]\nallow = ['169.254.169.254', '10.0.0.0/8']\n\
         [exec.limits]\nmemory = 'none'\ndisk = '9GiB'\nprocesses = 100000\n\
         [actions]\nstore = '../elsewhere'\nmirrors = ['ext::sh -c id']\n";

    #[test]
    fn a_stranger_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (file, notices) = heeded(GREEDY, folder.path(), &[]);
        assert_eq!(file, ConfigFile::default());
        assert_eq!(notices.len(), 12, "{notices:#?}");
        assert!(notices.iter().all(|notice| notice.contains("does not get it; --")), "{notices:#?}");
    }

    #[test]
    fn what_is_given_is_not_told() {
        let folder = tempfile::tempdir().unwrap();
        let flags = [
            "--profile=root",
            "--root=/",
            "--jobs=64",
            "--expose=/etc,~/.ssh",
            "--allow=169.254.169.254,10.0.0.0/8",
            "--memory=none",
            "--disk=9GiB",
            "--processes=100000",
            "--action-store=/elsewhere",
            "--action-mirror=https://git.example/{repository}",
        ];
        let (_, notices) = heeded(GREEDY, folder.path(), &flags);
        assert!(notices.is_empty(), "{notices:#?}");
    }

    #[test]
    fn less_than_usual_and_what_lies_in_the_checkout_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("rootfs")).unwrap();
        let text = "[exec]\nprofile = 'hardened'\nroot = 'rootfs'\njobs = 1\nexpose = ['./rootfs']\n\
             [exec.network]\nmode = 'none'\n[exec.limits]\nmemory = '512MiB'\nprocesses = 100\n\
             [actions]\nstore = '.store'\noffline = true\n";
        let (file, notices) = heeded(text, folder.path(), &[]);
        assert!(notices.is_empty(), "{notices:#?}");
        assert_eq!(file.exec.profile, Some(ProfileName::Hardened));
        assert_eq!(file.exec.root, Some(folder.path().join("rootfs")));
        assert_eq!((file.exec.limits.memory.as_deref(), file.exec.limits.processes), (Some("512MiB"), Some(100)));
        assert_eq!((file.actions.store, file.actions.offline), (Some(folder.path().join(".store")), Some(true)));
    }

    #[test]
    fn a_link_out_of_the_checkout_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("link")).unwrap();
        for root in ["link", "link/etc", "link/absent", "absent/../../x"] {
            let (file, notices) = heeded(&format!("[exec]\nroot = '{root}'"), folder.path(), &[]);
            assert_eq!((file.exec.root, notices.len()), (None::<PathBuf>, 1), "{root}");
        }
    }
}
