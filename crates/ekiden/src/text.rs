//! Small things about text that several commands need.

/// How many letters one must change, add, drop or swap to get from `a` to `b` (ignoring case); for "did you mean".
pub(crate) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.to_lowercase().chars().collect(), b.to_lowercase().chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let change = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

/// The candidate that was probably meant: at most a third of its letters, and no more than three, are wrong.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 3.min(1.max(candidate.chars().count() / 3)))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Text of others without what moves a terminal's cursor or changes its colours.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// [`plain`], line by line.
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Line and column (from 1, in characters) of a byte.
pub(crate) fn line_and_column(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

/// A number of bytes for people: `8.0 GiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// A time for people: `3 ms`, `1.2 s`, `2 m 05 s`.
pub(crate) fn micros(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    match micros {
        0..=9_999 => format!("{}.{} ms", micros / 1000, micros % 1000 / 100),
        10_000..=999_999 => format!("{} ms", micros / 1000),
        1_000_000..=59_999_999 => format!("{seconds}.{} s", micros / 100_000 % 10),
        60_000_000..=3_599_999_999 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::{bytes, distance, line_and_column, micros, nearest};

    #[test]
    fn a_slip_of_the_finger_is_recognised() {
        assert_eq!(distance("expose", "epxose"), 1);
        assert_eq!(nearest("biuld", ["test", "build"]), Some("build"));
        assert_eq!(nearest("deploy", ["test", "build"]), None);
    }

    #[test]
    fn figures_are_for_people() {
        assert_eq!((bytes(12), bytes(1536), bytes(8 << 30)), ("12 B".into(), "1.5 KiB".into(), "8.0 GiB".into()));
        assert_eq!(micros(1_234), "1.2 ms");
        assert_eq!(micros(45_600), "45 ms");
        assert_eq!(micros(2_500_000), "2.5 s");
        assert_eq!(micros(125_000_000), "2 m 05 s");
        assert_eq!(line_and_column("a\nbé c", 5), (2, 3));
    }
}
