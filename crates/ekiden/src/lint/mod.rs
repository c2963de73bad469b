//! What `ekiden lint` looks at and how: find the files, check them all beside each other, print what was found.

mod check;
mod find;
mod sarif;
mod spread;

pub(crate) use check::{Checked, Excerpts, check};
pub(crate) use find::{Target, find};
pub(crate) use sarif::sarif;
