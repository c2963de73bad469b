//! What holds for every answer of the pages: the names under which they may be asked for, and the headers that keep browsers strict (`security` R90, R91).
//! Also tells calls of our own pages from those of others.

use super::fault::{Fault, bare};
use crate::access::Trust;
use crate::plane::Plane;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use std::net::IpAddr;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The headers of every answer.
const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // With `no-referrer` browsers would not say where a form of ours comes from.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

/// Answers under our own names alone, with the headers.
pub(crate) async fn guard(State(plane): State<Plane>, request: Request, next: Next) -> Response {
    let mut answer = if is_our_name(&plane, request.headers()) {
        next.run(request).await
    } else {
        bare(&plane, &Fault::Name(plane.site.url.clone()))
    };
    let headers = answer.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if plane.site.url.starts_with("https:") {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    answer
}

/// Whether a call names us: by the public address, or by an address that no name server gives out. Another name may be one that somebody made lead here.
/// A proxy may call us as it likes; it knows its own names.
pub(crate) fn is_our_name(plane: &Plane, headers: &HeaderMap) -> bool {
    if plane.access.trust() == Trust::Proxy {
        return true;
    }
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let (_, ours) = place(&plane.site.url);
    host.eq_ignore_ascii_case(ours) || is_address(host)
}

/// Scheme, and host with port, of an address.
fn place(url: &str) -> (&str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    (scheme, rest.split('/').next().unwrap_or_default())
}

/// `127.0.0.1:80`, `[::1]`, `localhost:80`.
fn is_address(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// Whether a form was sent by a page of ours: browsers say where it comes from. Who says nothing is no browser, and has no session that it did not ask for.
pub(crate) fn is_ours(plane: &Plane, headers: &HeaderMap) -> bool {
    let said = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("none of ours"));
    if !matches!(said("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return false;
    }
    let Some(origin) = said("origin") else { return true };
    let (scheme, host) = place(origin);
    let (own_scheme, own_host) = place(&plane.site.url);
    let is_site = scheme == own_scheme && host.eq_ignore_ascii_case(own_host);
    let called = said("host").unwrap_or_default();
    is_site || (plane.access.trust() == Trust::Network && host.eq_ignore_ascii_case(called) && is_address(host))
}

#[cfg(test)]
mod tests {
    use super::{is_address, place};

    #[test]
    fn addresses_are_told_from_names() {
        for (host, is) in [
            ("127.0.0.1:8080", true),
            ("[::1]:80", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("ci.example.org", false),
            ("127.0.0.1.evil.org", false),
            ("localhost.evil.org:80", false),
            ("", false),
        ] {
            assert_eq!(is_address(host), is, "{host}");
        }
        assert_eq!(place("https://h:1/ci"), ("https", "h:1"));
        assert_eq!(place("null"), ("http", "null"));
    }
}
