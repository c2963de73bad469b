//! Where the public conformance data lies.

use std::path::{Path, PathBuf};

/// The folder that `EKIDEN_CONFORMANCE` names. Unset: says SKIP. Set and missing: fails.
pub(crate) fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("EKIDEN_CONFORMANCE") else {
        println!(
            "SKIP: EKIDEN_CONFORMANCE is not set. The data is public: expressions and workflow-parser in \
             github.com/actions/languageservices, lint in github.com/rhysd/actionlint, github.com/actions/starter-workflows"
        );
        return None;
    };
    let folder = PathBuf::from(folder);
    assert!(folder.is_dir(), "EKIDEN_CONFORMANCE names {}, which is no folder", folder.display());
    Some(folder)
}

/// The files of a folder with an extension, in order of their names.
pub(crate) fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == extension))
        .collect();
    files.sort();
    files
}
