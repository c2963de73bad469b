//! Lines of a job on a terminal that we redraw: colours stay, everything that moves the cursor goes.

/// The line without control characters and escape sequences but colours; tabs become spaces.
pub(crate) fn clean(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut colored = false;
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => match chars.next() {
                Some('[') => {
                    let mut parameters = String::new();
                    let mut end = None;
                    for c in chars.by_ref() {
                        if ('\x40'..='\x7e').contains(&c) {
                            end = Some(c);
                            break;
                        }
                        parameters.push(c);
                    }
                    if end == Some('m') && parameters.chars().all(|c| c.is_ascii_digit() || matches!(c, ';' | ':')) {
                        colored = true;
                        out.push_str("\x1b[");
                        out.push_str(&parameters);
                        out.push('m');
                    }
                }
                // A title or link: up to BEL or ESC \.
                Some(']' | 'P' | 'X' | '^' | '_') => {
                    while let Some(c) = chars.next() {
                        if c == '\x07' || (c == '\x1b' && chars.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\t' => out.push_str("    "),
            // Only what came after the last carriage return would be seen.
            '\r' if chars.peek().is_some() => out.clear(),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    if colored {
        out.push_str("\x1b[0m");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn colours_stay_and_the_cursor_does_not_move() {
        assert_eq!(clean("\x1b[1;31merror\x1b[0m: x"), "\x1b[1;31merror\x1b[0m: x\x1b[0m");
        assert_eq!(clean("a\x1b[2J\x1b[10;10Hb\x07\u{9b}c"), "abc");
        assert_eq!(clean("\x1b]0;title\x07text\x1b]8;;http://x\x1b\\link"), "textlink");
        assert_eq!(clean(" 10%\r 20%\r 30%\r"), " 30%");
        assert_eq!(clean("a\tb\x1b"), "a    b");
    }
}
