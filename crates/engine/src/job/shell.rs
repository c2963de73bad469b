//! How each `shell` starts a script (`execution-semantics` 3.2). Pure; [`super::step`] runs what comes out.

/// The message of a shell that is none; the reference's words.
const INVALID: &str = "Invalid shell option. Shell must be a valid built-in (bash, sh, cmd, powershell, pwsh) or a format string containing '{0}'";

/// A shell as a step asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shell {
    /// The program to look up.
    program: String,
    /// Tried when the sandbox has no such program.
    fallback: Option<&'static str>,
    /// Its arguments with `{0}` for the script, as one text.
    arguments: String,
    /// The ending of the script's file, with its dot.
    extension: &'static str,
    /// What the program needs around the script.
    wrapping: Wrapping,
}

/// What is put around a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    Nothing,
    /// `cmd`
    EchoOff,
    /// `pwsh`, `powershell`
    StopOnError,
}

/// A `shell` that starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{INVALID}")]
pub(crate) struct InvalidShell;

impl Shell {
    /// The shell of a text; the default one for none or an empty text.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self, InvalidShell> {
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(Self {
                program: "bash".to_owned(),
                fallback: Some("sh"),
                arguments: "-e {0}".to_owned(),
                extension: ".sh",
                wrapping: Wrapping::Nothing,
            });
        };
        let (program, rest) = text.split_once(' ').unwrap_or((text, ""));
        let known = BuiltIn::of(program);
        let arguments = match (rest.trim_start(), known) {
            ("", Some(known)) => known.arguments,
            (given, _) => given,
        };
        if program.is_empty() || !arguments.contains("{0}") {
            return Err(InvalidShell);
        }
        Ok(Self {
            program: program.to_owned(),
            fallback: None,
            arguments: arguments.to_owned(),
            extension: known.map_or("", |known| known.extension),
            wrapping: match program {
                "cmd" => Wrapping::EchoOff,
                "pwsh" | "powershell" => Wrapping::StopOnError,
                _ => Wrapping::Nothing,
            },
        })
    }

    /// As the log shows it: `/usr/bin/bash -e {0}`.
    pub(crate) fn label(&self, program: &str) -> String {
        format!("{program} {}", self.arguments)
    }

    /// The ending of the script's file, with its dot, or nothing.
    pub(crate) const fn extension(&self) -> &'static str {
        self.extension
    }

    /// The programs to try, in order.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.program.as_str()).chain(self.fallback)
    }

    /// Program and arguments for a script.
    pub(crate) fn argv(&self, program: &str, script: &str) -> Result<Vec<String>, InvalidShell> {
        let mut argv = vec![program.to_owned()];
        for word in split(&self.arguments) {
            argv.push(fill(&word, script)?);
        }
        Ok(argv)
    }

    /// The text of the script's file.
    pub(crate) fn script(&self, text: &str) -> String {
        match self.wrapping {
            Wrapping::Nothing => text.to_owned(),
            Wrapping::EchoOff => format!("@echo off\n{text}"),
            Wrapping::StopOnError => format!(
                "$ErrorActionPreference = 'stop'\n{text}\nif ((Test-Path -LiteralPath variable:\\LASTEXITCODE)) {{ exit $LASTEXITCODE }}"
            ),
        }
    }
}

struct BuiltIn {
    name: &'static str,
    arguments: &'static str,
    extension: &'static str,
}

impl BuiltIn {
    fn of(program: &str) -> Option<&'static Self> {
        const ALL: [BuiltIn; 6] = [
            BuiltIn { name: "bash", arguments: "--noprofile --norc -e -o pipefail {0}", extension: ".sh" },
            BuiltIn { name: "sh", arguments: "-e {0}", extension: ".sh" },
            BuiltIn { name: "python", arguments: "{0}", extension: ".py" },
            BuiltIn { name: "pwsh", arguments: "-command \". '{0}'\"", extension: ".ps1" },
            BuiltIn { name: "powershell", arguments: "-command \". '{0}'\"", extension: ".ps1" },
            BuiltIn { name: "cmd", arguments: "/D /E:ON /V:OFF /S /C \"CALL \"{0}\"\"", extension: ".cmd" },
        ];
        ALL.iter().find(|known| known.name.eq_ignore_ascii_case(program))
    }
}

