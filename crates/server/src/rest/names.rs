//! Names of secrets and variables, as Gitea has them. Called by the routes of both.

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum NameFault {
    /// Letters, digits and `_` alone, and no digit first.
    #[error(
        "invalid variable or secret name: it has letters, digits and `_` alone, begins with no digit, and is at most 255 long"
    )]
    Form,
    /// The runner's own.
    #[error("invalid variable or secret name: names that begin with GITEA_ or GITHUB_ are the runner's own")]
    Prefix,
    /// The runner's own too.
    #[error("invalid variable or secret name: CI is the runner's own")]
    Ci,
}

/// A name as it is kept: upper case.
///
/// # Errors
/// When it is none, or the runner's own.
pub(super) fn name(text: &str) -> Result<String, NameFault> {
    let mut bytes = text.bytes();
    let is_good = bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 255;
    if !is_good {
        return Err(NameFault::Form);
    }
    let name = text.to_ascii_uppercase();
    if name.starts_with("GITEA_") || name.starts_with("GITHUB_") {
        return Err(NameFault::Prefix);
    }
    if name == "CI" { Err(NameFault::Ci) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::{NameFault, name};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_a_name_stays_one(text in "[A-Za-z0-9_]{0,10}|(?i)git(ea|hub)_?[a-z]{0,3}|\\PC{0,6}") {
            // The same rule again, as Gitea's pattern says it.
            let upper = text.to_ascii_uppercase();
            let good = !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !text.starts_with(|c: char| c.is_ascii_digit())
                && !upper.starts_with("GITEA_") && !upper.starts_with("GITHUB_") && upper != "CI";
            match name(&text) {
                Ok(kept) => {
                    prop_assert!(good, "{}", text);
                    prop_assert_eq!(&kept, &upper);
                    prop_assert_eq!(name(&kept), Ok(upper));
                }
                Err(_) => prop_assert!(!good, "{}", text),
            }
        }
    }

    #[test]
    fn the_cases_of_gitea() {
        for good in ["FOO", "FOO1_BAR2", "_FOO", "GITEA", "GITHUBX"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("1FOO", NameFault::Form),
            ("", NameFault::Form),
            ("A-B", NameFault::Form),
            ("Ä", NameFault::Form),
            ("giteA_xx", NameFault::Prefix),
            ("githuB_xx", NameFault::Prefix),
            ("cI", NameFault::Ci),
        ] {
            assert_eq!(name(bad), Err(why), "{bad}");
        }
        assert_eq!(name(&"A".repeat(256)), Err(NameFault::Form));
    }
}
