//! The globs of `hashFiles`: the semantics of `@actions/glob` with hidden files matched and braces, extended globs and
//! case-folding off. Pure: paths in, verdicts out; who walks a tree asks [`Globs`] what to enter and what to take.
//! (`execution-semantics` 1.8.)

mod pattern;
mod segment;

pub use pattern::GlobError;
use pattern::Pattern;

/// What a path matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Nothing.
    Nothing,
    /// A pattern that ends with `/`: counts for directories.
    Directory,
    /// Counts for files and directories.
    All,
}

/// A list of patterns, later ones overriding earlier ones.
#[derive(Debug, Clone)]
pub struct Globs {
    patterns: Vec<Pattern>,
}

impl Globs {
    /// Parses patterns, one a line; blank lines and lines that begin with `#` are left out. `directory`: what relative patterns
    /// start from; `home`: what `~` stands for. Both absolute.
    ///
    /// # Errors
    /// When a pattern holds `..`, or `.` other than at its start, or a glob for its root.
    pub fn parse(patterns: &str, directory: &str, home: &str) -> Result<Self, GlobError> {
        let mut parsed = Vec::new();
        for line in patterns.split('\n').map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let pattern = Pattern::parse(line, directory, home)?;
            // What a pattern names is taken with all it holds.
            let descendants = pattern.with_descendants();
            parsed.push(pattern);
            parsed.extend(descendants);
        }
        Ok(Self { patterns: parsed })
    }

    /// Where a walk starts, in the order of the patterns; a directory that lies in another one is left out.
    #[must_use]
    pub fn search_paths(&self) -> Vec<&str> {
        let mut all: Vec<&str> = Vec::new();
        for pattern in self.patterns.iter().filter(|pattern| !pattern.negated()) {
            if !all.contains(&pattern.search_path()) {
                all.push(pattern.search_path());
            }
        }
        let below = |path: &str, top: &str| {
            path != top && (top == "/" || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/')))
        };
        all.iter().filter(|path| !all.iter().any(|top| below(path, top))).copied().collect()
    }

    /// What the absolute path matches.
    #[must_use]
    pub fn matches(&self, path: &str) -> Match {
        let mut verdict = Match::Nothing;
        for pattern in &self.patterns {
            verdict = match (pattern.matches(path), pattern.negated(), verdict) {
                (Match::Nothing, _, before) => before,
                (Match::All, true, _) | (Match::Directory, true, Match::Directory | Match::Nothing) => Match::Nothing,
                // Only directories are taken back; a file that matched stays.
                (Match::Directory, true, Match::All) => Match::All,
                (Match::All, false, _) | (_, false, Match::All) => Match::All,
                (Match::Directory, false, _) => Match::Directory,
            };
        }
        verdict
    }

    /// Whether something below the absolute path may match.
    #[must_use]
    pub fn may_match_below(&self, path: &str) -> bool {
        self.patterns.iter().any(|pattern| !pattern.negated() && pattern.may_match_below(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(patterns: &str) -> Globs {
        Globs::parse(patterns, "/w", "/home/me").unwrap()
    }
    fn hit(patterns: &str, path: &str) -> bool {
        globs(patterns).matches(path) == Match::All
    }

    #[test]
    fn stars_questions_and_classes() {
        assert!(hit("*.rs", "/w/a.rs") && hit("*.rs", "/w/.rs"));
        assert!(!hit("*.rs", "/w/d/a.rs") && hit("**/*.rs", "/w/d/a.rs") && hit("**/*.rs", "/w/a.rs"));
        assert!(hit("a?c", "/w/abc") && !hit("a?c", "/w/ac") && !hit("a?c", "/w/a/c"));
        assert!(hit("[ab]x", "/w/ax") && !hit("[!ab]x", "/w/ax") && hit("[^ab]x", "/w/cx") && hit("[a-c]", "/w/b"));
        assert!(hit("[]x]", "/w/]") && hit("[a", "/w/[a") && hit("a]", "/w/a]") && hit(r"\[a]", "/w/[a]"));
        assert!(hit("{a,b}", "/w/{a,b}") && !hit("{a,b}", "/w/a") && hit("+(a)", "/w/+(a)"));
        assert!(hit(r"a\*", "/w/a*") && !hit(r"a\*", "/w/ab"));
        assert!(hit("a**b", "/w/axxb") && !hit("a**b", "/w/a/b"));
    }

    #[test]
    fn directories_bring_what_they_hold() {
        assert!(hit("d", "/w/d") && hit("d", "/w/d/e/f") && !hit("d", "/w/dd"));
        assert!(hit("d/**", "/w/d/e") && hit("d/**", "/w/d"));
        assert_eq!(globs("d/").matches("/w/d"), Match::Directory);
        assert!(hit("d/", "/w/d/e"));
        assert!(hit("**", "/w/a") && hit("**", "/w"));
    }

    #[test]
    fn later_patterns_override() {
        assert!(!hit("**\n!**/x", "/w/a/x") && hit("**\n!**/x\n**/x", "/w/a/x"));
        assert!(hit("!!a", "/w/a") && !hit("a\n!a", "/w/a/b"));
        assert!(hit(" # no\n\n  a ", "/w/a"));
        assert!(hit("a/**\n!a/b/", "/w/a/b"), "only the directory is taken back");
        assert!(!hit("a/**\n!a/b/", "/w/a/b/c"));
    }

    #[test]
    fn where_walks_start() {
        assert_eq!(globs("a/b/*.c\na\nz/[x]/y\n!q").search_paths(), ["/w/a", "/w/z/x/y"]);
        assert_eq!(globs("**/a\nb").search_paths(), ["/w"]);
        assert_eq!(globs("~/x\n/abs/y*").search_paths(), ["/home/me/x", "/abs"]);
        assert_eq!(globs("/*").search_paths(), ["/"]);
        assert_eq!(globs("./a").search_paths(), ["/w/a"]);
    }

    #[test]
    fn parts_tell_what_to_enter() {
        let globs = globs("a/*/c/**/d");
        for enter in ["/", "/w", "/w/a", "/w/a/x", "/w/a/x/c", "/w/a/x/c/y/z"] {
            assert!(globs.may_match_below(enter), "{enter}");
        }
        for spare in ["/v", "/w/b", "/w/a/x/e"] {
            assert!(!globs.may_match_below(spare), "{spare}");
        }
    }

    #[test]
    fn wrong_patterns() {
        for bad in ["a/../b", "..", "a/./b", "!../x", "!"] {
            assert!(Globs::parse(bad, "/w", "/h").is_err(), "{bad}");
        }
        assert!(Globs::parse("./a", "/w", "/h").is_ok());
    }

    #[test]
    fn globs_in_the_workspace_path_are_text() {
        let globs = Globs::parse("a*", "/w/[x]*", "/h").unwrap();
        assert_eq!(globs.matches("/w/[x]*/ab"), Match::All);
        assert_eq!(globs.search_paths(), ["/w/[x]*"]);
    }
}
