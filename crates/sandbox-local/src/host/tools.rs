//! The machine's tools for a job on the machine itself: a folder of the job's own in which every tool is a link to where it lies, so that
//! what the job installs there goes with it. Called by `Host`.

use std::io;
use std::path::Path;

/// `<tool>/<version>/<arch>`, as the toolkit lays tools out.
const DEPTH: u32 = 3;

/// Makes `own` show the tools of `folder`: folders down to the versions are made anew, what lies in those is linked to.
pub(super) fn link(folder: &Path, own: &Path) -> io::Result<()> {
    below(folder, own, DEPTH)
}

fn below(folder: &Path, own: &Path, depth: u32) -> io::Result<()> {
    std::fs::create_dir_all(own)?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (from, to) = (entry.path(), own.join(entry.file_name()));
        if depth > 1 && entry.file_type()?.is_dir() {
            below(&from, &to, depth - 1)?;
        } else {
            std::os::unix::fs::symlink(from, to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::link;

    #[test]
    fn tools_are_found_and_what_is_installed_stays_with_the_job() {
        let top = tempfile::tempdir().unwrap();
        let (machine, own) = (top.path().join("machine"), top.path().join("own"));
        std::fs::create_dir_all(machine.join("node/20.1.0/x64/bin")).unwrap();
        std::fs::write(machine.join("node/20.1.0/x64/bin/node"), "n").unwrap();
        std::fs::write(machine.join("node/20.1.0/x64.complete"), "").unwrap();
        link(&machine, &own).unwrap();
        assert_eq!(std::fs::read(own.join("node/20.1.0/x64/bin/node")).unwrap(), b"n");
        assert!(own.join("node/20.1.0/x64.complete").exists());
        // As the toolkit installs: what lies there is removed, then made anew.
        std::fs::remove_file(own.join("node/20.1.0/x64")).unwrap();
        std::fs::create_dir_all(own.join("node/20.1.0/x64")).unwrap();
        std::fs::create_dir_all(own.join("node/22.0.0/x64")).unwrap();
        assert!(!machine.join("node/22.0.0").exists());
        assert!(machine.join("node/20.1.0/x64/bin/node").exists());
    }
}
