//! What a call asks for behind the `?`. Called by handlers.

use super::fault::RestFault;
use crate::plane::Plane;
use api::{Page, PageQuery};
use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;

/// The pairs of a query, in their order.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    /// The whole of what was called, for links to other pages.
    pub(super) uri: Uri,
}

impl Query {
    /// The first value of a key; an empty one is none.
    pub(super) fn one(&self, key: &str) -> Option<&str> {
        self.pairs.iter().find(|(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// All values of a key.
    pub(super) fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(name, value)| name == key && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A number.
    pub(super) fn number<T: std::str::FromStr>(&self, key: &str) -> Result<Option<T>, RestFault> {
        let number = |text: &str| text.parse().map_err(|_| RestFault::bad(format!("`{key}={text}` is no number")));
        self.one(key).map(number).transpose()
    }

    /// A truth, as Go reads one.
    pub(super) fn truth(&self, key: &str) -> Option<bool> {
        match self.one(key)? {
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
            _ => None,
        }
    }

    /// The page that is meant. As with Gitea, what is no number counts as not said.
    pub(super) fn page(&self) -> Page {
        let number = |key| self.one(key).and_then(|text| text.parse().ok());
        Page::from(PageQuery { page: number("page"), limit: number("limit") })
    }
}

impl FromRequestParts<Plane> for Query {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Plane) -> Result<Self, Self::Rejection> {
        // Within a nested router the own URI lacks what lies before.
        let uri =
            parts.extensions.get::<axum::extract::OriginalUri>().map_or_else(|| parts.uri.clone(), |uri| uri.0.clone());
        let pairs = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Ok(Self { pairs: pairs.into_owned().collect(), uri })
    }
}
