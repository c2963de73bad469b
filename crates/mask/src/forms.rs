//! The forms in which a secret may show up: as it is, and as common programs encode or quote it. Used by `masker`.
//!
//! `security` R42 and `execution-semantics` 3.6 list them. Each form is text that, when found, is masked whole.

use std::collections::BTreeSet;

/// The shortest value that is masked; a single character would ruin a log (`execution-semantics` 3.6).
pub(crate) const SHORTEST_VALUE: usize = 2;
/// Values with fewer bytes get no encoded forms, and no encoded form is shorter than [`SHORTEST_FORM`]:
/// they would hit unrelated text.
const SHORTEST_ENCODED_VALUE: usize = 3;
const SHORTEST_FORM: usize = 4;
/// Values with more bytes than this are masked as they are, in lines and in base64, but not in the other forms.
const LONGEST_ENCODED_VALUE: usize = 64 * 1024;
/// Columns at which `base64`, `openssl base64` and MIME wrap their output.
const WRAPS: [usize; 2] = [76, 64];

/// Every text to look for when `value` is a secret. Empty when the value is too short to be masked.
pub(crate) fn forms(value: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let lines: Vec<&str> = value.split(['\r', '\n']).map(str::trim).filter(|line| !line.is_empty()).collect();
    // Where every line is masked by itself, a form that spans lines adds nothing, and would swallow line ends.
    let spanning = lines.iter().any(|line| is_short(line));
    let mut bases: Vec<&str> = vec![value, value.trim(), value.trim_end_matches(['\r', '\n'])];
    bases.extend(&lines);
    bases.extend(unquoted(value));
    bases.extend(powershell_parts(value));
    bases.sort_unstable();
    bases.dedup();
    for base in bases.into_iter().filter(|base| !is_short(base)) {
        let plain = base.trim_matches(['\r', '\n']);
        if !is_short(plain) {
            insert(&mut found, plain.to_owned(), spanning);
            insert(&mut found, plain.replace("\r\n", "\n"), spanning);
        }
        if base.len() < SHORTEST_ENCODED_VALUE {
            continue;
        }
        let mut encoded = BTreeSet::new();
        base64_forms(base.as_bytes(), &mut encoded);
        if base.len() <= LONGEST_ENCODED_VALUE {
            let wide: Vec<u8> = base.encode_utf16().flat_map(u16::to_le_bytes).collect();
            base64_forms(&wide, &mut encoded);
            percent_forms(base, &mut encoded);
            json_forms(base, &mut encoded);
            quoted_forms(base, &mut encoded);
            xml_forms(base, &mut encoded);
            hex_forms(base.as_bytes(), &mut encoded);
        }
        for form in encoded.into_iter().filter(|form| form.len() >= SHORTEST_FORM) {
            insert(&mut found, form, spanning);
        }
    }
    found
}

/// Whether a text has too few characters, blanks around it aside, to be masked.
pub(crate) fn is_short(text: &str) -> bool {
    text.trim().chars().nth(SHORTEST_VALUE - 1).is_none()
}

fn insert(found: &mut BTreeSet<String>, form: String, spanning: bool) {
    if spanning || !form.contains('\n') {
        found.insert(form);
    }
}

/// `"secret"` also counts without its quotes (the reference's TrimDoubleQuotes).
fn unquoted(value: &str) -> Option<&str> {
    value.chars().nth(8)?;
    value.strip_prefix('"')?.strip_suffix('"')
}

/// PowerShell prints a command that fails in parts, broken at `&` (the reference's PowerShellPre/PostAmpersandEscape).
fn powershell_parts(value: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    if let Some(at) = value.find("&+") {
        parts.push(&value[..at + 2]);
        let mut rest = value[at + 2..].chars();
        rest.next();
        parts.push(rest.as_str());
    } else if let Some(at) = value.rfind('&') {
        parts.push(&value[..=at]);
        parts.push(&value[at + 1..]);
    }
    parts.retain(|part| part.len() >= 6);
    parts
}

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            let index = bits >> (18 - 6 * place) & 63;
            text.push(char::from(alphabet[index as usize]));
        }
    }
    text
}

