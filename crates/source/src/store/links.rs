//! Whether a symbolic link of a fetched tree stays inside the tree. Pure: it is decided before anything is written.

use std::collections::{BTreeMap, BTreeSet};

/// The links of a tree, by path, and its folders.
#[derive(Debug, Default)]
pub(super) struct Links<'a> {
    pub(super) targets: BTreeMap<&'a str, &'a str>,
}

impl Links<'_> {
    /// The links that leave the tree, or whose way leads through one that does or through a circle of more than 40.
    pub(super) fn leaving(&self) -> BTreeSet<&str> {
        self.targets.keys().copied().filter(|path| !self.stays(path)).collect()
    }

    fn stays(&self, path: &str) -> bool {
        let mut hops = 0;
        // What is still to be walked, the next part last; what was walked holds no link.
        let mut ahead: Vec<&str> = path.split('/').rev().collect();
        let mut walked: Vec<&str> = Vec::new();
        while let Some(part) = ahead.pop() {
            match part {
                "" | "." => {}
                ".." => {
                    if walked.pop().is_none() {
                        return false;
                    }
                }
                name => {
                    walked.push(name);
                    if let Some(target) = self.targets.get(walked.join("/").as_str()) {
                        hops += 1;
                        if target.starts_with('/') {
                            return false;
                        }
                        if hops > 40 {
                            // A circle leads nowhere: the system refuses it too.
                            return true;
                        }
                        walked.pop();
                        ahead.extend(target.split('/').rev());
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::Links;

    fn leaving(links: &[(&'static str, &'static str)]) -> Vec<String> {
        Links { targets: links.iter().copied().collect() }.leaving().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn links_inside_stay() {
        assert!(
            leaving(&[("a", "b"), ("d/e", "../b"), ("d/f", "./../d"), ("x", ""), ("y", "missing/../z"), ("c", "c")])
                .is_empty()
        );
    }

    #[test]
    fn links_that_climb_or_are_absolute_leave() {
        assert_eq!(
            leaving(&[("a", "/etc/passwd"), ("b", ".."), ("d/e", "../../x"), ("d/f", "../x/../../y")]),
            ["a", "b", "d/e", "d/f"]
        );
    }

    #[test]
    fn climbing_through_another_link_leaves() {
        // By its text `a/b/c/..` is inside; by its way it is above the top.
        assert_eq!(leaving(&[("a/b/c", "../.."), ("e", "a/b/c/..")]), ["e"]);
        assert_eq!(leaving(&[("a", "b"), ("b", "../c")]), ["a", "b"]);
    }
}
