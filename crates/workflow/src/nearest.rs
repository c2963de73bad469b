//! "Did you mean …?"

/// The word of a list that is nearest to what was written: at most a third of its letters, and three, away.
pub(crate) fn nearest<'a>(written: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 40 {
        return None;
    }
    let folded = written.to_lowercase();
    words
        // Lengths tell most of them apart at once.
        .filter(|word| word.len().abs_diff(folded.len()) <= 4)
        .map(|word| (strsim::osa_distance(&folded, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= (word.len().max(written.len()) / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let words = ["runs-on", "run", "uses", "steps", "timeout-minutes"];
        for (written, meant) in [
            ("runs_on", Some("runs-on")),
            ("runn", Some("run")),
            ("step", Some("steps")),
            ("Uses", Some("uses")),
            ("with", None),
            ("x", None),
        ] {
            assert_eq!(nearest(written, words.into_iter()), meant, "{written}");
        }
    }
}
