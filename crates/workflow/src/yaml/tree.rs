//! A tree in the making: completes nodes, replays aliases, counts everything against its budgets. The reader feeds it; it keeps its
//! own stack, so nothing recurses.

use super::fault::fault;
use super::{FaultKind, Limits, Node, NodeKind, Span, YamlFault};
use std::collections::HashMap;

/// What a node counts for, without its text.
pub(super) const NODE_COST: usize = 24;
/// What is said of a tree that is too deep.
pub(super) const TOO_DEEP: &str = "Maximum object depth exceeded";

/// So many aliases that hold themselves are told.
const MOST_CIRCLES: usize = 100;

/// A collection that is not complete yet; what it holds so far is the end of the tree's list of such.
struct Open<'a> {
    kind: OpenKind<'a>,
    span: Span,
    anchor: usize,
    events_before: u32,
    bytes_before: usize,
    height: u32,
}

enum OpenKind<'a> {
    /// Its items begin at this index.
    Sequence(usize),
    /// Its entries begin at this index; a key that waits for its value.
    Mapping(usize, Option<Node<'a>>),
}

/// The kinds of collections.
#[derive(Debug, Clone, Copy)]
pub(super) enum Collection {
    Sequence,
    Mapping,
}

/// A node with an anchor.
enum Anchored<'a> {
    /// Not complete: an alias of it here would hold itself.
    Open,
    Done {
        node: Node<'a>,
        events: u32,
        bytes: usize,
        height: u32,
    },
}

/// The tree so far.
pub(super) struct Tree<'a> {
    limits: Limits,
    events: u32,
    bytes: usize,
    stack: Vec<Open<'a>>,
    /// The items of all open sequences, and the entries of all open mappings.
    items: Vec<Node<'a>>,
    pairs: Vec<(Node<'a>, Node<'a>)>,
    anchors: HashMap<usize, Anchored<'a>>,
    /// Aliases that stand inside the node which they name.
    circles: Vec<YamlFault>,
    root: Option<Node<'a>>,
    /// The end of the last scalar or flow collection: where an enclosing block collection ends.
    last_end: u32,
}

impl<'a> Tree<'a> {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            events: 0,
            bytes: 0,
            stack: Vec::with_capacity(16),
            items: Vec::with_capacity(8),
            pairs: Vec::with_capacity(8),
            anchors: HashMap::new(),
            circles: Vec::new(),
            root: None,
            last_end: 0,
        }
    }

    /// The tree, the bytes it counts for, and the aliases in it that hold themselves, where nothing stands in their place.
    pub(super) fn finish(self) -> (Option<Node<'a>>, usize, Vec<YamlFault>) {
        (self.root, self.bytes, self.circles)
    }

    /// A scalar that counts for so many bytes.
    pub(super) fn scalar(&mut self, node: Node<'a>, bytes: usize, anchor: usize) -> Result<(), YamlFault> {
        self.count(1, bytes, node.span)?;
        self.last_end = self.last_end.max(node.span.end);
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored::Done { node: node.clone(), events: 1, bytes, height: 0 });
        }
        self.place(node, 0);
        Ok(())
    }

    /// The start of a collection.
    pub(super) fn open(&mut self, kind: Collection, span: Span, anchor: usize) -> Result<(), YamlFault> {
        let depth = u32::try_from(self.stack.len()).unwrap_or(u32::MAX).saturating_add(1);
        self.check_depth(depth, span)?;
        let (events_before, bytes_before) = (self.events, self.bytes);
        self.count(1, NODE_COST, span)?;
        if anchor != 0 {
            self.anchors.insert(anchor, Anchored::Open);
        }
        let kind = match kind {
            Collection::Sequence => OpenKind::Sequence(self.items.len()),
            Collection::Mapping => OpenKind::Mapping(self.pairs.len(), None),
        };
        self.stack.push(Open { kind, span, anchor, events_before, bytes_before, height: 0 });
        Ok(())
    }

    /// The end of a collection: of one in flow style where its bracket stands, else behind its last value.
    pub(super) fn close(&mut self, end: Span) -> Result<(), YamlFault> {
        self.count(1, 0, end)?;
        let Some(open) = self.stack.pop() else { return Ok(()) };
        let last = if end.end > end.start { end.end } else { self.last_end };
        self.last_end = self.last_end.max(last);
        let span = Span { end: last.max(open.span.start), ..open.span };
        let kind = match open.kind {
            OpenKind::Sequence(first) => NodeKind::Sequence(self.items.drain(first..).collect()),
            OpenKind::Mapping(first, _) => NodeKind::Mapping(self.pairs.drain(first..).collect()),
        };
        let node = Node { kind, span };
        let height = open.height + 1;
        if open.anchor != 0 {
            let (events, bytes) = (self.events - open.events_before, self.bytes - open.bytes_before);
            self.anchors.insert(open.anchor, Anchored::Done { node: node.clone(), events, bytes, height });
        }
        self.place(node, height);
        Ok(())
    }

    /// An alias: the anchored node again.
    pub(super) fn alias(&mut self, anchor: usize, span: Span) -> Result<(), YamlFault> {
        let (node, events, bytes, height) = match self.anchors.get(&anchor) {
            Some(Anchored::Done { node, events, bytes, height }) => (node.clone(), *events, *bytes, *height),
            Some(Anchored::Open) => {
                self.count(1, NODE_COST, span)?;
                if self.circles.len() < MOST_CIRCLES {
                    self.circles.push(fault(FaultKind::Alias, "The alias stands inside the node that it names", span));
                }
                self.last_end = self.last_end.max(span.end);
                self.place(Node { kind: NodeKind::Null, span }, 0);
                return Ok(());
            }
            None => return Err(fault(FaultKind::Alias, "Unknown anchor", span)),
        };
        let depth = u32::try_from(self.stack.len()).unwrap_or(u32::MAX);
        self.check_depth(depth.saturating_add(height), span)?;
        self.count(events, bytes, span)?;
        self.last_end = self.last_end.max(span.end);
        self.place(node, height);
        Ok(())
    }

    fn place(&mut self, node: Node<'a>, height: u32) {
        let Some(parent) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        parent.height = parent.height.max(height);
        match &mut parent.kind {
            OpenKind::Sequence(_) => self.items.push(node),
            OpenKind::Mapping(_, key) => match key.take() {
                None => *key = Some(node),
                Some(key) => self.pairs.push((key, node)),
            },
        }
    }

    fn check_depth(&self, depth: u32, span: Span) -> Result<(), YamlFault> {
        if depth > self.limits.depth {
            return Err(fault(FaultKind::Limit, TOO_DEEP, span));
        }
        Ok(())
    }

    fn count(&mut self, events: u32, bytes: usize, span: Span) -> Result<(), YamlFault> {
        self.events = self.events.saturating_add(events);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.events > self.limits.events {
            return Err(fault(FaultKind::Limit, "Maximum YAML nodes exceeded", span));
        }
        if self.bytes > self.limits.bytes {
            return Err(fault(FaultKind::Limit, "Maximum object size exceeded", span));
        }
        Ok(())
    }
}
