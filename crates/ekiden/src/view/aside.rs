//! What is said beside a run while it is shown: that it is being cancelled, that this process was stopped and goes on. Where a tree
//! is drawn on the same terminal, the tree takes it into its picture, or its rows would no longer be where it thinks they are.

use crate::style;
use std::io::{self, IsTerminal as _};
use std::sync::{Arc, Mutex, PoisonError};

/// One thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// A remark, ready to print.
    Note(String),
    /// This process was stopped (Ctrl-Z) and goes on: the terminal has changed meanwhile.
    Resumed,
}

/// Where it goes; its copies are one.
#[derive(Debug, Clone)]
pub(crate) enum Aside {
    /// To stderr at once.
    Stderr,
    /// To the tree's next frame.
    Tree(Arc<Mutex<Vec<Said>>>),
}

impl Aside {
    /// For a tree on stdout.
    pub(crate) fn of_tree() -> Self {
        Self::Tree(Arc::default())
    }

    /// Says it.
    pub(crate) fn note(&self, text: impl std::fmt::Display) {
        match self {
            Self::Tree(queue) if io::stderr().is_terminal() => push(queue, Said::Note(style::note_line(text))),
            Self::Stderr | Self::Tree(_) => style::note(text),
        }
    }

    /// This process goes on.
    pub(crate) fn resumed(&self) {
        if let Self::Tree(queue) = self {
            push(queue, Said::Resumed);
        }
    }

    /// What the tree has not taken yet.
    pub(crate) fn take(&self) -> Vec<Said> {
        match self {
            Self::Stderr => Vec::new(),
            Self::Tree(queue) => std::mem::take(&mut queue.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

fn push(queue: &Mutex<Vec<Said>>, said: Said) {
    queue.lock().unwrap_or_else(PoisonError::into_inner).push(said);
}
