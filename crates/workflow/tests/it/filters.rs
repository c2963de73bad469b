//! Filter patterns: what they match. The rows are facts known from the documentation of GitHub and from the
//! behaviour of act and actionlint.

use workflow::filters::{Pattern, Verdict, judge};
use workflow::model::Filter;
use workflow::yaml::{Span, Spanned};

fn filter(ignore: bool, patterns: &[&str]) -> Filter {
    let patterns = patterns.iter().map(|pattern| Spanned::new((*pattern).to_owned(), Span::default())).collect();
    Filter { ignore, patterns }
}

/// Pattern, what it matches, what it does not.
type Row = (&'static str, &'static [&'static str], &'static [&'static str]);

const ROWS: &[Row] = &[
    ("*", &["main", "releases", "README.md", "server.rb", ""], &["path/with/slash", "a/"]),
    ("**", &["all/the/branches", "every/tag", "a", "", "all/the/files.md"], &[]),
    ("feature/*", &["feature/my-branch", "feature/"], &["feature", "feature/a/b", "xfeature/a"]),
    ("feature/**", &["feature/beta-a/my-branch", "feature/mona/the/octocat", "feature/"], &["feature", "features/a"]),
    (
        "releases/mona-the-octocat",
        &["releases/mona-the-octocat"],
        &["releases/mona-the-octocat2", "Releases/mona-the-octocat"],
    ),
    ("*feature", &["mona-feature", "feature", "ver-10-feature"], &["feature2", "a/feature"]),
    ("v2*", &["v2", "v2.0", "v2.9"], &["v1", "v2/0"]),
    ("v[12].[0-9]+.[0-9]+", &["v1.10.1", "v2.0.0"], &["v3.0.0", "v1.1", "v1x1.1", "v1..1"]),
    (".yml", &[".yml"], &["fyml"]),
    ("*.jsx?", &["page.js", "page.jsx"], &["page.jsxx", "page.j"]),
    ("**.js", &["index.js", "js/index.js", "src/js/app.js"], &["a.ts", "index.jsx"]),
    ("docs/*", &["docs/README.md", "docs/file.txt"], &["docs/a/b", "docs"]),
    (
        "docs/**/*.md",
        &["docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md"],
        &["docs/a.txt", "a/docs/b.md"],
    ),
    ("**/docs/**", &["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"], &["xdocs/a", "docs"]),
    ("**/README.md", &["README.md", "js/README.md"], &["xREADME.md", "README.md/x"]),
    ("**/*src/**", &["a/src/app.js", "my-src/code/js/app.js"], &["src2/app.js"]),
    ("**/*-post.md", &["my-post.md", "path/their-post.md"], &["post.md"]),
    ("**/migrate-*.sql", &["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"], &["migrate.sql"]),
    ("\\!file", &["!file"], &["file"]),
    ("escape\\\\backslash", &["escape\\backslash"], &["escapebackslash"]),
    ("a+", &["a", "aaa"], &["", "ab"]),
    ("ab?c", &["ac", "abc"], &["abbc"]),
    ("[a-c]x", &["ax", "cx"], &["dx", "x", "abx"]),
    ("[ab.]", &["a", "."], &["c", "x"]),
    ("[^a]", &["^", "a"], &["b"]),
    ("[a-zA-Z_]+[0-9]?", &["a_B", "a1"], &["1", "a12"]),
    ("é?a", &["a", "éa"], &["ééa"]),
    ("a.b(c)$", &["a.b(c)$"], &["axb(c)$", "a.bc"]),
    ("a**/b", &["a/b", "axx/y/b"], &["ab"]),
];

#[test]
fn patterns_match_whole_texts() {
    for (pattern, yes, no) in ROWS {
        let compiled = Pattern::compile(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}"));
        for text in *yes {
            assert!(compiled.is_match(text), "{pattern} should match {text}");
        }
        for text in *no {
            assert!(!compiled.is_match(text), "{pattern} should not match {text}");
        }
    }
}

#[test]
fn the_last_match_decides() {
    let held = |ignore, patterns: &[&str], text: &str| judge(&filter(ignore, patterns), text).unwrap() == Verdict::Held;
    let list = ["*.md", "!README.md"];
    assert!(!held(false, &list, "hello.md"));
    assert!(held(false, &list, "README.md"));
    assert!(held(false, &list, "docs/hello.md"));
    let back = ["*.md", "!README.md", "README*"];
    for text in ["hello.md", "README.md", "README.doc"] {
        assert!(!held(false, &back, text), "{text}");
    }
    assert!(held(true, &list, "hello.md"));
    assert!(!held(true, &list, "README.md"));
    assert!(!held(true, &list, "docs/hello.md"));
}

#[test]
fn broken_patterns_do_not_compile() {
    for pattern in
        ["", "!", "?", "+", "*?", "a++", "a??", "[", "[]", "[a", "[a-]", "[b-a]", "[a-Z]", "a\\", "**+", "!?"]
    {
        assert!(Pattern::compile(pattern).is_err(), "{pattern}");
    }
}

mod any {
    use proptest::prelude::*;
    use workflow::filters::Pattern;

    proptest! {
        #[test]
        fn no_pattern_panics(pattern in "[a-c\\[\\]*?+!/\\\\. \u{e9}0-9-]{0,12}", text in "[a-c/.]{0,8}") {
            match Pattern::compile(&pattern) {
                Ok(compiled) => { let _ = compiled.is_match(&text); }
                Err(fault) => prop_assert!(fault.position <= pattern.len()),
            }
        }

        #[test]
        fn a_text_matches_itself(text in "[a-zA-Z0-9/._-]{1,20}") {
            prop_assert!(Pattern::compile(&text).unwrap().is_match(&text));
            prop_assert!(Pattern::compile("**").unwrap().is_match(&text));
        }
    }
}
