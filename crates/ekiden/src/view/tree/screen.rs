//! From one picture to the next: the bytes that a terminal gets. Called by `live` for every frame.

use std::fmt::Write as _;

/// The size of the terminal, in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Lines.
    pub(super) rows: usize,
    /// Characters of a line.
    pub(super) columns: usize,
}

impl Window {
    /// What is too small to draw in counts as a little more: a terminal may say that it has no size at all.
    pub(super) fn new((rows, columns): (u16, u16)) -> Self {
        Self { rows: usize::from(rows.max(4)), columns: usize::from(columns.max(20)) }
    }
}

/// What stands on the terminal now.
#[derive(Debug, Default)]
pub(super) struct Screen {
    /// The widths of the lines of the last frame: what has to be erased.
    drawn: Vec<usize>,
}

impl Screen {
    /// Erases the last frame, writes `leaving` for good, then the lines. The cursor ends on the line below them.
    pub(super) fn frame(&mut self, window: Window, leaving: &str, lines: &[String]) -> String {
        // As one picture, where the terminal knows how.
        let mut frame = String::from("\x1b[?2026h");
        // A line that was wider than the window is now takes several rows.
        let old: usize = self.drawn.iter().map(|width| (*width).max(1).div_ceil(window.columns)).sum();
        if old > 0 {
            let _never = write!(frame, "\x1b[{old}F");
        }
        if !leaving.is_empty() {
            if old > 0 {
                // All below, but never from the first cell of the window: there tmux takes it for `clear` and keeps a copy.
                frame.push_str("\x1b[2K\x1b[1B\x1b[J\x1b[1A");
            }
            frame.push_str(leaving);
        }
        self.drawn.clear();
        for line in lines {
            let line = console::truncate_str(line, window.columns - 1, "…");
            self.drawn.push(console::measure_text_width(&line));
            let _never = writeln!(frame, "{line}\x1b[0m\x1b[K");
        }
        if old > 0 {
            frame.push_str("\x1b[J");
        }
        frame.push_str("\x1b[?2026l");
        frame
    }

    /// Somebody else has written to the terminal: what stands there stays.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }
}
