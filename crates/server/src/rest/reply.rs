//! Answers. Called by all handlers.

use api::Page;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;

/// An answer in a shape.
pub(super) fn json<T: Serialize>(status: StatusCode, shape: &T) -> Response {
    let text = match serde_json::to_vec(shape) {
        Ok(text) => text,
        Err(error) => {
            tracing::error!(%error, "an answer could not be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=utf-8"));
    // What a token opens is nobody else's.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}

pub(super) fn ok<T: Serialize>(shape: &T) -> Response {
    json(StatusCode::OK, shape)
}

pub(super) fn created<T: Serialize>(shape: &T) -> Response {
    json(StatusCode::CREATED, shape)
}

pub(super) fn nothing(status: StatusCode) -> Response {
    status.into_response()
}

/// A page of a list, with Gitea's headers: `x-total-count`, and `link` to the first, previous, next and last page.
pub(super) fn page<T: Serialize>(shape: &T, total: u64, page: Page, site: &str, uri: &Uri) -> Response {
    let mut answer = ok(shape);
    let headers = answer.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(total));
    let links = links(total, page, site, uri);
    if let Ok(value) = HeaderValue::from_str(&links)
        && !links.is_empty()
    {
        headers.insert(header::LINK, value);
    }
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("X-Total-Count, Link"));
    answer
}

fn links(total: u64, page: Page, site: &str, uri: &Uri) -> String {
    let last = total.div_ceil(u64::from(page.size)).max(1);
    let here = u64::from(page.number);
    // The public address has what lies before.
    let path = uri.path().find("/api/v1/").map_or(uri.path(), |at| &uri.path()[at..]);
    let others = uri.query().unwrap_or_default().split('&');
    let others: Vec<&str> = others.filter(|pair| !pair.is_empty() && !pair.starts_with("page=")).collect();
    let link = |number: u64, rel: &str| {
        let number = format!("page={number}");
        let query: Vec<&str> = others.iter().copied().chain([number.as_str()]).collect();
        format!(r#"<{site}{path}?{}>; rel="{rel}""#, query.join("&"))
    };
    let mut links = Vec::new();
    if here < last {
        links.extend([link(here + 1, "next"), link(last, "last")]);
    }
    if here > 1 {
        links.extend([link(1, "first"), link((here - 1).min(last), "prev")]);
    }
    links.join(",")
}

#[cfg(test)]
mod tests {
    use super::links;
    use api::Page;

    #[test]
    fn links_lead_to_the_other_pages_and_keep_what_was_asked() {
        let uri = "/api/v1/x?event=push&page=2&limit=10".parse().unwrap();
        let text = links(31, Page { number: 2, size: 10 }, "https://ci/e", &uri);
        let rels: Vec<&str> = text.split(',').collect();
        assert_eq!(rels[0], r#"<https://ci/e/api/v1/x?event=push&limit=10&page=3>; rel="next""#);
        assert!(rels[1].contains("page=4>; rel=\"last\"") && rels[2].contains("page=1>; rel=\"first\""), "{text}");
        assert!(rels[3].contains("page=1>; rel=\"prev\""), "{text}");
        assert_eq!(links(5, Page { number: 1, size: 10 }, "", &"/x".parse().unwrap()), "");
        assert_eq!(links(0, Page { number: 1, size: 10 }, "", &"/x".parse().unwrap()), "");
        // Behind the end one is led back.
        assert!(links(5, Page { number: 9, size: 10 }, "", &"/x".parse().unwrap()).ends_with(r#"page=1>; rel="prev""#));
    }
}
