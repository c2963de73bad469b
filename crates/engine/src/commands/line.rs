//! One line of output as a command: `::name key=value,…::data` at its start, or `##[name key=value;…]data` anywhere in it.
//!
//! Exactly as the reference's `ActionCommand`: the name must be registered, else the line is plain text.

/// A command as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenCommand<'line> {
    /// Its name as written; names are compared without case.
    pub name: &'line str,
    /// Its properties, unescaped, in order. Keys are compared without case, and the last one holds.
    pub properties: Vec<(&'line str, String)>,
    /// What follows, unescaped.
    pub data: String,
}

impl WrittenCommand<'_> {
    /// The value of a property.
    #[must_use]
    pub fn property(&self, key: &str) -> Option<&str> {
        self.properties.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, value)| value.as_str())
    }
}

const MARK: &str = "::";
const OLD_MARK: &str = "##[";

/// Whether a line may be a command at all; a quick look before [`parse`].
#[must_use]
pub fn may_be_command(line: &str) -> bool {
    line.trim_start().starts_with(MARK) || line.contains(OLD_MARK)
}

/// Reads a line as a command. `is_registered` knows the names (and the stop token of the moment).
pub fn parse(line: &str, is_registered: impl Fn(&str) -> bool) -> Option<WrittenCommand<'_>> {
    parse_new(line, &is_registered).or_else(|| parse_old(line, &is_registered))
}

fn parse_new<'line>(line: &'line str, is_registered: &impl Fn(&str) -> bool) -> Option<WrittenCommand<'line>> {
    let (head, data) = line.trim_start().strip_prefix(MARK)?.split_once(MARK)?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    is_registered(name).then(|| WrittenCommand {
        name,
        properties: split_properties(properties.trim(), ',', &[("%3A", ":"), ("%2C", ",")]),
        data: unescape(data, &[]),
    })
}

fn parse_old<'line>(line: &'line str, is_registered: &impl Fn(&str) -> bool) -> Option<WrittenCommand<'line>> {
    const ESCAPES: &[(&str, &str)] = &[("%3B", ";"), ("%5D", "]")];
    let (_, rest) = line.split_once(OLD_MARK)?;
    let (head, data) = rest.split_once(']')?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    is_registered(name).then(|| WrittenCommand {
        name,
        properties: split_properties(properties, ';', ESCAPES),
        data: unescape(data, ESCAPES),
    })
}

/// `a=1,b=2`. Empty parts, keys and values do not count; `=` signs around the first one are one (as .NET splits).
fn split_properties<'line>(text: &'line str, border: char, escapes: &[(&str, &str)]) -> Vec<(&'line str, String)> {
    let pair = |part: &'line str| {
        let (key, value) = part.trim_start_matches('=').split_once('=')?;
        let value = value.trim_start_matches('=');
        (!value.is_empty()).then(|| (key, unescape(value, escapes)))
    };
    text.split(border).filter_map(pair).collect()
}

/// Turns `%0D`, `%0A`, `%25` and the given escapes back; everything else stays, lower-case digits too.
fn unescape(text: &str, escapes: &[(&str, &str)]) -> String {
    const ALWAYS: &[(&str, &str)] = &[("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        plain.push_str(&rest[..at]);
        rest = &rest[at..];
        let known = ALWAYS.iter().chain(escapes).find(|(escape, _)| rest.starts_with(escape));
        let (escape, meant) = known.copied().unwrap_or(("%", "%"));
        plain.push_str(meant);
        rest = &rest[escape.len()..];
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Option<(String, Vec<(String, String)>, String)>;

    fn read(line: &str) -> Read {
        let known = |name: &str| ["error", "set-output"].iter().any(|known| known.eq_ignore_ascii_case(name));
        let command = parse(line, known)?;
        let properties = command.properties.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Some((command.name.to_owned(), properties, command.data))
    }

    fn command(name: &str, properties: &[(&str, &str)], data: &str) -> Read {
        let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Some((name.to_owned(), properties, data.to_owned()))
    }

    #[test]
    fn the_new_form() {
        assert_eq!(read("::error::text"), command("error", &[], "text"));
        assert_eq!(
            read(" \t::ERROR file=a.rs,line=3::a::b"),
            command("ERROR", &[("file", "a.rs"), ("line", "3")], "a::b")
        );
        assert_eq!(
            read("::error file=a%3Ab%2Cc%25%0A::x%3A%0D%0A%25%0a"),
            command("error", &[("file", "a:b,c%\n")], "x%3A\r\n%%0a")
        );
        assert_eq!(
            read("::error  , a=1,,=b,c=,d==4=5, e = 6 ::"),
            command("error", &[(" a", "1"), ("d", "4=5"), (" e ", " 6")], "")
        );
        assert_eq!(read("::error::"), command("error", &[], ""));
    }

    #[test]
    fn the_old_form_stands_anywhere() {
        assert_eq!(
            read("before ##[error file=a;line=3]text%5D%3B"),
            command("error", &[("file", "a"), ("line", "3")], "text];")
        );
        assert_eq!(read("##[set-output name=x]1,2"), command("set-output", &[("name", "x")], "1,2"));
        assert_eq!(read("::unknown::##[error]x"), command("error", &[], "x"));
    }

    #[test]
    fn everything_else_is_text() {
        for line in [
            "",
            "error",
            "::error",
            "::error:",
            ":: error::x",
            "x ::error::y",
            "##[error",
            "##[other]x",
            "::other::x",
            "::::",
            "##[]",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    #[test]
    fn percent_signs_are_unescaped_once() {
        assert_eq!(unescape("%250A%0A%25%%2", &[]), "%0A\n%%%2");
    }

    use proptest::prelude::*;

    fn escaped(text: &str, more: &[(char, &str)]) -> String {
        let always = [('%', "%25"), ('\r', "%0D"), ('\n', "%0A")];
        let escape = |c: char| {
            always
                .iter()
                .chain(more)
                .find(|(plain, _)| *plain == c)
                .map_or(c.to_string(), |(_, escape)| (*escape).to_owned())
        };
        text.chars().map(escape).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_is_escaped_is_read(title in "[!-<>-~é%:,\r\n][ -~é%:,\r\n]{0,20}[!-~]", data in "[ -~é%\r\n]{0,30}") {
            let line = format!("::error title={}::{}", escaped(&title, &[(':', "%3A"), (',', "%2C")]), escaped(&data, &[]));
            prop_assert_eq!(read(&line), command("error", &[("title", &title)], &data));
            let old = [(';', "%3B"), (']', "%5D")];
            let line = format!("##[error title={}]{}", escaped(&title, &old), escaped(&data, &old));
            prop_assert_eq!(read(&line), command("error", &[("title", &title)], &data));
        }

        #[test]
        fn no_line_breaks_it(line in "(::|##\\[| |error|[\\]=,;%:a-z0-9é]){0,40}") {
            if read(&line).is_some() {
                prop_assert!(may_be_command(&line));
            }
        }
    }
}
