//! Where the history of a job's repository ends that has fewer commits than its mirror.

use super::mirror::{Mirror, MirrorError};
use crate::git::Git;
use crate::repository::CommitId;
use std::collections::{HashMap, HashSet};

/// The commits whose parents a history of `depth` commits does not have.
pub(super) fn boundary(mirror: &Mirror<'_>, commit: &CommitId, depth: u32) -> Result<Vec<String>, MirrorError> {
    if depth == 1 {
        return Ok(vec![commit.to_string()]);
    }
    // Where the mirror's own history ends, that of the job does too.
    let cut = fs_err::read_to_string(mirror.git_dir.join("shallow")).unwrap_or_default();
    let cut: HashSet<&str> = cut.lines().collect();
    let mut most: u64 = u64::from(depth).saturating_mul(8);
    loop {
        let output = Git::in_repository(&mirror.git_dir)
            .args(["rev-list", "--parents", &format!("--max-count={most}"), commit.as_str(), "--"])
            .output()?;
        let text = String::from_utf8_lossy(&output);
        let known: HashMap<&str, Vec<&str>> = text
            .lines()
            .filter_map(|line| {
                let mut ids = line.split(' ');
                Some((ids.next()?, ids.collect()))
            })
            .collect();
        let whole = (known.len() as u64) < most;
        match walk(&known, &cut, commit.as_str(), depth) {
            Some(boundary) => return Ok(boundary),
            // A merge leads far back: more is read.
            None if !whole => most = most.saturating_mul(8),
            None => return Ok(Vec::new()),
        }
    }
}

/// `None` when the list ends too early.
fn walk(known: &HashMap<&str, Vec<&str>>, cut: &HashSet<&str>, commit: &str, depth: u32) -> Option<Vec<String>> {
    let (mut level, mut seen) = (vec![commit.to_owned()], HashSet::from([commit.to_owned()]));
    let mut boundary = Vec::new();
    for _ in 1..depth {
        let mut next = Vec::new();
        for id in &level {
            if cut.contains(id.as_str()) {
                boundary.push(id.clone());
                continue;
            }
            for parent in known.get(id.as_str())? {
                if seen.insert((*parent).to_owned()) {
                    next.push((*parent).to_owned());
                }
            }
        }
        if next.is_empty() {
            return Some(boundary);
        }
        level = next;
    }
    // A first commit is no boundary: nothing lies behind it.
    for id in level {
        if cut.contains(id.as_str()) || !known.get(id.as_str())?.is_empty() {
            boundary.push(id);
        }
    }
    Some(boundary)
}

#[cfg(test)]
mod tests {
    use super::walk;
    use std::collections::{HashMap, HashSet};

    #[test]
    fn a_history_ends_after_its_depth() {
        // d - c - b - a, and c also from x - a.
        let known =
            HashMap::from([("d", vec!["c"]), ("c", vec!["b", "x"]), ("b", vec!["a"]), ("x", vec!["a"]), ("a", vec![])]);
        let of = |depth| walk(&known, &HashSet::new(), "d", depth).unwrap();
        assert_eq!(of(2), ["c"]);
        assert_eq!(of(3), ["b", "x"]);
        assert_eq!(of(4), Vec::<String>::new(), "the first commit ends it by itself");
        assert_eq!(of(9), Vec::<String>::new());
        assert_eq!(walk(&HashMap::from([("d", vec!["c"])]), &HashSet::new(), "d", 2), None);
        let cut = HashMap::from([("d", vec!["c"]), ("c", vec![])]);
        assert_eq!(walk(&cut, &HashSet::from(["c"]), "d", 5).unwrap(), ["c"], "the mirror's own end");
    }
}
