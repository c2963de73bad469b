//! What a call brings. Called by handlers.
//!
//! Gitea's shapes are read as Gitea reads them, also from a form: what is not known is left aside. Of our own an unknown key is an error that names the
//! nearest one.

use super::fault::RestFault;
use crate::plane::Plane;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// A body is so long at most: a secret or a variable has 64 KiB.
pub(super) const LONGEST: usize = 512 * 1024;
/// And has come after so long.
const SLOWEST: Duration = Duration::from_secs(20);

/// A body in a shape. One that is not there is an empty object.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Plane> for Body<T> {
    type Rejection = RestFault;

    async fn from_request(request: Request, plane: &Plane) -> Result<Self, RestFault> {
        let is_form = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        let read = tokio::time::timeout(SLOWEST, Bytes::from_request(request, plane)).await;
        let late = || RestFault::new(StatusCode::REQUEST_TIMEOUT, format!("the body did not come within {SLOWEST:?}"));
        let text = read.map_err(|_| late())?.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                RestFault::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {LONGEST} bytes"))
            } else {
                RestFault::bad("the body did not come whole")
            }
        })?;
        // `curl -d '{…}'` calls JSON a form.
        if is_form && !text.trim_ascii_start().starts_with(b"{") {
            return form(&text);
        }
        let text: &[u8] = if text.iter().all(u8::is_ascii_whitespace) { b"{}" } else { &text };
        // A list would be taken for the values of a shape in their order.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(RestFault::invalid("the body is not in its shape: it is a list, and no object"));
        }
        serde_json::from_slice(text).map(Self).map_err(|error| read_fault(&error))
    }
}

/// Gitea takes forms too. `inputs[NAME]` is a key within `inputs`.
fn form<T: DeserializeOwned>(text: &[u8]) -> Result<Body<T>, RestFault> {
    let mut all = serde_json::Map::new();
    for (key, value) in form_urlencoded::parse(text) {
        let value = match value.as_ref() {
            "true" if key == "disabled" => true.into(),
            "false" if key == "disabled" => false.into(),
            other => serde_json::Value::from(other),
        };
        match key.split_once('[').and_then(|(outer, inner)| Some((outer, inner.strip_suffix(']')?))) {
            Some((outer, inner)) => {
                let within = all.entry(outer).or_insert_with(|| serde_json::json!({}));
                if let Some(within) = within.as_object_mut() {
                    within.insert(inner.to_owned(), value);
                }
            }
            None => {
                all.insert(key.into_owned(), value);
            }
        }
    }
    serde_json::from_value(all.into()).map(Body).map_err(|error| read_fault(&error))
}

/// What is wrong with a body; a wrong key comes with the nearest right one.
fn read_fault(error: &serde_json::Error) -> RestFault {
    let text = error.to_string();
    if error.is_syntax() || error.is_eof() {
        // Gitea's status.
        return RestFault::invalid(format!("the body is no JSON: {text}"));
    }
    let fault = RestFault::invalid(format!("the body is not in its shape: {text}"));
    match nearest(&text) {
        Some(near) => fault.fix(format!("did you mean `{near}`?")),
        None => fault,
    }
}

/// From ``unknown field `nmae`, expected one of `kind`, `name` `` the nearest of those.
fn nearest(text: &str) -> Option<&str> {
    if !text.starts_with("unknown field") && !text.starts_with("unknown variant") {
        return None;
    }
    let mut words = text.split('`').skip(1).step_by(2);
    let wrong = words.next()?;
    let (_, near) = words.map(|word| (strsim::osa_distance(wrong, word), word)).min()?;
    (strsim::osa_distance(wrong, near) <= 3).then_some(near)
}

#[cfg(test)]
mod tests {
    use super::{Body, form, nearest, read_fault};

    #[test]
    fn a_slip_is_told_with_what_was_meant() {
        let error = serde_json::from_str::<api::NewProject>(r#"{"owner":"a","nmae":"b","git":"/c"}"#).unwrap_err();
        assert_eq!(nearest(&error.to_string()), Some("name"));
        let fault = format!("{:?}", read_fault(&error));
        assert!(fault.contains("did you mean `name`?") && fault.contains("422"), "{fault}");
        assert_eq!(nearest("unknown field `zzzzzzzz`, expected one of `owner`, `name`"), None);
        let broken = serde_json::from_str::<api::NewProject>("{").unwrap_err();
        let fault = format!("{:?}", read_fault(&broken));
        assert!(fault.contains("422") && fault.contains("no JSON"), "{fault}");
    }

    #[test]
    fn a_form_is_read_as_gitea_reads_it() {
        let Body(dispatch) = form::<api::Dispatch>(b"ref=main&inputs%5Ba%5D=1&inputs[b]=x+y").unwrap();
        assert_eq!(dispatch.reference, "main");
        assert_eq!(serde_json::to_string(&dispatch.inputs).unwrap(), r#"{"a":"1","b":"x y"}"#);
        let Body(edit) = form::<api::EditRunner>(b"disabled=true").unwrap();
        assert_eq!(edit.disabled, Some(true));
    }
}
