//! Labels of GitHub's hosted runners and of self-hosted ones, and which of them exclude each other.

/// The operating system that a label stands for; labels of two systems never meet on one runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum System {
    /// Ubuntu or any Linux.
    Linux,
    /// macOS.
    MacOs,
    /// Windows.
    Windows,
}

/// What is known of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its system, when it names one.
    pub(crate) system: Option<System>,
    /// Which exact hosted image it is; two different ones exclude each other even on one system. `None` for generic labels.
    pub(crate) image: Option<&'static str>,
}

const UBUNTU: &[(&str, &str)] = &[
    ("ubuntu-latest", "24.04"),
    ("ubuntu-latest-4-cores", "24.04"),
    ("ubuntu-latest-8-cores", "24.04"),
    ("ubuntu-latest-16-cores", "24.04"),
    ("ubuntu-26.04", "26.04"),
    ("ubuntu-26.04-arm", "26.04-arm"),
    ("ubuntu-24.04", "24.04"),
    ("ubuntu-24.04-arm", "24.04-arm"),
    ("ubuntu-22.04", "22.04"),
    ("ubuntu-22.04-arm", "22.04-arm"),
    ("ubuntu-slim", "slim"),
];
const WINDOWS: &[(&str, &str)] = &[
    ("windows-latest", "2025"),
    ("windows-latest-8-cores", "2025"),
    ("windows-2025", "2025"),
    ("windows-2025-vs2026", "2025-vs2026"),
    ("windows-2022", "2022"),
    ("windows-11-arm", "11-arm"),
];
const MACOS: &[(&str, &str)] = &[
    ("macos-latest", "15"),
    ("macos-latest-large", "15-large"),
    ("macos-latest-xlarge", "15"),
    ("macos-26", "26"),
    ("macos-26-intel", "26-intel"),
    ("macos-26-large", "26-large"),
    ("macos-26-xlarge", "26"),
    ("macos-15", "15"),
    ("macos-15-intel", "15-intel"),
    ("macos-15-large", "15-large"),
    ("macos-15-xlarge", "15"),
    ("macos-14", "14"),
    ("macos-14-large", "14-large"),
    ("macos-14-xlarge", "14"),
    ("macos-13", "13"),
    ("macos-13-large", "13-large"),
    ("macos-13-xlarge", "13"),
];
const GENERIC: &[(&str, Option<System>)] = &[
    ("self-hosted", None),
    ("x64", None),
    ("arm", None),
    ("arm64", None),
    ("linux", Some(System::Linux)),
    ("macos", Some(System::MacOs)),
    ("windows", Some(System::Windows)),
];

/// Looks a label up, ignoring case; `None` for one that nobody publishes.
pub(crate) fn known(label: &str) -> Option<Label> {
    for (system, table) in [(System::Linux, UBUNTU), (System::Windows, WINDOWS), (System::MacOs, MACOS)] {
        if let Some((_, image)) = table.iter().find(|(name, _)| name.eq_ignore_ascii_case(label)) {
            return Some(Label { system: Some(system), image: Some(image) });
        }
    }
    let (_, system) = GENERIC.iter().find(|(name, _)| name.eq_ignore_ascii_case(label))?;
    Some(Label { system: *system, image: None })
}

/// Whether no runner can have both.
pub(crate) fn conflict(a: Label, b: Label) -> bool {
    match (a.system, b.system) {
        (Some(x), Some(y)) if x != y => true,
        _ => matches!((a.image, b.image), (Some(x), Some(y)) if x != y),
    }
}

/// The known label nearest to a misspelt one.
pub(crate) fn all() -> impl Iterator<Item = &'static str> {
    [UBUNTU, WINDOWS, MACOS].into_iter().flatten().map(|(name, _)| *name).chain(GENERIC.iter().map(|(name, _)| *name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_two_systems_or_two_images_conflict() {
        let label = |name| known(name).unwrap_or_else(|| panic!("{name}"));
        assert!(conflict(label("ubuntu-latest"), label("windows-latest")));
        assert!(conflict(label("ubuntu-22.04"), label("Ubuntu-24.04")));
        assert!(!conflict(label("ubuntu-latest"), label("linux")));
        assert!(!conflict(label("self-hosted"), label("macOS")));
        assert!(known("macos-10.15").is_none() && known("ubuntu-oldest").is_none());
    }
}
