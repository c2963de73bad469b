//! Pages of lists, as with Gitea: `page` from 1, `limit`; the answer's headers `x-total-count` and `link` say what else there is.

use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// From 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// How many on a page: 30 where it is not said, 100 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// So many on one, from 1.
    pub size: u32,
}

impl Page {
    /// How many are on a page where it is not said.
    pub const SIZE: u32 = 30;
    /// How many are on a page at most.
    pub const MOST: u32 = 100;

    /// How many come before this page.
    #[must_use]
    pub const fn skip(self) -> usize {
        (self.number.saturating_sub(1) as usize).saturating_mul(self.size as usize)
    }

    /// Those of a list that are on this page.
    #[must_use]
    pub fn of<T>(self, list: Vec<T>) -> Vec<T> {
        list.into_iter().skip(self.skip()).take(self.size as usize).collect()
    }
}

impl From<PageQuery> for Page {
    fn from(query: PageQuery) -> Self {
        let number = query.page.unwrap_or(1).max(1);
        let size = query.limit.filter(|limit| *limit > 0).unwrap_or(Self::SIZE).min(Self::MOST);
        Self { number, size }
    }
}

#[cfg(test)]
mod tests {
    use super::{Page, PageQuery};

    #[test]
    fn a_page_is_within_its_limits() {
        let page = |page, limit| Page::from(PageQuery { page, limit });
        assert_eq!(page(None, None), Page { number: 1, size: 30 });
        assert_eq!(page(Some(0), Some(0)), Page { number: 1, size: 30 });
        assert_eq!(page(Some(3), Some(7)).skip(), 14);
        assert_eq!(page(Some(u32::MAX), Some(u32::MAX)).size, 100);
        assert_eq!(page(Some(2), Some(2)).of(vec![1, 2, 3]), [3]);
        assert!(page(Some(u32::MAX), None).of(vec![1]).is_empty());
    }
}
