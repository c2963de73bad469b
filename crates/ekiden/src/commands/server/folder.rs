//! The server's folder is its user's alone: database, keys, logs, mirrors. Called by `server` and `up` before anything is opened.

use crate::failure::Failure;
use crate::style::note;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// What may lie in a folder that no server used yet: its settings, and what a file system makes by itself.
const BEFORE: [&str; 2] = ["ekiden.toml", "lost+found"];
/// Rights under which no server starts, as with PostgreSQL: any of others, and a group's to write. A group may read, where the owner lets it.
const TOO_OPEN: u32 = 0o027;

/// Makes the server's folder, or sees to it that the one that is there is not open to others. One that is still empty is closed; in one that was used
/// somebody may have read what should be rotated, so that its owner has to know.
pub(crate) fn private_folder(data: &Path) -> Result<(), Failure> {
    let failed = |verb: &str, error: &std::io::Error| {
        Failure::platform(format!("the server's folder {} cannot be {verb}", data.display()))
            .cause(error)
            .fix("run as the user who owns it, or give another folder with --data DIR")
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| failed("made", &error))?;
    let mode = std::fs::metadata(data).map_err(|error| failed("read", &error))?.permissions().mode() & 0o777;
    if mode & TOO_OPEN == 0 {
        return Ok(());
    }
    if !is_new(data).map_err(|error| failed("read", &error))? {
        let fact = format!(
            "others may get at the server's folder {} (mode {mode:03o}): its database, logs and settings",
            data.display()
        );
        return Err(Failure::usage(fact).fix(format!("chmod 700 {}", data.display())));
    }
    std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o700)).map_err(|error| failed("closed", &error))?;
    note(format!("{} was open to others (mode {mode:03o}) and is its owner's alone now", data.display()));
    Ok(())
}

fn is_new(data: &Path) -> std::io::Result<bool> {
    for entry in std::fs::read_dir(data)? {
        let name = entry?.file_name();
        if !BEFORE.iter().any(|before| name == *before) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::private_folder;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("a/b");
        private_folder(&data).unwrap();
        assert_eq!(mode(&data), 0o700);
    }

    #[test]
    fn one_that_was_there_is_closed_while_it_is_new_and_refused_when_it_was_used() {
        for open in [0o755, 0o770, 0o705, 0o711] {
            let data = tempfile::tempdir().unwrap();
            std::fs::write(data.path().join("ekiden.toml"), "").unwrap();
            set(data.path(), open);
            private_folder(data.path()).unwrap();
            assert_eq!(mode(data.path()), 0o700, "{open:o}");
            std::fs::write(data.path().join("ekiden.db"), "").unwrap();
            private_folder(data.path()).unwrap();
            set(data.path(), open);
            let refused = private_folder(data.path()).unwrap_err().to_string();
            assert!(refused.contains(&format!("(mode {open:03o})")), "{refused}");
            assert_eq!(mode(data.path()), open);
            // As PostgreSQL has it.
            set(data.path(), 0o750);
            private_folder(data.path()).unwrap();
            assert_eq!(mode(data.path()), 0o750);
        }
    }
}
