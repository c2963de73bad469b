//! How a call of the Connect library travels: over reqwest, which knows proxies, TLS and keep-alive. Called by `client`.

use bytes::Bytes;
use connectrpc::client::{BoxFuture, ClientBody, ClientTransport};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use std::sync::{Arc, OnceLock};

/// Carries one call and notes which status the answer had, which the library does not hand on.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    http: reqwest::Client,
    status: Arc<OnceLock<StatusCode>>,
}

/// What a call failed at before there was an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("{0}")]
    Body(#[from] connectrpc::ConnectError),
}

impl Transport {
    pub(crate) fn new(http: &reqwest::Client) -> Self {
        Self { http: http.clone(), status: Arc::default() }
    }

    /// The status of the answer, once its head is there.
    pub(crate) fn status(&self) -> Option<StatusCode> {
        self.status.get().copied()
    }
}

impl ClientTransport for Transport {
    type ResponseBody = reqwest::Body;
    type Error = TransportError;

    fn send(
        &self,
        request: Request<ClientBody>,
    ) -> BoxFuture<'static, Result<Response<Self::ResponseBody>, Self::Error>> {
        let this = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body: Bytes = body.collect().await?.to_bytes();
            let request = reqwest::Request::try_from(Request::from_parts(head, reqwest::Body::from(body)))?;
            let response = this.http.execute(request).await?;
            // A transport carries one call: nothing was noted before.
            let _ = this.status.set(response.status());
            Ok(response.into())
        })
    }
}
