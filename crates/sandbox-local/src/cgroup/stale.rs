//! Ending groups whose owner is gone. Called by `Cgroups::sweep`.

use super::Cgroups;
use crate::owner::is_stale;
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

pub(super) fn sweep(cgroups: &Cgroups, proc_root: &Path) -> usize {
    let mut stale = BTreeSet::new();
    for parent in cgroups.parents() {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        stale.extend(names.filter(|name| is_stale(name, proc_root)));
    }
    stale
        .iter()
        .filter(|name| {
            let group = cgroups.adopt(name);
            group.kill(Duration::from_secs(1)).is_ok() && group.remove().is_ok()
        })
        .count()
}
