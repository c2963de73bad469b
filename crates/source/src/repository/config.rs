//! The syntax of git's configuration files, read without git: sections, subsections, keys, quoted and continued values.
//!
//! Used for the facts of a repository and to write the cleaned configuration of a view. Included files are not followed.

/// One `key = value` of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The section, lower case.
    pub section: String,
    /// The subsection, as written.
    pub subsection: Option<String>,
    /// The key, lower case.
    pub key: String,
    /// The value; `None` for a key alone, which means true.
    pub value: Option<String>,
}

/// The entries of a file, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Config {
    /// All of them; a later one overrides an earlier one of the same name.
    pub entries: Vec<Entry>,
}

impl Config {
    /// Reads what is well-formed; a broken line is left out, as nothing of it may decide anything.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut parser =
            Parser { rest: text.strip_prefix('\u{feff}').unwrap_or(text), section: None, entries: Vec::new() };
        parser.run();
        Self { entries: parser.entries }
    }

    /// The last value of a key; section and key in lower case. A key alone gives `true`.
    #[must_use]
    pub fn get(&self, section: &str, subsection: Option<&str>, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .rev()
            .find(|entry| entry.section == section && entry.subsection.as_deref() == subsection && entry.key == key)
            .map(|entry| entry.value.as_deref().unwrap_or("true"))
    }

    /// The subsections of a section, in order, each once.
    #[must_use]
    pub fn subsections(&self, section: &str) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in
            self.entries.iter().filter(|entry| entry.section == section).filter_map(|entry| entry.subsection.as_deref())
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The text of a file with these entries.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let mut current: Option<(&str, Option<&str>)> = None;
        for entry in &self.entries {
            let section = (entry.section.as_str(), entry.subsection.as_deref());
            if current != Some(section) {
                match section.1 {
                    Some(subsection) => {
                        text.push_str(&format!(
                            "[{} \"{}\"]\n",
                            section.0,
                            subsection.replace('\\', "\\\\").replace('"', "\\\"")
                        ));
                    }
                    None => text.push_str(&format!("[{}]\n", section.0)),
                }
                current = Some(section);
            }
            match &entry.value {
                Some(value) => text.push_str(&format!("\t{} = {}\n", entry.key, quoted(value))),
                None => text.push_str(&format!("\t{}\n", entry.key)),
            }
        }
        text
    }
}

fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('"');
    for character in value.chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\t' => text.push_str("\\t"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

struct Parser<'a> {
    rest: &'a str,
    section: Option<(String, Option<String>)>,
    entries: Vec<Entry>,
}

