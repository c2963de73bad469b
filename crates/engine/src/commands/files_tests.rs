//! Tests of `files`: the reference's rules line by line.

use super::*;
use proptest::prelude::*;

fn read_pairs(text: &str) -> (Vec<(String, String)>, Result<(), CommandFileError>) {
    let mut found = Vec::new();
    let result = pairs(text, |name, value| found.push((name.to_owned(), value.to_owned())));
    (found, result)
}

fn good(text: &str) -> Vec<(String, String)> {
    let (found, result) = read_pairs(text);
    assert_eq!(result, Ok(()), "{text:?}");
    found
}

fn all(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn one_line_values_keep_every_character() {
    assert_eq!(good("a=1\nb= x \n\nc=\nd=e=f"), all(&[("a", "1"), ("b", " x "), ("c", ""), ("d", "e=f")]));
    assert_eq!(good("a=x<<y\n b =1\r\n"), all(&[("a", "x<<y"), (" b ", "1\r")]));
}

#[test]
fn heredocs_keep_inner_line_ends_and_drop_the_last() {
    assert_eq!(good("a<<END\none\ntwo=2\n\nEND\nb=1\n"), all(&[("a", "one\ntwo=2\n"), ("b", "1")]));
    assert_eq!(good("a<<END\nEND"), all(&[("a", "")]));
    assert_eq!(good("a<<END\n\nEND"), all(&[("a", "")]));
    assert_eq!(good("a<<=\nx\n=\n"), all(&[("a", "x")]));
    assert_eq!(good("a<<E F \n END\nE F \n"), all(&[("a", " END")]));
    assert_eq!(good("a<<b<<c\nx\nb<<c\n"), all(&[("a", "x")]));
    assert_eq!(good("a<<E\r\nx\r\nE\r\n"), all(&[("a", "x\r")]), "\\r belongs to value and delimiter alike");
}

#[test]
fn wrong_entries_end_the_file_but_not_what_was_before() {
    let wrong = [
        ("ok=1\nno-equals\nlater=2", CommandFileError::Format("no-equals".into())),
        ("ok=1\n=x", CommandFileError::EmptyName("=x".into())),
        ("ok=1\n<<X\n", CommandFileError::EmptyHeredoc("<<X".into())),
        ("ok=1\na<<\n", CommandFileError::EmptyHeredoc("a<<".into())),
        ("ok=1\na<<X\nvalue\n", CommandFileError::DelimiterNotFound("X".into())),
        ("ok=1\na<<X\nvalue", CommandFileError::UnfinishedLine),
        ("ok=1\na<<X\nvalue\nX\r\n", CommandFileError::DelimiterNotFound("X".into())),
    ];
    for (text, error) in wrong {
        assert_eq!(read_pairs(text), (all(&[("ok", "1")]), Err(error)), "{text:?}");
    }
}

#[test]
fn marks_choose_the_encoding() {
    let text = "naïve=€😀";
    let utf16: Vec<u16> = text.encode_utf16().collect();
    let with = |mark: &[u8], rest: Vec<u8>| [mark, &rest].concat();
    let le = utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    let be = utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let wide = text.chars().flat_map(|c| (c as u32).to_le_bytes()).collect();
    let wide_be = text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect();
    assert_eq!(decode(text.as_bytes()), text);
    assert_eq!(decode(&with(&[0xef, 0xbb, 0xbf], text.into())), text);
    assert_eq!(decode(&with(&[0xff, 0xfe], le)), text);
    assert_eq!(decode(&with(&[0xfe, 0xff], be)), text);
    assert_eq!(decode(&with(&[0xff, 0xfe, 0, 0], wide)), text);
    assert_eq!(decode(&with(&[0, 0, 0xfe, 0xff], wide_be)), text);
    assert_eq!(decode(b"a=\xff"), "a=\u{fffd}");
}

#[test]
fn a_wrong_file_fails_the_step_with_two_annotations() {
    let said = process(CommandFile::Env, &Collected::Content(b"A=1\nbad\n".to_vec()));
    let messages: Vec<&str> = said
        .iter()
        .filter_map(|said| if let Said::Annotate { message, .. } = said { Some(&**message) } else { None })
        .collect();
    assert_eq!(messages, ["Unable to process file command 'env' successfully.", "Invalid format 'bad'"]);
    assert!(said.contains(&Said::Change(Effect::Env { name: "A".into(), value: "1".into() })));
    assert_eq!(said.last(), Some(&Said::Fail));
}

#[test]
fn node_options_are_refused_without_failing() {
    let said = process(CommandFile::Env, &Collected::Content(b"Node_Options=--x\nA=1\n".to_vec()));
    assert!(
        matches!(&said[0], Said::Annotate { message, .. } if message == "Can't store NODE_OPTIONS output parameter using '$GITHUB_ENV' command.")
    );
    assert!(
        said.contains(&Said::Change(Effect::Env { name: "A".into(), value: "1".into() }))
            && !said.contains(&Said::Fail)
    );
}

#[test]
fn paths_split_at_every_kind_of_line_end() {
    let said = process(CommandFile::Path, &Collected::Content(b"/a\r\n/b\r/c\n\n".to_vec()));
    assert_eq!(said, ["/a", "/b", "/c"].map(|path| Said::Change(Effect::Path(path.into()))));
}

#[test]
fn summaries_have_a_limit_that_fails_nothing() {
    let whole = "x".repeat(1024 * 1024);
    assert_eq!(process(CommandFile::Summary, &Collected::Content(whole.clone().into())), [Said::Summary(whole)]);
    let said = process(CommandFile::Summary, &Collected::TooLarge { size: 5 * 1024 * 1024 });
    assert!(
        matches!(&said[..], [Said::Annotate { message, .. }] if message.contains("up to a size of 1024k, got 5120k"))
    );
    assert_eq!(process(CommandFile::Summary, &Collected::Content(Vec::new())), []);
    assert_eq!(process(CommandFile::Output, &Collected::Absent), []);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read(entries in prop::collection::vec(("[A-Za-z_][A-Za-z0-9_ .-]{0,8}", "[ -~\n\ré=<]{0,30}"), 0..8)) {
        let mut text = String::new();
        for (name, value) in &entries {
            if value.contains('\n') || value.len() % 2 == 0 {
                text.push_str(&format!("{name}<<-end of it-\n{value}\n-end of it-\n"));
            } else {
                text.push_str(&format!("{name}={value}\n"));
            }
        }
        let (found, result) = read_pairs(&text);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(found, entries);
    }

    #[test]
    fn no_file_breaks_it(content in prop::collection::vec(prop_oneof![Just(b'='), Just(b'<'), Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..80)) {
        for file in CommandFile::ALL {
            let said = process(file, &Collected::Content(content.clone()));
            let failed = said.contains(&Said::Fail);
            prop_assert_eq!(failed, said.iter().any(|said| matches!(said, Said::Annotate { message, .. } if message.starts_with("Unable to process"))));
        }
    }
}
