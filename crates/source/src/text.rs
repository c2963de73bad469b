//! Workflow files as text: of a file, or of a path within a repository's files. `ekiden` and the agent read what a plan asks for with it.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

/// Larger workflow files are refused before they are read.
const MOST_BYTES: u64 = 8 << 20;

/// The text of a file of a repository; a path that leaves it, or leads out through a link, is refused.
///
/// # Errors
/// Why it cannot be had, in words.
pub fn read_local(root: &Path, path: &str) -> Result<Arc<str>, String> {
    let file = root.join(path);
    // Many of those that are looked for are not there, which is told by one call to the system.
    if let Err(error) = std::fs::metadata(&file) {
        return Err(problem(&error));
    }
    let (real_root, real) = match (root.canonicalize(), file.canonicalize()) {
        (Ok(real_root), Ok(real)) => (real_root, real),
        (Err(error), _) | (_, Err(error)) => return Err(problem(&error)),
    };
    if !real.starts_with(&real_root) {
        return Err("it lies outside the repository".to_owned());
    }
    read_text(&real)
}

/// The text of a file.
///
/// # Errors
/// Why it cannot be had, in words.
pub fn read_text(file: &Path) -> Result<Arc<str>, String> {
    let unreadable = |error: std::io::Error| problem(&error);
    let mut opened = std::fs::File::open(file).map_err(unreadable)?;
    let about = opened.metadata().map_err(unreadable)?;
    let size = about.len();
    if size > MOST_BYTES {
        return Err(format!("it has {size} bytes; at most {MOST_BYTES} are read"));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or_default()];
    if about.is_file() && size > 0 {
        // Its length is known: asking for its end, as one must of a pipe, is a call to the system that says nothing.
        opened.read_exact(&mut bytes).map_err(unreadable)?;
    } else {
        // A pipe, or a file of the kernel's, which has no length and yet says something.
        bytes.clear();
        opened.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("it has more than {MOST_BYTES} bytes; at most so many are read"));
        }
    }
    String::from_utf8(bytes).map(Into::into).map_err(|error| {
        let line =
            error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("it is no UTF-8 text (line {line})")
    })
}

fn problem(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::read_text;
    use std::path::Path;

    #[test]
    fn what_has_no_length_is_read_all_the_same() {
        assert!(read_text(Path::new("/proc/self/status")).unwrap().contains("Pid:"));
        let endless = read_text(Path::new("/dev/zero")).unwrap_err();
        assert!(endless.starts_with("it has more than"), "{endless}");
        let dir = tempfile::tempdir().unwrap();
        let (empty, short) = (dir.path().join("empty"), dir.path().join("short"));
        std::fs::write(&empty, "").unwrap();
        std::fs::write(&short, "on: push\n").unwrap();
        assert_eq!((&*read_text(&empty).unwrap(), &*read_text(&short).unwrap()), ("", "on: push\n"));
    }
}