impl Parser<'_> {
    fn run(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.chars().next() {
                None => return,
                Some('#' | ';') => self.skip_line(),
                Some('[') => self.header(),
                Some(c) if c.is_ascii_alphabetic() => self.entry(),
                Some(_) => self.skip_line(),
            }
        }
    }

    fn skip_line(&mut self) {
        self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end + 1..]);
    }

    fn header(&mut self) {
        self.section = None;
        let body = &self.rest[1..];
        let Some(end) = body.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '.')) else {
            return self.skip_line();
        };
        let name = &body[..end];
        let after = body[end..].trim_start_matches([' ', '\t']);
        if let Some(rest) = after.strip_prefix(']') {
            // The old form `[section.sub]` is case-insensitive.
            self.section = match name.split_once('.') {
                Some((section, sub)) => Some((section.to_ascii_lowercase(), Some(sub.to_ascii_lowercase()))),
                None => Some((name.to_ascii_lowercase(), None)),
            };
            self.rest = rest;
            return;
        }
        let Some(quoted) = after.strip_prefix('"') else { return self.skip_line() };
        let mut subsection = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    match quoted[at + 1..].strip_prefix(']') {
                        Some(rest) => {
                            self.section = Some((name.to_ascii_lowercase(), Some(subsection)));
                            self.rest = rest;
                        }
                        None => self.skip_line(),
                    }
                    return;
                }
                '\n' => return self.skip_line(),
                '\\' => {
                    if let Some((_, escaped)) = characters.next() {
                        subsection.push(escaped);
                    }
                }
                other => subsection.push(other),
            }
        }
        self.rest = "";
    }

    fn entry(&mut self) {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).unwrap_or(self.rest.len());
        let key = self.rest[..end].to_ascii_lowercase();
        self.rest = self.rest[end..].trim_start_matches([' ', '\t']);
        let value = match self.rest.strip_prefix('=') {
            Some(rest) => {
                self.rest = rest;
                match self.value() {
                    Some(value) => Some(value),
                    None => return,
                }
            }
            None => {
                self.skip_line();
                None
            }
        };
        if let Some((section, subsection)) = &self.section {
            self.entries.push(Entry { section: section.clone(), subsection: subsection.clone(), key, value });
        }
    }

    /// The value up to the end of its line; `None` when a quote stays open or an escape is unknown.
    fn value(&mut self) -> Option<String> {
        let text = self.rest;
        let mut value = String::new();
        let mut kept = 0;
        let mut in_quotes = false;
        let mut in_comment = false;
        let mut wrong = false;
        let mut characters = text.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                '\n' => {
                    self.rest = &text[at + 1..];
                    value.truncate(kept);
                    return (!in_quotes && !wrong).then_some(value);
                }
                _ if in_comment => {}
                '"' => {
                    in_quotes = !in_quotes;
                    kept = value.len();
                }
                '#' | ';' if !in_quotes => in_comment = true,
                '\\' => {
                    match characters.next().map(|(_, escaped)| escaped) {
                        Some('n') => value.push('\n'),
                        Some('t') => value.push('\t'),
                        Some('b') => value.push('\u{8}'),
                        Some(same @ ('"' | '\\')) => value.push(same),
                        Some('\n') => {}
                        Some('\r') if text[at..].starts_with("\\\r\n") => {
                            characters.next();
                        }
                        _ => wrong = true,
                    }
                    kept = value.len();
                }
                ' ' | '\t' | '\r' if !in_quotes => {
                    if !value.is_empty() {
                        value.push(character);
                    }
                }
                other => {
                    value.push(other);
                    kept = value.len();
                }
            }
        }
        self.rest = "";
        value.truncate(kept);
        (!in_quotes && !wrong).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::Config;

    const TEXT: &str = "\u{feff}# head\n[core]\n\tbare = false ; no\n\tFileMode\n[remote \"a \\\"b\\\\\"] url = https://x/\\\n  y \n\
        [Branch.Old]\n\tmerge = \"refs # kept\"  # gone\n[alias]\n x = !f() {\\n \\\"q\\\" }\n broken = \"open\n[core] bare = true\n";

    #[test]
    fn the_syntax_of_git() {
        let config = Config::parse(TEXT);
        assert_eq!(config.get("core", None, "bare"), Some("true"));
        assert_eq!(config.get("core", None, "filemode"), Some("true"));
        assert_eq!(config.get("remote", Some("a \"b\\"), "url"), Some("https://x/  y"));
        assert_eq!(config.get("branch", Some("old"), "merge"), Some("refs # kept"));
        assert_eq!(config.get("alias", None, "x"), Some("!f() {\n \"q\" }"));
        assert_eq!(config.get("alias", None, "broken"), None);
        assert_eq!(config.subsections("remote"), ["a \"b\\"]);
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let config = Config::parse(TEXT);
        assert_eq!(Config::parse(&config.to_text()), config);
    }

    #[test]
    fn broken_input_ends() {
        for text in ["[", "[a", "[a \"", "[a]\nx", "[a]\nx=\\", "=", "[a]]\n[b] c=d", "é[", "[a \"b\\"] {
            let _ = Config::parse(text);
        }
    }
}