/// Base64 of the bytes when 0, 1 or 2 bytes stand before them: the characters that depend on the secret alone, and, for a text
/// that ends with the secret, those to the end with and without padding.
fn base64_forms(bytes: &[u8], forms: &mut BTreeSet<String>) {
    for alphabet in [STANDARD, URL_SAFE] {
        for before in 0..3usize {
            let mut shifted = vec![0; before];
            shifted.extend_from_slice(bytes);
            let whole = base64(&shifted, alphabet);
            let start = (before * 8).div_ceil(6);
            let inner = shifted.len() * 8 / 6;
            if start >= inner {
                continue;
            }
            forms.insert(whole[start..inner].to_owned());
            if inner < whole.len() {
                forms.insert(whole[start..].to_owned());
                forms.insert(format!("{}{}", &whole[start..], "=".repeat((4 - whole.len() % 4) % 4)));
            }
            if before == 0 {
                for columns in WRAPS {
                    if whole.len() > columns {
                        let pieces =
                            whole.as_bytes().chunks(columns).filter_map(|piece| std::str::from_utf8(piece).ok());
                        forms.extend(pieces.filter(|piece| piece.len() >= 8).map(str::to_owned));
                    }
                }
            }
        }
    }
}

/// Percent-encoding as RFC 3986, `encodeURIComponent`, `encodeURI`, forms and Python's `quote` do it, of all but letters and digits,
/// and of every byte; both cases.
fn percent_forms(value: &str, forms: &mut BTreeSet<String>) {
    const KEPT: [&[u8]; 7] = [b"", b"-_.~", b"-_.!~*'()", b"-_.!~*'();/?:@&=+$,#", b"*-._", b"-_.~/", b"_.-"];
    for kept in KEPT {
        for lower in [false, true] {
            let text = percent(value, lower, |byte| byte.is_ascii_alphanumeric() || kept.contains(&byte));
            forms.insert(text.replace("%20", "+"));
            forms.insert(text);
        }
    }
    forms.insert(percent(value, false, |_| false));
    forms.insert(percent(value, true, |_| false));
}

