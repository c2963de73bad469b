//! The live tree on a terminal: finished jobs scroll away, what runs is redrawn in place. The cursor is never hidden, and no mode
//! of the terminal is changed, so that an end at any moment leaves it usable. `lines` says what stands there, `screen` how the
//! terminal gets from one picture to the next, `live` reads the events.

mod lines;
mod live;
mod screen;
#[cfg(test)]
mod tests;

pub(crate) use live::Tree;
