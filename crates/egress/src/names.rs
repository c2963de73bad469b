//! The synthetic addresses of one job. Called by the stub (names in) and the relay (addresses back).

use std::collections::HashMap;
use std::net::Ipv4Addr;

/// 198.18.0.0/15, set aside for measurements between networks, so that no host of the world has one. The lower half stands
/// for names that may be dialled, the upper for names that lead to refused addresses alone: these are refused inside the
/// job's namespace, as a closed port would refuse.
const FIRST: u32 = Ipv4Addr::new(198, 18, 0, 2).to_bits();
const LAST: u32 = Ipv4Addr::new(198, 18, 255, 254).to_bits();

/// The address of every name that leads only where no job may go.
pub(crate) const CLOSED: Ipv4Addr = Ipv4Addr::new(198, 19, 255, 254);

/// Names and their addresses: each name has one, for the job's whole life.
#[derive(Debug, Default)]
pub(crate) struct Names {
    by_name: HashMap<String, u32>,
    by_address: Vec<String>,
}

impl Names {
    /// The address of a name; `None` when sixty thousand names are known already.
    pub(crate) fn address(&mut self, name: &str) -> Option<Ipv4Addr> {
        if let Some(index) = self.by_name.get(name) {
            return Some(Ipv4Addr::from_bits(FIRST + index));
        }
        let index = u32::try_from(self.by_address.len()).ok().filter(|index| FIRST + index <= LAST)?;
        self.by_address.push(name.to_owned());
        self.by_name.insert(name.to_owned(), index);
        Some(Ipv4Addr::from_bits(FIRST + index))
    }

    /// The name behind an address.
    pub(crate) fn name(&self, address: Ipv4Addr) -> Option<&str> {
        let index = address.to_bits().checked_sub(FIRST)?;
        self.by_address.get(usize::try_from(index).ok()?).map(String::as_str)
    }
}

/// Whether an address is one of ours, given out or not.
pub(crate) fn is_synthetic(address: Ipv4Addr) -> bool {
    let [a, b, ..] = address.octets();
    a == 198 && b & 0xfe == 18
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_address() {
        let mut names = Names::default();
        let (a, b) = (names.address("a.example").unwrap(), names.address("b.example").unwrap());
        assert_ne!(a, b);
        assert_eq!(names.address("a.example"), Some(a));
        assert_eq!(names.name(b), Some("b.example"));
        assert!(is_synthetic(a) && is_synthetic(CLOSED));
        assert_eq!(names.name(CLOSED), None);
        assert_eq!(names.name(Ipv4Addr::new(198, 18, 0, 1)), None);
        assert_eq!(names.name(Ipv4Addr::new(9, 9, 9, 9)), None);
    }

    #[test]
    fn a_flood_of_names_ends() {
        let mut names = Names::default();
        let given = (0..70_000).map_while(|name: u32| names.address(&name.to_string())).count();
        assert_eq!(given, 65_533);
        assert!(names.address("0").is_some(), "a known name still has its address");
    }
}
