//! How much a file may ask for.

/// Budgets of one file; the defaults are the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Characters of the text.
    pub characters: usize,
    /// Starts and ends of nodes, with each replay of an anchor counted.
    pub events: u32,
    /// How deep sequences and mappings may lie in each other.
    pub depth: u32,
    /// Bytes of the tree by the reference's rule of thumb: 24 a node, 26 and two a character for each string.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { characters: 1024 * 1024, events: 50_000, depth: 50, bytes: 10 * 1024 * 1024 }
    }
}
