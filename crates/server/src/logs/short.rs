//! A log that comes whole in one call, as that of a short job does: it becomes its object at once, and no file is made only to be packed and removed a moment
//! later. Called by `store`.

use super::chunk::pack;
use super::line::{AROUND, Stamps};
use super::log::State;
use super::manifest::{Chunk, Filed, Kept, Manifest, SMALL, chain};
use super::new::NewRows;
use super::objects::Distance;
use domain::LogEnd;

/// The object of rows that are all of a log; `None` where they are not, are many, or the objects are not kept near: then they go to a file first.
pub(super) fn whole(rows: &impl NewRows, state: &State, objects: Distance) -> Option<Manifest> {
    let room = rows.bytes() + rows.count() * AROUND;
    let is_all = rows.end() == LogEnd::Last && rows.index() == 0 && state.is_new();
    if !is_all || rows.count() == 0 || room > SMALL || objects == Distance::Far {
        return None;
    }
    let (mut text, mut stamps) = (Vec::with_capacity(room), Stamps::default());
    for (at, row) in rows.rows() {
        stamps.write(at, row, &mut text);
    }
    // What cannot be packed says so when it is sealed.
    let packed = pack(&text).ok().filter(|packed| packed.bytes.len() <= SMALL)?;
    let chunk = Chunk {
        first: 0,
        rows: packed.rows,
        text: text.len() as u64,
        index: packed.index,
        from: packed.span.0,
        to: packed.span.1,
        chain: chain(None, &packed.bytes),
        kept: Kept::Listed,
    };
    debug_assert_eq!(packed.rows, rows.count() as u64, "a row is a line");
    Some(Manifest::of_small(rows.task(), chunk, &packed.bytes))
}

impl State {
    /// A log that is in the object store whole.
    pub(super) fn filed(list: Manifest) -> Self {
        Self::new(list.chunks, std::collections::VecDeque::new(), LogEnd::Last, Filed::Ended)
    }
}
