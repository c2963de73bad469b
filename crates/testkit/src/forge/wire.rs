//! The smallest HTTP/1.1 server that the protocol needs. Written out, so that an answer can be lost, cut or sent twice at will.

use super::fake::Shared;
use super::mischief::Mischief;
use axum::body::{Body, Bytes};
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tower::ServiceExt;

/// Whether a connection goes on after an answer.
enum Next {
    KeepAlive,
    Close,
}

/// Takes connections until the task that runs this is aborted; its connections end with it.
pub(super) async fn serve(listener: TcpListener, router: axum::Router, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (router, shared) = (router.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            // A connection that breaks off is the client's business.
            drop(connection(stream, router, shared).await);
        });
    }
}

async fn connection(stream: TcpStream, router: axum::Router, shared: Arc<Shared>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = read(&mut reader).await? {
        let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let mischief = shared.called(&method, request.body().len());
        if let Next::Close = answer(request, mischief, &router, &shared, &mut writer).await? {
            break;
        }
    }
    Ok(())
}

async fn answer(
    mut request: Request<Bytes>,
    mischief: Option<Mischief>,
    router: &axum::Router,
    shared: &Shared,
    writer: &mut (impl AsyncWriteExt + Unpin),
) -> io::Result<Next> {
    match &mischief {
        Some(Mischief::LoseRequest) => return Ok(Next::Close),
        Some(Mischief::Status(status)) => {
            let page = Response::builder().status(*status).header(header::CONTENT_TYPE, "text/html");
            let page = page.body(Bytes::from_static(b"<html>not now</html>")).map_err(io::Error::other)?;
            writer.write_all(&written(&page, shared)).await?;
            return Ok(Next::KeepAlive);
        }
        // The added field is written into the plain body.
        Some(Mischief::UnknownField) => drop(request.headers_mut().remove(header::ACCEPT_ENCODING)),
        Some(Mischief::DoubleRequest) => drop(call(router, request.clone()).await?),
        _ => {}
    }
    let mut response = call(router, request).await?;
    match &mischief {
        Some(Mischief::UnknownField) if response.status().is_success() => {
            let body = with_unknown_field(&response);
            *response.body_mut() = body;
        }
        Some(Mischief::Page) => {
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
            response.headers_mut().remove(header::CONTENT_ENCODING);
            *response.body_mut() = Bytes::from_static(b"<html>Welcome</html>");
        }
        _ => {}
    }
    let bytes = written(&response, shared);
    match mischief {
        Some(Mischief::LoseReply) => return Ok(Next::Close),
        Some(Mischief::Slow(by)) => {
            tokio::time::sleep(by).await;
            writer.write_all(&bytes).await?;
        }
        Some(Mischief::DoubleReply) => writer.write_all(&[bytes.as_slice(), bytes.as_slice()].concat()).await?,
        Some(Mischief::Truncate) => {
            let head = bytes.len() - response.body().len();
            writer.write_all(&bytes[..head + response.body().len() / 2]).await?;
            writer.flush().await?;
            return Ok(Next::Close);
        }
        _ => writer.write_all(&bytes).await?,
    }
    Ok(Next::KeepAlive)
}

async fn call(router: &axum::Router, request: Request<Bytes>) -> io::Result<Response<Bytes>> {
    let response = router.clone().oneshot(request.map(Body::from)).await.map_err(io::Error::other)?;
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await.map_err(io::Error::other)?.to_bytes()))
}

/// The next request of a connection; `None` at its end.
async fn read(reader: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<Request<Bytes>>> {
    let mut line = String::new();
    if reader.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_ascii_whitespace();
    let mut request = Request::builder().method(words.next().unwrap_or_default()).uri(words.next().unwrap_or_default());
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        request = request.header(name, HeaderValue::from_str(value.trim()).map_err(io::Error::other)?);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    request.body(Bytes::from(body)).map(Some).map_err(io::Error::other)
}

fn written(response: &Response<Bytes>, shared: &Shared) -> Vec<u8> {
    let status = response.status();
    let mut head = format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or("-"));
    let own = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::DATE];
    for (name, value) in response.headers().iter().filter(|(name, _)| !own.contains(name)) {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().unwrap_or_default());
    }
    let _ = write!(
        head,
        "date: {}\r\ncontent-length: {}\r\n\r\n",
        httpdate::fmt_http_date(shared.now()),
        response.body().len()
    );
    if status == StatusCode::NO_CONTENT {
        return head.into_bytes();
    }
    [head.as_bytes(), response.body()].concat()
}

/// The body with a field that no version has yet.
fn with_unknown_field(response: &Response<Bytes>) -> Bytes {
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
    if is_json && let Ok(serde_json::Value::Object(mut object)) = serde_json::from_slice(response.body()) {
        object.insert("fieldOfTomorrow".to_owned(), serde_json::json!({"a": [1, "b"]}));
        return Bytes::from(serde_json::Value::Object(object).to_string());
    }
    // Field 1999, three bytes long.
    Bytes::from([response.body().as_ref(), &[0xfa, 0x7c, 3, b'a', b'b', b'c']].concat())
}
