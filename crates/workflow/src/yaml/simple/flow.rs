//! Flow collections that begin and end on one line.

use super::super::tree::Collection;
use super::structure::{Lines, Scalar};

impl<'a> Lines<'a> {
    /// The collection that begins here. It calls itself for those in it; the tree refuses too deep ones.
    pub(super) fn flow(&mut self) -> Option<()> {
        let start = self.span(self.at, self.at + 1);
        let (kind, end) = match self.byte(0) {
            b'[' => (Collection::Sequence, b']'),
            _ => (Collection::Mapping, b'}'),
        };
        self.tree.open(kind, start, 0).ok()?;
        self.at += 1;
        loop {
            self.skip_spaces();
            if self.byte(0) != end {
                match kind {
                    Collection::Sequence => self.flow_node()?,
                    Collection::Mapping => self.flow_pair()?,
                }
                self.skip_spaces();
                if self.byte(0) == b',' {
                    self.at += 1;
                    continue;
                }
            } else if matches!(kind, Collection::Mapping) && self.text[..self.at].trim_end().ends_with(',') {
                // The parser lets such a mapping end at its comma.
                return None;
            }
            if self.byte(0) != end {
                return None;
            }
            let from = self.at;
            self.at += 1;
            self.skip_blank()?;
            let bracket = self.span(from, self.at);
            return self.tree.close(bracket).ok();
        }
    }

    fn flow_pair(&mut self) -> Option<()> {
        let key = self.flow_scalar()?;
        self.place(key)?;
        self.skip_spaces();
        if self.byte(0) != b':' || self.byte(1) != b' ' {
            return None;
        }
        self.at += 1;
        self.skip_spaces();
        self.flow_node()
    }

    fn flow_node(&mut self) -> Option<()> {
        if matches!(self.byte(0), b'[' | b'{') {
            return self.flow();
        }
        let scalar = self.flow_scalar()?;
        self.place(scalar)
    }

    fn flow_scalar(&mut self) -> Option<Scalar<'a>> {
        match self.byte(0) {
            b'"' | b'\'' => self.quoted(),
            _ => self.plain_in_flow(),
        }
    }
}
