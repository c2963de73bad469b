//! Ids of jobs and steps: checked, and made up where none was given.

use std::collections::{HashMap, HashSet};

/// Up to so many ids are compared one by one.
const FEW: usize = 16;

/// As long as a made-up id may be.
const LONGEST: usize = 99;

/// The ids of one scope.
#[derive(Debug, Default)]
pub(super) struct Ids {
    /// Ids in lower case, while there are few.
    few: Vec<String>,
    /// All of them, once there are more.
    taken: HashSet<String>,
    /// The number to try next for a made-up id.
    next: HashMap<String, u32>,
}

impl Ids {
    /// Takes an id that was written; says what is wrong with it.
    pub(super) fn add(&mut self, id: &str) -> Result<(), String> {
        check(id)?;
        if !self.take(id.to_ascii_lowercase()) {
            return Err(format!("The identifier '{id}' may not be used more than once within the same scope."));
        }
        Ok(())
    }

    /// Takes an id in lower case; says whether it was free.
    fn take(&mut self, id: String) -> bool {
        if !self.taken.is_empty() {
            return self.taken.insert(id);
        }
        if self.few.contains(&id) {
            return false;
        }
        if self.few.len() == FEW {
            self.taken.extend(std::mem::take(&mut self.few));
            return self.taken.insert(id);
        }
        self.few.push(id);
        true
    }

    /// Makes up a free id like `__run`, `__run_2` for what a step does.
    pub(super) fn generate(&mut self, what: &str) -> String {
        let legal = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
        let mut base = String::with_capacity(what.len() + 8);
        base.push_str("__");
        base.extend(what.chars().map(legal).take(LONGEST - base.len()));
        let mut attempt = self.next.get(&base).copied().unwrap_or(1);
        loop {
            let mut candidate = base.clone();
            if attempt > 1 {
                let suffix = format!("_{attempt}");
                candidate.truncate(LONGEST - suffix.len());
                candidate.push_str(&suffix);
            }
            if self.take(candidate.to_ascii_lowercase()) {
                match self.next.get_mut(&base) {
                    Some(next) => *next = attempt + 1,
                    None => {
                        self.next.insert(base, attempt + 1);
                    }
                }
                return candidate;
            }
            attempt += 1;
        }
    }
}

/// Checks the form of an id that a person wrote.
pub(super) fn check(id: &str) -> Result<(), String> {
    let mut bytes = id.bytes();
    let formed = id.len() < 100
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if !formed {
        return Err(format!(
            "The identifier '{id}' is invalid. IDs may only contain alphanumeric characters, '_', and '-'. \
             IDs must start with a letter or '_' and must be less than 100 characters."
        ));
    }
    if id.starts_with("__") {
        return Err(format!("The identifier '{id}' is invalid. IDs starting with '__' are reserved."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Ids;

    #[test]
    fn made_up_ids_are_free_and_short() {
        let mut ids = Ids::default();
        assert!(ids.add("a").is_ok() && ids.add("A").is_err() && ids.add("__a").is_err() && ids.add("1").is_err());
        assert_eq!(ids.generate("run"), "__run");
        assert_eq!(ids.generate("run"), "__run_2");
        assert_eq!(ids.generate("actions/check.out"), "__actions_check_out");
        for number in 3..100 {
            assert_eq!(ids.generate("run"), format!("__run_{number}"));
        }
        assert!(ids.add("A").is_err() && ids.add("b").is_ok() && ids.add("B").is_err());
        let long = "é".repeat(300);
        assert_eq!(ids.generate(&long).len(), 99);
        assert!(ids.generate(&long).ends_with("_2"));
    }
}