/// Splits arguments as the reference's process starter does: blanks part them, double quotes keep them together, a backslash
/// escapes a double quote only.
fn split(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| *c == ' ' || *c == '\t').is_some() {}
        if chars.peek().is_none() {
            return words;
        }
        let mut word = String::new();
        let mut quoted = Quoted::No;
        while let Some(c) = chars.next_if(|c| quoted == Quoted::Yes || !matches!(c, ' ' | '\t')) {
            match c {
                '\\' => {
                    let mut slashes = 1;
                    while chars.next_if_eq(&'\\').is_some() {
                        slashes += 1;
                    }
                    if chars.peek() == Some(&'"') {
                        word.extend(std::iter::repeat_n('\\', slashes / 2));
                        if slashes % 2 == 1 {
                            chars.next();
                            word.push('"');
                        }
                    } else {
                        word.extend(std::iter::repeat_n('\\', slashes));
                    }
                }
                '"' if quoted == Quoted::Yes && chars.peek() == Some(&'"') => {
                    chars.next();
                    word.push('"');
                }
                '"' => quoted = if quoted == Quoted::Yes { Quoted::No } else { Quoted::Yes },
                other => word.push(other),
            }
        }
        words.push(word);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoted {
    Yes,
    No,
}

/// Puts the script's path at `{0}`; `{{` and `}}` stand for one brace, any other brace is an error.
fn fill(word: &str, script: &str) -> Result<String, InvalidShell> {
    let mut filled = String::new();
    let mut rest = word;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let (text, length) = if rest.starts_with("{0}") {
            (script, 3)
        } else if rest.starts_with("{{") {
            ("{", 2)
        } else if rest.starts_with("}}") {
            ("}", 2)
        } else {
            return Err(InvalidShell);
        };
        filled.push_str(text);
        rest = &rest[length..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::{InvalidShell, Shell, split};

    fn argv(shell: Option<&str>) -> Result<Vec<String>, InvalidShell> {
        let shell = Shell::parse(shell)?;
        let program = shell.programs().next().unwrap_or_default().to_owned();
        shell.argv(&program, "/t/s.sh")
    }

    #[test]
    fn each_shell_starts_as_the_reference_starts_it() {
        let cases: [(Option<&str>, &[&str]); 8] = [
            (None, &["bash", "-e", "/t/s.sh"]),
            (Some(""), &["bash", "-e", "/t/s.sh"]),
            (Some("bash"), &["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "/t/s.sh"]),
            (Some("sh"), &["sh", "-e", "/t/s.sh"]),
            (Some("python"), &["python", "/t/s.sh"]),
            (Some("pwsh"), &["pwsh", "-command", ". '/t/s.sh'"]),
            (Some("python3 -u {0} --x"), &["python3", "-u", "/t/s.sh", "--x"]),
            (Some("env FOO=\"a b\" {0}"), &["env", "FOO=a b", "/t/s.sh"]),
        ];
        for (shell, want) in cases {
            assert_eq!(argv(shell).unwrap(), want, "{shell:?}");
        }
    }

    #[test]
    fn a_program_without_a_place_for_the_script_is_refused() {
        for bad in ["perl", "bash -x", "ruby {1}", "x {0} {", " bash {0}"] {
            assert_eq!(argv(Some(bad)), Err(InvalidShell), "{bad}");
        }
    }

    #[test]
    fn only_the_default_falls_back_to_sh() {
        assert_eq!(Shell::parse(None).unwrap().programs().collect::<Vec<_>>(), ["bash", "sh"]);
        assert_eq!(Shell::parse(Some("bash")).unwrap().programs().collect::<Vec<_>>(), ["bash"]);
    }

    #[test]
    fn quotes_and_backslashes() {
        assert_eq!(split(r#"a "b c" d\e "f\"g" "h""i" "#), ["a", "b c", r"d\e", r#"f"g"#, r#"h"i"#]);
        assert_eq!(split(r#""" x"#), ["", "x"]);
    }

    #[test]
    fn powershell_stops_at_errors_and_gives_the_last_exit_code() {
        let shell = Shell::parse(Some("pwsh")).unwrap();
        assert!(shell.script("x").starts_with("$ErrorActionPreference = 'stop'\nx\n"));
        assert_eq!(shell.extension(), ".ps1");
    }
}
