//! `POST /api/v1/repos/{owner}/{name}/hooks/push`: a forge, or a hook of git, says that something moved. It is a hint to look now; what moved is
//! read from the repository, never from the request.

use super::watcher::Hints;
use crate::plane::{Plane, Site};
use crate::rest::refusal;
use crate::told::HookSeed;
use aws_lc_rs::{constant_time, hmac};
use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use domain::Secret;
use futures_util::StreamExt as _;
use serde_json::json;
use store::{Project, StoreError};

/// As large as a forge's largest payload.
const LARGEST: usize = 25 << 20;
/// Where forges put the signature: GitHub's with a prefix, Gitea's and Forgejo's without.
const HEADERS: [&str; 4] = ["x-hub-signature-256", "x-gitea-signature", "x-forgejo-signature", "x-gogs-signature"];

/// Where a forge sends its pushes to a project.
#[must_use]
pub fn hook_address(site: &Site, project: &Project) -> String {
    format!("{}/api/v1/repos/{}/hooks/push", site.url, project.full_name())
}

/// The route.
pub fn hook_routes(plane: Plane, hints: Hints) -> Router {
    let other = async || refusal(StatusCode::METHOD_NOT_ALLOWED, "forges send pushes with POST", None);
    Router::new()
        .route("/api/v1/repos/{owner}/{name}/hooks/push", post(pushed).fallback(other))
        .with_state((plane, hints))
}

async fn pushed(
    State((plane, hints)): State<(Plane, Hints)>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // The same answer for a project that is not there and a signature that is wrong: nobody learns names here.
    let refused = || {
        refusal(
            StatusCode::UNAUTHORIZED,
            "no signature of this project's hook secret",
            Some("`ekiden project hook OWNER/NAME` shows the address and makes a secret"),
        )
    };
    let project = match plane.store.project(&owner, &name).await {
        Ok(project) => project,
        Err(StoreError::Missing { .. }) => return refused(),
        Err(_) => return refusal(StatusCode::SERVICE_UNAVAILABLE, "the server cannot read its database now", None),
    };
    let Some(secret) = HookSeed::of(&project).and_then(|seed| seed.secret(&plane.keys)) else { return refused() };
    let signatures: Vec<_> = HEADERS.iter().filter_map(|name| headers.get(*name)).collect();
    if signatures.is_empty() {
        return refused();
    }
    let tag = match signed(&secret, body).await {
        Ok(tag) => tag,
        Err(refusal) => return refusal,
    };
    if !signatures.iter().any(|signature| is_signature(&tag, signature.as_bytes())) {
        return refused();
    }
    hints.look(project.id);
    let heard = json!(api::Heard { message: "the project's refs are looked at now".to_owned() });
    (StatusCode::ACCEPTED, [(header::CONTENT_TYPE, "application/json")], heard.to_string()).into_response()
}

/// The HMAC-SHA256 of a body. Nothing of the body is kept: what moved is not read from it.
async fn signed(secret: &Secret, body: Body) -> Result<hmac::Tag, Response> {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()));
    let mut bytes = 0;
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(refusal(StatusCode::REQUEST_TIMEOUT, "the request did not come whole, or too slowly", None));
        };
        bytes += piece.len();
        if bytes > LARGEST {
            return Err(refusal(StatusCode::PAYLOAD_TOO_LARGE, "the request has more than 25 MiB", None));
        }
        context.update(&piece);
    }
    Ok(context.sign())
}

/// Whether these are the hexadecimal digits of the tag.
fn is_signature(tag: &hmac::Tag, signature: &[u8]) -> bool {
    let digits = signature.strip_prefix(b"sha256=").unwrap_or(signature);
    let expected: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    constant_time::verify_slices_are_equal(expected.as_bytes(), &digits.to_ascii_lowercase()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{is_signature, signed};
    use domain::Secret;

    #[tokio::test]
    async fn signatures_as_forges_write_them() {
        // From the documentation of GitHub's webhooks.
        let secret = Secret::new("It's a Secret to Everybody");
        let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        let tag = signed(&secret, "Hello, World!".into()).await.unwrap();
        let other = signed(&secret, "Hello, World?".into()).await.unwrap();
        assert!(is_signature(&tag, format!("sha256={digits}").as_bytes()));
        assert!(is_signature(&tag, digits.to_uppercase().as_bytes()));
        for wrong in ["", "sha256=", &digits[1..], &digits.replace('7', "8")] {
            assert!(!is_signature(&tag, wrong.as_bytes()), "{wrong}");
        }
        assert!(!is_signature(&other, digits.as_bytes()));
    }
}
