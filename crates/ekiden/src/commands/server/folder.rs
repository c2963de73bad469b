//! The server's folder is its user's alone: database, keys, logs, mirrors. Called by `server` and `up` before anything is opened.

use crate::failure::Failure;
use crate::style::note;
use server::folder::{DATABASE, LOGS, MIRRORS, OBJECTS};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// What may lie in a folder that no server used yet: its settings, and what a file system makes by itself.
const BEFORE: [&str; 2] = ["ekiden.toml", "lost+found"];
/// What is the server's in a folder that holds more: folders, and files that are not made for the owner alone anyway.
const FOLDERS: [&str; 3] = [LOGS, OBJECTS, MIRRORS];
/// SQLite names two files after the database.
const FILES: [&str; 3] = [DATABASE, "ekiden.db-wal", "ekiden.db-shm"];
/// Rights under which others read, or a group writes. A group may read where the owner lets it, as with PostgreSQL.
const TOO_OPEN: u32 = 0o027;

/// Makes the server's folder, or sees to it that what is the server's in the one that is there is not open to others. One that is still empty is closed itself; in
/// another, who opened it may have had a reason, so that only what is ours is closed.
pub(crate) fn private_folder(data: &Path) -> Result<(), Failure> {
    let failed = |verb: &str, error: &std::io::Error| {
        Failure::platform(format!("the server's folder {} cannot be {verb}", data.display()))
            .cause(error)
            .fix("run as the user who owns it, or give another folder with --data DIR")
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(|error| failed("made", &error))?;
    let mode = mode_of(data).map_err(|error| failed("read", &error))?;
    if mode & TOO_OPEN == 0 {
        return Ok(());
    }
    if is_new(data).map_err(|error| failed("read", &error))? {
        set_mode(data, 0o700).map_err(|error| failed("closed", &error))?;
        note(format!("{} was open to others (mode {mode:03o}) and is its owner's alone now", data.display()));
        return Ok(());
    }
    let closed = close_ours(data).map_err(|error| failed("closed", &error))?;
    if !closed.is_empty() {
        let names = closed.join(", ");
        note(format!("in {}, others could read {names}; it is the owner's alone now", data.display()));
    }
    Ok(())
}

/// Closes what is the server's; gives the names of what was open. What a server makes later is made here.
fn close_ours(data: &Path) -> std::io::Result<Vec<&'static str>> {
    let mut closed = Vec::new();
    for name in FOLDERS {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data.join(name))?;
    }
    for (name, mode) in FOLDERS.map(|name| (name, 0o700)).into_iter().chain(FILES.map(|name| (name, 0o600))) {
        let path = data.join(name);
        match mode_of(&path) {
            Ok(is) if is & TOO_OPEN != 0 => {
                set_mode(&path, mode)?;
                closed.push(name);
            }
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(closed)
}

fn mode_of(path: &Path) -> std::io::Result<u32> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o777)
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
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
    use super::{mode_of, private_folder, set_mode};

    #[test]
    fn a_folder_is_made_for_its_owner_alone() {
        let around = tempfile::tempdir().unwrap();
        let data = around.path().join("a/b");
        private_folder(&data).unwrap();
        assert_eq!(mode_of(&data).unwrap(), 0o700);
    }

    #[test]
    fn one_that_was_there_is_closed_while_it_is_new() {
        for open in [0o755, 0o770, 0o705, 0o711] {
            let data = tempfile::tempdir().unwrap();
            std::fs::write(data.path().join("ekiden.toml"), "").unwrap();
            set_mode(data.path(), open).unwrap();
            private_folder(data.path()).unwrap();
            assert_eq!(mode_of(data.path()).unwrap(), 0o700, "{open:o}");
        }
    }

    #[test]
    fn in_one_that_holds_more_what_is_the_servers_is_closed() {
        let data = tempfile::tempdir().unwrap();
        let at = |name: &str| data.path().join(name);
        for name in ["other", "ekiden.db"] {
            std::fs::write(at(name), "").unwrap();
            set_mode(&at(name), 0o644).unwrap();
        }
        std::fs::create_dir(at("logs")).unwrap();
        set_mode(&at("logs"), 0o755).unwrap();
        set_mode(data.path(), 0o755).unwrap();
        private_folder(data.path()).unwrap();
        let modes = ["", "other", "ekiden.db", "logs", "objects"].map(|name| mode_of(&at(name)).unwrap());
        assert_eq!(modes.map(|mode| format!("{mode:o}")), ["755", "644", "600", "700", "700"]);
        // As PostgreSQL has it.
        set_mode(data.path(), 0o750).unwrap();
        set_mode(&at("logs"), 0o750).unwrap();
        private_folder(data.path()).unwrap();
        assert_eq!(mode_of(&at("logs")).unwrap(), 0o750);
    }
}
