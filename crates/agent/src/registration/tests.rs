//! The file: what is written reads the same, nobody else reads it, nothing is overwritten.

use super::*;
use std::os::unix::fs::PermissionsExt;

fn registration() -> Registration {
    Registration {
        instance: "https://forge.example.org/git".to_owned(),
        id: RunnerId(7),
        name: "r1".to_owned(),
        key: RunnerKey { uuid: RunnerUuid("u".to_owned()), token: Secret::new("hidden") },
        labels: ["linux", "box:host", "u:docker://node:20"].map(|label| Label::parse(label).unwrap()).into(),
        life: RunnerLife::Ephemeral,
    }
}

#[test]
fn what_is_written_reads_the_same_and_is_its_owners_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = RegistrationFile::of(&folder.path().join("deep"));
    assert!(matches!(file.load(), Err(RegistrationError::Missing { .. })));
    file.must_be_free().unwrap();
    file.create(&registration()).unwrap();
    assert_eq!(file.load().unwrap(), registration());
    assert_eq!(fs_err::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
    file.remove().unwrap();
    file.remove().unwrap();
    assert!(matches!(file.load(), Err(RegistrationError::Missing { .. })));
}

#[test]
fn a_registration_is_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = RegistrationFile::of(folder.path());
    file.create(&registration()).unwrap();
    let other = Registration { name: "other".to_owned(), ..registration() };
    assert!(matches!(file.create(&other), Err(RegistrationError::Present { .. })));
    assert!(matches!(file.must_be_free(), Err(RegistrationError::Present { .. })));
    assert_eq!(file.load().unwrap().name, "r1");
    // Nothing half written is left beside it.
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn what_another_wrote_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = RegistrationFile::of(folder.path());
    fs_err::write(file.path(), "{\"version\": 2}").unwrap();
    assert!(matches!(file.load(), Err(RegistrationError::Version { version: 2, .. })));
    fs_err::write(file.path(), "{\"instance\": ").unwrap();
    assert!(matches!(file.load(), Err(RegistrationError::Content { .. })));
}
