//! Properties of the masker: a secret never leaves it in any form, whatever the chunks, and clean text is never touched.

#![expect(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use base64::Engine as _;
use base64::engine::general_purpose as b64;
use mask::{Added, MASK, Masker};
use proptest::prelude::*;

/// Encodes as programs do; written with other libraries than the masker uses.
fn encodings(secret: &str, prefix: &str) -> Vec<(&'static str, String)> {
    let after = format!("{prefix}{secret}");
    let wide: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let percent = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
    let json = serde_json::to_string(secret).unwrap();
    let json = json[1..json.len() - 1].to_owned();
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut found = vec![
        ("raw", secret.to_owned()),
        ("trimmed", secret.trim().to_owned()),
        ("base64", b64::STANDARD.encode(secret)),
        ("base64 unpadded", b64::STANDARD_NO_PAD.encode(secret)),
        ("base64 url", b64::URL_SAFE.encode(secret)),
        ("base64 after others", b64::STANDARD.encode(&after)),
        ("base64 url after others", b64::URL_SAFE_NO_PAD.encode(&after)),
        ("base64 utf-16", b64::STANDARD.encode(wide)),
        ("percent lower", percent.bytes().map(char::from).collect::<String>()),
        ("json", json.clone()),
        ("json html", json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")),
        ("hex upper", hex.to_uppercase()),
        ("hex", hex),
        ("single quotes", secret.replace('\'', "'\\''")),
        ("double quotes", secret.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$").replace('`', "\\`")),
        (
            "xml",
            secret
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&apos;"),
        ),
    ];
    found.extend(
        secret
            .split(['\r', '\n'])
            .map(str::trim)
            .filter(|line| line.chars().count() > 1)
            .map(|line| ("line", line.to_owned())),
    );
    found
}

fn stream(masker: &Masker, text: &[u8], splits: &[usize]) -> String {
    let (mut stream, mut out, mut from) = (masker.stream(), Vec::new(), 0);
    let mut cuts: Vec<usize> = splits.iter().map(|cut| cut % (text.len() + 1)).collect();
    cuts.sort_unstable();
    for cut in cuts.into_iter().chain([text.len()]) {
        stream.push(&text[from..cut], &mut out);
        from = cut;
    }
    stream.finish(&mut out);
    String::from_utf8(out).unwrap()
}

fn secret() -> impl Strategy<Value = String> {
    prop_oneof![
        "[!-~]{3,40}",
        "[a-zA-Z0-9+/=_-]{8,60}",
        "[ -~\n\té€😀]{4,30}".prop_filter("not blank", |text| text.trim().chars().count() > 3),
        "(-----BEGIN KEY-----\n)([a-zA-Z0-9+/]{64}\n){1,6}-----END KEY-----\n",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_form_of_a_secret_leaves(secret in secret(), prefix in "[a-z]{1,2}", around in "[g-w ]{0,20}", splits in prop::collection::vec(any::<usize>(), 0..12)) {
        let masker = Masker::new();
        prop_assert_eq!(masker.add(&secret), Added::Masked);
        for (name, form) in encodings(&secret, &prefix) {
            // What stays of a form that depends on its neighbours is the partial first and last character of base64.
            let core = if name.ends_with("others") {
                let (start, end) = ((prefix.len() * 8).div_ceil(6), (prefix.len() + secret.len()) * 8 / 6);
                form[start..end].to_owned()
            } else { form.clone() };
            if core.len() < 4 { continue; }
            let text = format!("{around}{form}{around}\n");
            let masked = stream(&masker, text.as_bytes(), &splits);
            prop_assert!(!masked.contains(&core), "{name}: {core:?} in {masked:?}");
            let at_once = masker.mask_text(&text);
            prop_assert!(!at_once.contains(&core), "{name} at once");
            prop_assert_eq!(&*at_once, masked.as_str(), "{}", name);
        }
    }

    #[test]
    fn splits_change_nothing(secrets in prop::collection::vec("[ab]{2,9}", 1..6), text in "[abc\n]{0,200}", splits in prop::collection::vec(any::<usize>(), 0..40)) {
        let masker = Masker::new();
        for secret in &secrets { masker.add(secret); }
        let masked = stream(&masker, text.as_bytes(), &splits);
        prop_assert_eq!(&*masker.mask_text(&text), masked.as_str());
        for secret in &secrets { prop_assert!(!masked.contains(secret.as_str())); }
        prop_assert_eq!(&masked, &naive(&secrets, &text));
        // What is suspected often is looked for in another way.
        for _ in 0..40 { prop_assert_eq!(&*masker.mask_text(&text), masked.as_str()); }
    }

    #[test]
    fn clean_text_is_untouched(secrets in prop::collection::vec("[A-Z0-9]{6,30}", 0..8), text in "[a-z \n.]{0,300}", splits in prop::collection::vec(any::<usize>(), 0..12)) {
        let masker = Masker::new();
        // hex in lower case is the only form that may look like clean text
        for secret in &secrets { masker.add(secret); }
        let text = text.replace(|c: char| c.is_ascii_hexdigit(), "-");
        prop_assert_eq!(stream(&masker, text.as_bytes(), &splits), text);
    }
}

/// The definition: every place of every secret, merged where they overlap or touch.
fn naive(secrets: &[String], text: &str) -> String {
    let mut hidden = vec![false; text.len()];
    let mut joined = vec![false; text.len() + 1];
    for secret in secrets {
        for start in (0..text.len()).filter(|start| text[*start..].starts_with(secret.as_str())) {
            hidden[start..start + secret.len()].fill(true);
            joined[start..start + secret.len()].fill(true);
        }
    }
    let mut out = String::new();
    for (at, c) in text.char_indices() {
        match (hidden[at], at > 0 && hidden[at - 1]) {
            (true, false) => out.push_str(MASK),
            (true, true) => {}
            (false, _) => out.push(c),
        }
    }
    out
}

#[test]
fn a_secret_added_on_the_way_counts_at_once() {
    let masker = Masker::new();
    let (mut stream, mut out) = (masker.stream(), Vec::new());
    stream.push(b"late-value\n", &mut out);
    masker.add("late-value");
    stream.push(b"late-value late-", &mut out);
    assert_eq!(out, b"late-value\n*** ");
    stream.push(b"comer\n", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, b"late-value\n*** late-comer\n");
}

#[test]
fn the_longest_of_overlapping_secrets_is_hidden_whole() {
    let masker = Masker::new();
    for secret in ["abc", "abcdef", "defghi"] {
        masker.add(secret);
    }
    assert_eq!(masker.mask_text("x abcdef y abcdefghi z abcdex"), "x *** y *** z ***dex");
}

#[test]
fn very_long_secrets_are_hidden_whole() {
    let masker = Masker::new();
    let long: String = (0..20_000).map(|n| char::from(b'a' + (n * n % 23) as u8)).collect();
    masker.add(&long);
    masker.add(&format!("{}Q", &long[..5000]));
    assert_eq!(masker.mask_text(&format!("<{long}>")), "<***>");
    assert_eq!(masker.mask_text(&format!("<{}Q>", &long[..5000])), "<***>");
    let almost = format!("<{}!>", &long[..19_999]);
    assert_eq!(masker.mask_text(&almost), almost);
}

#[test]
fn thousands_of_secrets_one_by_one_are_all_found() {
    let masker = Masker::new();
    let mut stream = masker.stream();
    let mut out = Vec::new();
    for n in 0..2_000 {
        masker.add(&format!("secret-number-{n:08}"));
        stream.push(format!("secret-number-{n:08}\n").as_bytes(), &mut out);
    }
    stream.finish(&mut out);
    assert_eq!(out, "***\n".repeat(2_000).as_bytes());
}

#[test]
fn short_values_are_told() {
    let masker = Masker::new();
    assert_eq!(masker.add(""), Added::TooShort);
    assert_eq!(masker.add("x"), Added::TooShort);
    assert_eq!(masker.add(" \n "), Added::TooShort);
    assert_eq!(masker.add("xy"), Added::Masked);
    assert_eq!(masker.mask_text("x xy"), "x ***");
    assert!(masker.holds_secret("an xy in it") && !masker.holds_secret("nothing"));
}
