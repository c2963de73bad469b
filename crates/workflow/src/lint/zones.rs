//! The time zones of the IANA database, which `on.schedule` takes. The list is that of its release 2025b.

const NAMES: &str = include_str!("zones.txt");

/// Whether there is such a zone; the database's names are written in one way.
pub(super) fn is_known(name: &str) -> bool {
    all().any(|known| known == name)
}

/// Every zone.
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    NAMES.lines()
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn zones_are_places() {
        assert!(is_known("Europe/Berlin") && is_known("America/Argentina/Buenos_Aires") && is_known("Asia/Kolkata"));
        assert!(!is_known("Asia/Somewhere") && !is_known("UTC") && !is_known("local") && !is_known("europe/berlin"));
    }
}
