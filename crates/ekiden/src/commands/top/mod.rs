//! `ekiden top`: what waits, what runs, and who runs it, live on a terminal. It only looks.

mod draw;
mod look;
mod screen;

pub(crate) use screen::run;
