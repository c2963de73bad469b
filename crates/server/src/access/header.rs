//! The token that a call shows, in any of the ways in which Gitea's clients show theirs.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::Secret;

/// The token in `Authorization`: `token X`, `Bearer X`, or `Basic` with the token as password, or as user with no password or with
/// `x-oauth-basic` for one.
#[must_use]
pub fn shown(headers: &HeaderMap) -> Option<Secret> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    let is = |word: &str| scheme.eq_ignore_ascii_case(word);
    let text = if is("token") || is("bearer") {
        rest.to_owned()
    } else if is("basic") {
        let decoded = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        if matches!(password, "" | "x-oauth-basic") { user.to_owned() } else { password.to_owned() }
    } else {
        return None;
    };
    (!text.is_empty()).then(|| Secret::new(text))
}

#[cfg(test)]
mod tests {
    use super::shown;
    use axum::http::{HeaderMap, HeaderValue};
    use base64::Engine as _;
    use proptest::prelude::*;

    fn of(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", HeaderValue::from_str(value).ok()?);
        shown(&headers).map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn each_way_of_a_client_is_known() {
        let basic = |text: &str| of(&format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text)));
        for found in [
            of("token T"),
            of("Token  T"),
            of("Bearer T"),
            of("bearer T "),
            basic("me:T"),
            basic("T:"),
            basic("T:x-oauth-basic"),
        ] {
            assert_eq!(found.as_deref(), Some("T"));
        }
        for none in [
            of("T"),
            of("token "),
            of("Basic %"),
            of("Basic VA=="),
            of("Digest T"),
            basic(":"),
            shown(&HeaderMap::new()).map(|_| String::new()),
        ] {
            assert_eq!(none, None);
        }
    }

    proptest! {
        #[test]
        fn no_header_is_too_odd(value in "\\PC{0,60}|Basic [A-Za-z0-9+/=]{0,40}") {
            let _unused = of(&value);
        }
    }
}
