//! Where the `up` or `server` of this user on this machine is: a file in the user's state folder, so that other commands find it by
//! themselves. It names the file of the token, and holds no token.

use crate::failure::Failure;
use crate::style::note;
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
    /// Those that were started before it and went on then, the last one first: when it ends, they are found again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) earlier: Vec<Self>,
}

impl Place {
    pub(crate) fn new(url: String, token_file: PathBuf) -> Self {
        Self { url, token_file, pid: std::process::id(), earlier: Vec::new() }
    }

    /// It and those before it, as far as they run still.
    fn running(mut self) -> Vec<Self> {
        let earlier = std::mem::take(&mut self.earlier);
        let all = std::iter::once(self).chain(earlier);
        all.filter(|place| Path::new("/proc").join(place.pid.to_string()).exists()).collect()
    }
}

/// The folder where programs of this user keep what they remember. As XDG has it, a relative one is none: it would be another in each folder, and that of a checkout
/// would get keys and tokens.
pub(crate) fn user_state() -> Option<PathBuf> {
    state_of(|name| std::env::var_os(name))
}

fn state_of(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
}

/// `ekiden` in the user's state folder.
pub(crate) fn state_folder() -> Result<PathBuf, Failure> {
    user_state()
        .map(|state| state.join("ekiden"))
        .ok_or_else(|| Failure::usage("there is no HOME to keep state in").fix("give a folder with --data DIR"))
}

fn file() -> Result<PathBuf, Failure> {
    Ok(state_folder()?.join("server.json"))
}

/// The server that was started last, if there is one; of those that run, where one was killed.
pub(crate) fn find() -> Option<Place> {
    let told = read()?;
    Some(told.clone().running().into_iter().next().unwrap_or(told))
}

fn read() -> Option<Place> {
    let text = std::fs::read_to_string(file().ok()?).ok()?;
    serde_json::from_str(&text).ok()
}

/// Says where a server is until the value is dropped. Without a place to say it, other commands have to be told.
pub(crate) fn tell(place: &Place) -> Result<Option<Told>, Failure> {
    let Ok(path) = file() else {
        note(format!(
            "there is no HOME: other commands find this server with --server {} --token-file {}",
            place.url,
            place.token_file.display()
        ));
        return Ok(None);
    };
    let earlier = read().map(Place::running).unwrap_or_default();
    let earlier = earlier.into_iter().filter(|other| other.pid != place.pid).collect();
    write(&path, &Place { earlier, ..place.clone() })
        .map_err(|error| Failure::platform(format!("could not write {}", path.display())).cause(&error))?;
    Ok(Some(Told { path, pid: place.pid }))
}

fn write(path: &Path, place: &Place) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // Readable by its owner alone, and never half a file.
    let mut beside = tempfile::NamedTempFile::new_in(folder)?;
    beside.write_all(serde_json::to_string(place)?.as_bytes())?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Takes a server's place out of the file again.
#[derive(Debug)]
pub(crate) struct Told {
    path: PathBuf,
    pid: u32,
}

impl Drop for Told {
    fn drop(&mut self) {
        let Some(place) = read() else { return };
        let mut left = place.running();
        left.retain(|place| place.pid != self.pid);
        let mut left = left.into_iter();
        // What cannot be written now says less than it could.
        let _done = match left.next() {
            Some(first) => write(&self.path, &Place { earlier: left.collect(), ..first }),
            None => std::fs::remove_file(&self.path),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn those_that_ended_are_not_found_any_more() {
        let place = |url: &str, pid| Place { pid, ..Place::new(url.to_owned(), "t".into()) };
        let own = std::process::id();
        let all = Place { earlier: vec![place("b", u32::MAX), place("c", own)], ..place("a", own) };
        let urls: Vec<String> = all.running().into_iter().map(|place| place.url).collect();
        assert_eq!(urls, ["a", "c"]);
        let old: Place = serde_json::from_str(r#"{"url": "u", "token_file": "t", "pid": 1}"#).unwrap();
        assert!(old.earlier.is_empty());
    }

    #[test]
    fn a_relative_state_folder_is_none() {
        let of = |state: &str, home: &str| {
            super::state_of(|name| Some(if name == "HOME" { home } else { state }.into()))
                .map(|path| path.display().to_string())
        };
        assert_eq!(of("/s", "/h").as_deref(), Some("/s"));
        for relative in ["", "state", "./state"] {
            assert_eq!(of(relative, "/h").as_deref(), Some("/h/.local/state"), "{relative}");
        }
        assert_eq!(of("state", "h"), None);
    }
}
