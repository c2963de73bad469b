//! Chance that spreads agents which lost the same forge at the same moment. Called by whatever waits after a failure.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;

/// Between 0 and 1.
pub(crate) fn chance() -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a spread needs no exact number")]
    let part = (RandomState::new().hash_one(2) >> 11) as f64;
    part / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::chance;

    #[test]
    fn chances_are_spread() {
        let chances: Vec<f64> = (0..100).map(|_| chance()).collect();
        assert!(chances.iter().all(|chance| (0.0..1.0).contains(chance)));
        assert!(chances.iter().any(|chance| *chance < 0.4) && chances.iter().any(|chance| *chance > 0.6));
    }
}
