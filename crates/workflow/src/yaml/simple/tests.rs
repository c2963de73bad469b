//! What is answered is what the parser answers, and most of what people write is answered.

use super::super::reader::{read_by_parser, read_simply};
use super::super::{FileId, Limits};
use proptest::prelude::*;

/// Whether the text was read; what was read must be what the parser reads.
fn same(text: &str) -> bool {
    let Some(simple) = read_simply(FileId(3), text, &Limits::default()) else { return false };
    let parsed = read_by_parser(FileId(3), text, &Limits::default());
    assert_eq!(Ok(simple), parsed, "{text:?}");
    true
}

#[test]
fn what_is_simple_is_read_as_the_parser_reads_it() {
    for text in [
        "a",
        "a: b",
        "a: b\n",
        "---\na: b\n",
        "# c\n\n---\n# d\na: b # e\n\n",
        "a:\nb:\n",
        "a:\n  b: 1\n  c:\n    - x\n    - y: z\n      w: ~\n    -\n    - - 1\n      - 2\n  d: e\nf: g\n",
        "a:\n- b\n- c: d\n  e: f\ng:\n-\n-\nh: i\n",
        "- a: b\n\n  c: d\n-   e:   f   # g\n- # h\n  i\n",
        "a: 'b'\nc: \"d\"\n'e': f\n\"g\" : h\ni : j\n'k''l': \"\\\\d \\\"x\\\" \\n\"\n",
        "a: [b, c]\nd: {e: f, g: [h, {i: 'j'}]}\nk: [ 'l' , \"m\", ]\nn: []\no: {}\n",
        "a: |\n  b\n  c\nd: >-\n  e\n  f\n\n    g\n   h\n\n\ni: |+\n\n  j\n\n\nk: l\n",
        "a:\n  - |\n    b\n  - >\n    c\n\n    d\n   # e\n  - |-\n     f\n   \n     \n",
        "a: http://b#c:d\ne: f:g - h\ni: -1\nj: --k\nl: a'b\"c\n",
        "a: é\né: [ü, 'ß']\nb: |\n  ä\n  ö\n",
        "a: ${{ b }}\nc: \"${{ d }}\"\ne: b ${{ f }}\n",
        "on:\n  push:\n    branches: [main, 'v*']\njobs:\n  a:\n    steps:\n    - uses: a/b@v1\n      with: {x: y}\n    - run: |\n        make\n",
    ] {
        assert!(same(text), "{text:?}");
    }
}

#[test]
fn what_is_more_or_wrong_is_left_to_the_parser() {
    for text in [
        "",
        "# a\n",
        "a: &b c\n",
        "a: *b\n",
        "a: !!str b\n",
        "? a\n: b\n",
        "a: b\n  c\n",
        "a: b: c\n",
        "a\nb\n",
        "a: - b\n",
        "a: 'b'c\n",
        "a: [b\n",
        "a: [b: c]\n",
        "a: {b}\n",
        "a: |2\n    b\n",
        "a: |\n\nb: c\n",
        "a: |\n  b",
        "a:\tb\n",
        "a: b\r\n",
        "%YAML 1.2\n---\na\n",
        "a\n---\nb\n",
        "a: b\n...\n",
        "a:\n  - b\n - c\n",
        " a: b\nc: d\n",
        "a: \"b\\x41\"\n",
        "a: @b\n",
        "a: 0x100000000\n",
        "a: [b]#c\n",
        "- a\nb: c\n",
        "a: b\n- c\n",
    ] {
        assert!(!same(text), "{text:?}");
    }
    let deep = "- ".repeat(60) + "a\n";
    assert!(!same(&deep));
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,3}",
        "[-a-c:#,.?!&*@%`|>~ 0-9\\[\\]{}'\"é]{0,8}",
        "'[-a-c:#, '\\]}]{0,6}'",
        "\"[-a-c:#, \\\\nt\\]}\"]{0,6}\"",
        "[|>][-+]?",
        "\\[[-a-c:#, '\"{}]{0,8}\\]",
        "\\{a: [-a-c:#, '\"]{0,8}\\}",
        "-?[0-9]{1,3}(\\.[0-9])?",
        Just("true".to_owned()),
        Just(String::new()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let head = prop_oneof![
        Just("a: "),
        Just("b:"),
        Just("- "),
        Just("- - "),
        Just("- a: "),
        Just("c : "),
        Just(""),
        Just("'d': ")
    ];
    let tail = prop_oneof![4 => Just(""), 1 => Just(" # e"), 1 => Just("  "), 1 => Just("#")];
    (0..5_usize, head, word(), tail)
        .prop_map(|(indent, head, word, tail)| format!("{}{head}{word}{tail}", "  ".repeat(indent)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn whatever_the_lines(lines in prop::collection::vec(line(), 0..7), end in "\n{0,2} {0,3}") {
        same(&(lines.join("\n") + &end));
    }

    #[test]
    fn whatever_the_text(text in "[-a-c:#\\[\\]{}, \n|>'\"é\\\\]{0,40}") {
        same(&text);
    }

    #[test]
    fn whatever_the_values(values in prop::collection::vec((word(), 0..3_usize), 1..5)) {
        let text: String = values.iter().map(|(value, indent)| format!("{}a: {value}\n", "  ".repeat(*indent))).collect();
        same(&text);
        same(&values.iter().map(|(value, _)| format!("- {value}\n")).collect::<String>());
    }
}

/// So many times each file is changed; a thousand times as many found nothing more.
const ROUNDS: usize = 20;

/// All YAML files below a folder.
fn files(folder: &std::path::Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "yml" || kind == "yaml") {
            found.extend(std::fs::read_to_string(path));
        }
    }
}

#[test]
fn real_files_and_what_haste_makes_of_them() {
    let Some(folder) = std::env::var_os("EKIDEN_CONFORMANCE") else {
        return eprintln!("SKIP: EKIDEN_CONFORMANCE is not set; it names the folder of public workflow files");
    };
    let mut texts = Vec::new();
    files(std::path::Path::new(&folder), &mut texts);
    let simple = texts.iter().filter(|text| same(text)).count();
    assert!(simple * 2 > texts.len(), "only {simple} of {} are simple", texts.len());
    // A place of each file, chosen by a plain generator of numbers: what stands there goes, comes twice, or becomes something else.
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap_or_default() % below.max(1)
    };
    for text in &texts {
        let lines: Vec<&str> = text.split_inclusive('\n').take(60).collect();
        for _ in 0..ROUNDS {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            let at = random(lines.len());
            let Some(line) = lines.get_mut(at) else { continue };
            let within = (0..=random(line.len())).rev().find(|at| line.is_char_boundary(*at)).unwrap_or_default();
            let new = [
                "", " ", "  ", "\n", ":", ": ", "- ", "#", " #", "'", "\"", "[", "]", "{", ", ", "|", ">", "\\", "&a ",
                "é",
            ][random(20)];
            match random(4) {
                0 => line.insert_str(within, new),
                1 => line.replace_range(within.., new),
                2 => line.insert_str(0, &line.clone()),
                _ => line.replace_range(..within, new),
            }
            same(&lines.concat());
        }
    }
}
