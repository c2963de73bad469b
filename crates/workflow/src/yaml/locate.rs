//! From a place in a scalar's text back to the file.

use super::Span;

/// Where the bytes `from..to` of a scalar's text stand in the file: exact for plain and quoted scalars of one line and for literal
/// blocks, else the start of the scalar's line that holds them, or of the scalar.
#[must_use]
pub fn locate(source: &str, scalar: Span, text: &str, from: usize, to: usize) -> Span {
    let start = scalar.start as usize;
    let Some(raw) = source.get(start..(scalar.end as usize).min(source.len())) else { return scalar };
    let exact = |skip: usize| {
        let at = start + skip + from;
        let written = text.get(from..to)?;
        source.get(at..)?.starts_with(written).then(|| shift(source, scalar, at, at + written.len()))
    };
    let found = if raw.starts_with(['|', '>']) {
        in_block(source, scalar, raw, text, from, to)
    } else if raw.starts_with(['"', '\'']) {
        // Escapes before the place move it; then what stands there is not what is looked for.
        exact(1)
    } else {
        exact(0)
    };
    found.unwrap_or(scalar)
}

/// A literal block keeps its lines; only the indentation and the header are not in the text.
fn in_block(source: &str, scalar: Span, raw: &str, text: &str, from: usize, to: usize) -> Option<Span> {
    let before = text.get(..from)?;
    let line = before.matches('\n').count();
    let column = from - before.rfind('\n').map_or(0, |at| at + 1);
    let wanted = text.get(from..to)?;
    let wanted = wanted.lines().next().unwrap_or_default();
    let mut at = scalar.start as usize;
    for _ in 0..=line {
        at += source.get(at..)?.find('\n')? + 1;
    }
    let written = source.get(at..)?.lines().next()?;
    let own = text.lines().nth(line)?;
    if raw.starts_with('|') && written.ends_with(own) {
        let at = at + (written.len() - own.len()) + column;
        return source.get(at..)?.starts_with(wanted).then(|| shift(source, scalar, at, at + wanted.len()));
    }
    // Folded: look for the place by its text.
    let within = raw.find(wanted).filter(|_| !wanted.is_empty())? + scalar.start as usize;
    Some(shift(source, scalar, within, within + wanted.len()))
}

/// The span of bytes behind the start of a scalar.
fn shift(source: &str, scalar: Span, from: usize, to: usize) -> Span {
    let before = source.get(scalar.start as usize..from).unwrap_or_default();
    let lines = before.matches('\n').count();
    let count = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let (line, column) = match before.rsplit_once('\n') {
        None => (scalar.line, scalar.column.saturating_add(count(before))),
        Some((_, last)) => (scalar.line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX)), count(last) + 1),
    };
    let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span { file: scalar.file, start: byte(from), end: byte(to), line, column }
}
