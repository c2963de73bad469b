//! Which labels come nearest to those that nobody has. Used for the text of [`crate::Reason::NoMatchingLabel`].

use crate::Labels;
use std::sync::Arc;

/// So many different sets of labels are compared.
const MOST_COMPARED: usize = 1_000;

/// The nearest labels of a runner or a pool that the job's project may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest {
    /// Whose they are.
    pub name: Arc<str>,
    /// All of them.
    pub labels: Labels,
    /// What the job asks for and they lack.
    pub missing: Vec<Arc<str>>,
    /// What was probably meant: a missing label, and one of theirs that looks like it.
    pub slip: Option<(Arc<str>, Arc<str>)>,
}

/// The nearest of those offered: the fewest labels missing, then the likeliest slip, then the fewest labels, then the first.
pub(crate) fn nearest(wanted: &Labels, offered: impl Iterator<Item = (Arc<str>, Labels)>) -> Option<Nearest> {
    offered
        .take(MOST_COMPARED)
        .map(|(name, labels)| compare(wanted, name, labels))
        .min_by_key(|(key, _)| *key)
        .map(|(_, nearest)| nearest)
}

fn compare(wanted: &Labels, name: Arc<str>, labels: Labels) -> ((usize, usize, usize), Nearest) {
    let missing: Vec<Arc<str>> = wanted.iter().filter(|label| !labels.has(label)).cloned().collect();
    let slip = missing
        .iter()
        .flat_map(|lacks| labels.iter().filter(|has| !wanted.has(has)).map(move |has| (lacks, has)))
        .filter_map(|(lacks, has)| {
            let most = (lacks.len().max(has.len()) / 3).clamp(1, 3);
            let apart = lacks.len().abs_diff(has.len());
            if apart > most || lacks.len() > 100 {
                return None;
            }
            let distance = strsim::osa_distance(&lacks.to_lowercase(), &has.to_lowercase());
            (distance <= most).then_some((distance, lacks, has))
        })
        .min_by_key(|(distance, ..)| *distance);
    let key = (missing.len(), slip.map_or(usize::MAX, |(distance, ..)| distance), labels.len());
    let slip = slip.map(|(_, lacks, has)| (lacks.clone(), has.clone()));
    (key, Nearest { name, labels, missing, slip })
}

#[cfg(test)]
mod tests {
    use super::nearest;
    use crate::Labels;

    #[test]
    fn the_fewest_missing_and_the_likeliest_slip() {
        let offered = || {
            [("a", vec!["linux", "arm"]), ("b", vec!["linux", "gpu-large"]), ("c", vec!["windows"])]
                .into_iter()
                .map(|(name, labels)| (name.into(), Labels::new(labels)))
        };
        let found = nearest(&Labels::new(["linux", "gpu-lrage"]), offered()).unwrap();
        assert_eq!((&*found.name, found.slip), ("b", Some(("gpu-lrage".into(), "gpu-large".into()))));
        let found = nearest(&Labels::new(["linux", "arm", "big"]), offered()).unwrap();
        assert_eq!((&*found.name, found.missing, found.slip), ("a", vec!["big".into()], None));
        assert_eq!(nearest(&Labels::new(["x"]), std::iter::empty()), None);
    }
}
