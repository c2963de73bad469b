//! Patterns of `branches`, `tags` and `paths` that cannot match what their author thinks (GitHub's filter pattern cheat sheet and
//! `git check-ref-format`).

/// What is wrong with a pattern of branches or tags.
pub(super) fn reference_problems(pattern: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let body = negated(pattern, &mut problems);
    shape(body, &mut problems);
    let mut escaped = false;
    for c in body.chars() {
        match c {
            _ if escaped => {
                escaped = false;
                if !"[?*+\\!".contains(c) {
                    problems.push(format!(
                        "'\\' may stand only before one of '[', '?', '*', '+', '\\' and '!', not before '{c}'"
                    ));
                } else if c != '+' && c != '!' {
                    problems.push(format!("the name of a branch or tag cannot hold '{c}'"));
                }
            }
            '\\' => escaped = true,
            ' ' | '~' | '^' | ':' | '\t' | '\n' => {
                problems.push(format!("the name of a branch or tag cannot hold '{}'", c.escape_default()));
            }
            _ => {}
        }
    }
    if body.starts_with('/') {
        problems.push("the name of a branch or tag cannot start with '/'".to_owned());
    }
    if body.ends_with('/') || body.ends_with('.') {
        problems.push("the name of a branch or tag cannot end with '/' or '.'".to_owned());
    }
    if body.contains("//") || body.contains("..") {
        problems.push("the name of a branch or tag cannot hold '//' or '..'".to_owned());
    }
    problems
}

/// What is wrong with a pattern of paths.
pub(super) fn path_problems(pattern: &str) -> Vec<String> {
    let mut problems = Vec::new();
    if pattern.trim() != pattern || pattern.starts_with("! ") {
        problems.push("a path does not begin or end with a space".to_owned());
    }
    let body = negated(pattern, &mut problems);
    if body.split('/').any(|segment| segment == "." || segment == "..") {
        problems.push("'.' and '..' are not resolved: a path is written from the top of the repository".to_owned());
    }
    shape(body, &mut problems);
    problems
}

fn negated<'a>(pattern: &'a str, problems: &mut Vec<String>) -> &'a str {
    match pattern.strip_prefix('!') {
        Some("") => {
            problems.push("nothing follows the '!'".to_owned());
            ""
        }
        Some(body) => body,
        None => pattern,
    }
}

/// Brackets and repetitions.
fn shape(pattern: &str, problems: &mut Vec<String>) {
    let chars: Vec<char> = pattern.chars().collect();
    let mut at = 0;
    let mut repeatable = false;
    while let Some(c) = chars.get(at) {
        match c {
            '\\' => {
                at += 1;
                repeatable = at < chars.len();
                if !repeatable {
                    problems.push("nothing follows the last '\\'".to_owned());
                }
            }
            '?' | '+' => {
                if !repeatable {
                    problems.push(format!("'{c}' repeats the character before it, and there is none"));
                }
                repeatable = false;
            }
            '*' => repeatable = false,
            '[' => match chars[at + 1..].iter().position(|c| *c == ']') {
                None => {
                    problems.push("a '[' is not closed by ']'".to_owned());
                    return;
                }
                Some(length) => {
                    class(&chars[at + 1..at + 1 + length], problems);
                    at += length + 1;
                    repeatable = true;
                }
            },
            _ => repeatable = true,
        }
        at += 1;
    }
}

/// What stands between `[` and `]`.
fn class(chars: &[char], problems: &mut Vec<String>) {
    match chars {
        [] => problems.push("'[]' matches nothing".to_owned()),
        [one] => problems.push(format!("'[{one}]' is just '{one}'")),
        _ => {}
    }
    for window in chars.windows(3) {
        if let [low, '-', high] = window
            && low > high
        {
            problems.push(format!("the range '{low}-{high}' runs backwards"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_patterns() {
        for good in ["main", "**", "feature/**", "v[0-9]+.[0-9]+", "releases/v1*", "!x", "*.x?", "v\\+1", "a-b_c"] {
            assert_eq!(reference_problems(good), [""; 0], "{good}");
        }
        for good in ["docs/**", "**.js", "!src/*.md", "a b/c", "*", ".github/**", "**/.x", "a?.rs"] {
            assert_eq!(path_problems(good), [""; 0], "{good}");
        }
    }

    #[test]
    fn bad_patterns() {
        for bad in ["a b", "/a", "a/", "[x]", "[]", "[a", "[9-0]", "!", "a^b", "v\\d", "?a", "+", "a*?", "a..b", "a\\"]
        {
            assert_ne!(reference_problems(bad), [""; 0], "{bad}");
        }
        for bad in [" a", "a ", "./a", "a/../b", "..", "!", "[a", "[b-a]c"] {
            assert_ne!(path_problems(bad), [""; 0], "{bad}");
        }
    }
}
