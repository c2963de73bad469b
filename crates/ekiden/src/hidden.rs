//! A line of a terminal that must not be seen. The terminal is as it was afterwards, also when Ctrl-C ends the question: keys are read one by
//! one, so that no signal comes between.

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, Read as _};

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;

/// Puts the terminal back.
struct Restore(Termios);

impl Drop for Restore {
    fn drop(&mut self) {
        // Nothing is left to do where the terminal is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}

/// Reads a line of stdin, which is a terminal, without showing it.
///
/// # Errors
/// `Interrupted` by Ctrl-C, `UnexpectedEof` by Ctrl-D or where the terminal ends.
pub(crate) fn line() -> io::Result<String> {
    let before = tcgetattr(io::stdin())?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    let _restore = Restore(before);
    tcsetattr(io::stdin(), OptionalActions::Now, &quiet)?;
    keys(io::stdin().lock().bytes())
}

fn keys(keys: impl Iterator<Item = io::Result<u8>>) -> io::Result<String> {
    let mut line = Vec::new();
    for key in keys {
        match key? {
            b'\n' | b'\r' => return String::from_utf8(line).map_err(io::Error::other),
            CTRL_C => return Err(io::ErrorKind::Interrupted.into()),
            CTRL_D if line.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
            CTRL_D => {}
            CTRL_U => line.clear(),
            8 | 127 => {
                // A whole character.
                while line.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            key => line.push(key),
        }
    }
    Err(io::ErrorKind::UnexpectedEof.into())
}

#[cfg(test)]
mod tests {
    use super::keys;
    use std::io::ErrorKind;

    fn typed(text: &[u8]) -> Result<String, ErrorKind> {
        keys(text.iter().map(|key| Ok(*key))).map_err(|error| error.kind())
    }

    #[test]
    fn keys_make_a_line() {
        assert_eq!(typed(b"secret\nmore").as_deref(), Ok("secret"));
        assert_eq!(typed("aé\u{7f}b\u{8}c\r".as_bytes()).as_deref(), Ok("ac"));
        assert_eq!(typed(b"wrong\x15right\n").as_deref(), Ok("right"));
        assert_eq!(typed(b"abc\x03"), Err(ErrorKind::Interrupted));
        assert_eq!((typed(b"\x04"), typed(b"abc")), (Err(ErrorKind::UnexpectedEof), Err(ErrorKind::UnexpectedEof)));
    }
}
