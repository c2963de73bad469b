//! Reads the YAML that nearly all workflow files consist of, several times as fast as the parser of the whole language does: block
//! mappings and sequences, scalars and flow collections of one line, block scalars, comments. Where anything else stands, or
//! anything that is wrong, nothing is answered and the parser reads the file from its start; what is answered is what the parser
//! would answer, place for place (`tests` below holds the one against the other). [`super::read()`] calls it.

mod block_scalar;
mod flow;
mod scalar;
mod structure;
#[cfg(test)]
mod tests;

pub(super) use structure::read;
