//! Where the `up` or `server` of this user on this machine is: a file in the user's state folder, so that other commands find it by
//! themselves. It names the file of the token, and holds no token.

use crate::failure::Failure;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// A running server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Its address.
    pub(crate) url: String,
    /// The file of its first admin token.
    pub(crate) token_file: PathBuf,
    /// Its process.
    pub(crate) pid: u32,
}

/// `ekiden` in the user's state folder.
pub(crate) fn state_folder() -> Result<PathBuf, Failure> {
    let variable = |name: &str| std::env::var_os(name).filter(|value: &OsString| !value.is_empty()).map(PathBuf::from);
    variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("ekiden"))
        .ok_or_else(|| Failure::usage("there is no HOME to keep state in").fix("give a folder with --data DIR"))
}

fn file() -> Result<PathBuf, Failure> {
    Ok(state_folder()?.join("server.json"))
}

/// The server that was started last, if there is one.
pub(crate) fn find() -> Option<Place> {
    let text = std::fs::read_to_string(file().ok()?).ok()?;
    serde_json::from_str(&text).ok()
}

/// Says where a server is until the value is dropped.
pub(crate) fn tell(place: &Place) -> Result<Told, Failure> {
    let path = file()?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let write = || -> std::io::Result<()> {
        use std::os::unix::fs::DirBuilderExt as _;
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Readable by its owner alone, and never half a file.
        let mut beside = tempfile::NamedTempFile::new_in(folder)?;
        beside.write_all(serde_json::to_string(place)?.as_bytes())?;
        beside.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| Failure::platform(format!("could not write {}", path.display())).cause(&error))?;
    Ok(Told { path, pid: place.pid })
}

/// Takes the file away with the server, where it is that server's still.
#[derive(Debug)]
pub(crate) struct Told {
    path: PathBuf,
    pid: u32,
}

impl Drop for Told {
    fn drop(&mut self) {
        if find().is_some_and(|place| place.pid == self.pid) {
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}
