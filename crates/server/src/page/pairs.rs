//! What a query or a form says. Used by handlers.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use std::convert::Infallible;

/// Names and values, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// Those of a text: `a=b&c=d`.
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The first value of a name; an empty one is none.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// As [`Self::get`], a number; what is none is not said.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }

    /// The same with one name set, or left out, as it stands in an address.
    pub(crate) fn with(&self, name: &str, value: Option<&str>) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(self.0.iter().filter(|(known, value)| known != name && !value.is_empty()));
        text.extend_pairs(value.map(|value| (name, value)));
        text.finish()
    }
}

impl<S: Sync> FromRequestParts<S> for Pairs {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts.uri.query().unwrap_or_default().as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::Pairs;

    #[test]
    fn what_is_said_is_found_and_written_again() {
        let pairs = Pairs::of(b"a=1&b=x+y%2F%22&c=&a=2");
        assert_eq!((pairs.get("a"), pairs.get("b"), pairs.get("c")), (Some("1"), Some("x y/\""), None));
        assert_eq!((pairs.number::<u32>("a"), pairs.number::<u32>("b")), (Some(1), None));
        assert_eq!(pairs.with("b", Some("&")), "a=1&a=2&b=%26");
        assert_eq!(pairs.with("a", None), "b=x+y%2F%22");
    }
}
