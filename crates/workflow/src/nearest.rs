//! "Did you mean …?"

/// So many words that look alike are compared letter by letter: who has more of them wrote no slip.
const MOST_COMPARED: usize = 64;

/// The word of a list that is nearest to what was written: at most a third of its letters, and three, away.
pub(crate) fn nearest<'a>(written: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if written.len() > 40 {
        return None;
    }
    let folded = written.to_lowercase();
    let letters = Letters::of(&folded);
    let most = |word: &str| (word.len().max(written.len()) / 3).clamp(1, 3);
    words
        // Lengths and letters tell most of them apart at once.
        .filter(|word| word.len().abs_diff(folded.len()) <= 4 && letters.may_become(word, most(word)))
        .take(MOST_COMPARED)
        .map(|word| (strsim::osa_distance(&folded, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= most(word))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How often each letter stands in a word of ASCII.
struct Letters(Option<[i8; 32]>);

impl Letters {
    /// Of a word in lower case with at most 40 letters.
    fn of(word: &str) -> Self {
        Self(word.is_ascii().then(|| {
            let mut counts = [0; 32];
            word.bytes().for_each(|byte| counts[usize::from(byte & 31)] += 1);
            counts
        }))
    }

    /// Whether so many changes can make another word of it; a change takes one letter away, adds one, or does both.
    fn may_become(&self, word: &str, changes: usize) -> bool {
        let Some(mut counts) = self.0 else { return true };
        if !word.is_ascii() {
            return true;
        }
        word.bytes().for_each(|byte| counts[usize::from(byte & 31)] -= 1);
        let apart: usize = counts.iter().map(|count| usize::from(count.unsigned_abs())).sum();
        apart <= 2 * changes
    }
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

    proptest::proptest! {
        #[test]
        fn letters_never_hide_a_word(a in "[a-cA-C_-]{0,8}", b in "[a-cA-C_-]{0,8}") {
            let most = (a.len().max(b.len()) / 3).clamp(1, 3);
            let near = strsim::osa_distance(&a.to_lowercase(), &b.to_lowercase()) <= most;
            assert_eq!(nearest(&a, std::iter::once(b.as_str())).is_some(), near);
        }
    }
}