fn percent(value: &str, lower: bool, kept: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(value.len() * 2);
    for byte in value.bytes() {
        if kept(byte) {
            text.push(char::from(byte));
        } else if lower {
            text.push_str(&format!("%{byte:02x}"));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The inside of a JSON string: plain, with HTML's characters as `\u003c` (both cases; .NET escapes a few more), with `\/`, and
/// with all but ASCII as `\uXXXX`.
fn json_forms(value: &str, forms: &mut BTreeSet<String>) {
    for escaped in ["", "<>&\u{85}\u{2028}\u{2029}", "<>&'+`\"\u{85}\u{2028}\u{2029}"] {
        for ascii in [false, true] {
            for slash in [false, true] {
                let text = json(value, escaped, ascii, slash);
                forms.insert(upper_escapes(&text));
                forms.insert(text);
            }
        }
    }
}

fn json(value: &str, escaped: &str, ascii: bool, slash: bool) -> String {
    let mut text = String::with_capacity(value.len() + 8);
    for c in value.chars() {
        match c {
            c if escaped.contains(c) => text.push_str(&format!("\\u{:04x}", c as u32)),
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '/' if slash => text.push_str("\\/"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' && ascii => text.push_str(&format!("\\u{:04x}", c as u32)),
            c if ascii && !c.is_ascii() => {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    text.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => text.push(c),
        }
    }
    text
}

/// `\u00ab` as `\u00AB`.
fn upper_escapes(text: &str) -> String {
    let mut parts = text.split("\\u");
    let mut upper = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_at_checked(4).unwrap_or((part, ""));
        upper.push_str("\\u");
        upper.push_str(&digits.to_uppercase());
        upper.push_str(rest);
    }
    upper
}

/// As shells, command lines and expressions quote it.
fn quoted_forms(value: &str, forms: &mut BTreeSet<String>) {
    forms.insert(value.replace('\'', "'\\''"));
    forms.insert(value.replace('\'', "'\"'\"'"));
    forms.insert(value.replace('\'', "''"));
    forms.insert(value.replace('"', "\\\""));
    forms.insert(value.replace('"', "\"\""));
    forms.insert(value.replace('"', "`\""));
    forms.insert(escape_before(value, |c| matches!(c, '"' | '\\' | '$' | '`')));
    forms.insert(escape_before(value, |c| matches!(c, '"' | '\\' | '$' | '`' | '!')));
    // bash `printf %q`, with and without the characters that only some versions quote
    forms.insert(escape_before(value, |c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./:=@%+".contains(c)));
    forms.insert(escape_before(value, |c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./:=@%+,".contains(c)));
    forms.insert(escape_before(value, |c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./:=@%+,~#".contains(c)));
    forms.insert(escape_before(value, |c| c.is_ascii() && !c.is_ascii_alphanumeric() && !"_-./".contains(c)));
    // bash `$'…'`
    let control = value.replace('\\', "\\\\").replace('\'', "\\'");
    forms.insert(control.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t"));
}

fn escape_before(value: &str, special: impl Fn(char) -> bool) -> String {
    let mut text = String::with_capacity(value.len() * 2);
    for c in value.chars() {
        if special(c) {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// As XML and HTML text or attribute values, in the spellings that common libraries choose.
fn xml_forms(value: &str, forms: &mut BTreeSet<String>) {
    let text = value.replace('&', "&amp;").replace('<', "&lt;");
    forms.insert(text.clone());
    let text = text.replace('>', "&gt;");
    forms.insert(text.clone());
    for double in ["\"", "&quot;", "&#34;", "&#x22;"] {
        for single in ["'", "&apos;", "&#39;", "&#x27;", "&#039;"] {
            forms.insert(text.replace('"', double).replace('\'', single));
        }
    }
}

fn hex_forms(bytes: &[u8], forms: &mut BTreeSet<String>) {
    forms.insert(bytes.iter().map(|byte| format!("{byte:02x}")).collect());
    forms.insert(bytes.iter().map(|byte| format!("{byte:02X}")).collect());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_right_at_every_length() {
        assert_eq!(base64(b"f", STANDARD), "Zg");
        assert_eq!(base64(b"fo", STANDARD), "Zm8");
        assert_eq!(base64(b"foobar", STANDARD), "Zm9vYmFy");
        assert_eq!(base64(&[0xfb, 0xff, 0xfe], URL_SAFE), "-__-");
    }

    #[test]
    fn a_secret_has_its_encoded_forms() {
        let found = forms("p4ss/W0rd+with=chars-and-length");
        for form in [
            "p4ss/W0rd+with=chars-and-length",
            "cDRzcy9XMHJkK3dpdGg9Y2hhcnMtYW5kLWxlbmd0aA==",
            "cDRzcy9XMHJkK3dpdGg9Y2hhcnMtYW5kLWxlbmd0a",
            "c3MvVzByZCt3aXRoPWNoYXJzLWFuZC1sZW5n",
            "p4ss%2FW0rd%2Bwith%3Dchars-and-length",
            "p4ss%2fW0rd%2bwith%3dchars-and-length",
            "703473732f573072642b776974683d63686172732d616e642d6c656e677468",
            "p4ss\\/W0rd+with=chars-and-length",
        ] {
            assert!(found.iter().any(|have| have.contains(form)), "{form}");
        }
    }

    #[test]
    fn lines_count_alone_and_nothing_spans_them() {
        let found = forms("first line\nsecond\r\n");
        assert!(found.contains("first line") && found.contains("second"));
        assert!(found.iter().all(|form| !form.contains('\n')));
        assert!(found.contains("first line\\nsecond\\r\\n"));
        assert!(forms("a\nb").contains("a\nb"), "lines of one character are masked only together");
    }

    #[test]
    fn short_values_have_no_forms() {
        assert!(forms("").is_empty() && forms("x").is_empty() && forms("é").is_empty() && forms("  x \n ").is_empty());
        assert_eq!(forms("ab").into_iter().collect::<Vec<_>>(), ["ab"]);
    }

    #[test]
    fn quoting_follows_the_tools() {
        let found = forms("it's a \"<tag>\" & $more");
        for form in [
            "it'\\''s a \"<tag>\" & $more",
            "it\\'s\\ a\\ \\\"\\<tag\\>\\\"\\ \\&\\ \\$more",
            "it's a \\\"\\u003ctag\\u003e\\\" \\u0026 $more",
            "it&apos;s a &quot;&lt;tag&gt;&quot; &amp; $more",
            "it&#39;s a &#34;&lt;tag&gt;&#34; &amp; $more",
            "it%27s%20a%20%22%3Ctag%3E%22%20%26%20%24more",
            "it%27s+a+%22%3Ctag%3E%22+%26+%24more",
        ] {
            assert!(found.contains(form), "{form}");
        }
    }
}
