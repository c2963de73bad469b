//! Where sessions begin and end: with a token, or with a link that works once.

use super::fault::{Fault, bare};
use super::fill::html;
use super::guard::is_ours;
use super::links::Links;
use super::pairs::Pairs;
use super::view::{LoginPage, OncePage};
use super::visit::{Visit, cookie, cookie_name, plain_frame, see};
use crate::access::{Actor, Denied, IssueError, Origin, close_session, open_session, use_link};
use crate::plane::{Plane, Site};
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use domain::Secret;
use std::net::SocketAddr;

/// A session is over after so many seconds; the server says so too.
const LIFE: u32 = 12 * 60 * 60;

type Peer = Result<ConnectInfo<SocketAddr>, axum::extract::rejection::ExtensionRejection>;

/// The address that a person opens to sign in once.
#[must_use]
pub fn link_address(site: &Site, link: &Secret) -> Secret {
    let links = Links::new(&site.url);
    let server = site.url.strip_suffix(links.base()).unwrap_or(&site.url);
    Secret::new(format!("{server}{}", links.once(link.expose())))
}

/// `GET /login`
pub(crate) async fn form(State(plane): State<Plane>, asked: Pairs) -> Response {
    let next = asked.get("next").unwrap_or_default();
    page(&plane, next, None, StatusCode::OK)
}

/// `POST /login`
pub(crate) async fn login(State(plane): State<Plane>, peer: Peer, headers: HeaderMap, body: Bytes) -> Response {
    if !is_ours(&plane, &headers) {
        return bare(&plane, &Fault::Foreign);
    }
    let form = Pairs::of(&body);
    let next = form.get("next").unwrap_or_default();
    let origin = origin(&plane, peer, &headers);
    let token = Secret::new(form.get("token").unwrap_or_default().trim());
    let person = match plane.access.person(&plane, &token, origin).await {
        Ok(person) => person,
        Err(Denied::Store(error)) => return bare(&plane, &Fault::Store(error)),
        Err(denied) => {
            let (status, fault) = match denied {
                Denied::TooMany { seconds } => (
                    StatusCode::TOO_MANY_REQUESTS,
                    format!("Too many wrong tokens came from there; try again in {seconds} seconds."),
                ),
                denied => (StatusCode::FORBIDDEN, format!("This does not sign you in: {denied}.")),
            };
            return page(&plane, next, Some(fault), status);
        }
    };
    let actor = Actor { name: person.to_string(), origin };
    // Whoever was here before in this browser is not any more.
    if let Some(old) = cookie(&plane.site.url, &headers) {
        let _over_already = close_session(&plane, &old, &actor).await;
    }
    match open_session(&plane, &person, &actor).await {
        Ok(session) => begun(&plane, &session, next),
        Err(IssueError::Store(error)) => bare(&plane, &Fault::Store(error)),
        Err(error) => page(&plane, next, Some(error.to_string()), StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// `GET /login/once/{link}`: whoever opens it is signed in. Whoever was led here by another page is asked first; who only looks ahead gets nothing.
pub(crate) async fn link(
    State(plane): State<Plane>,
    peer: Peer,
    Path(link): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let said = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let looks_ahead = ["sec-purpose", "purpose", "x-purpose", "x-moz"].iter().any(|name| {
        let purpose = said(name);
        purpose.contains("prefetch") || purpose.contains("prerender") || purpose.contains("preview")
    });
    if looks_ahead || method != Method::GET {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if matches!(said("sec-fetch-site"), "" | "none" | "same-origin") {
        return open_link(&plane, peer, &link, &headers).await;
    }
    let frame = plain_frame(&plane, "Sign in");
    let action = frame.links.once(&link);
    html(&OncePage { frame, action }).unwrap_or_else(|fault| bare(&plane, &fault))
}

/// `POST /login/once/{link}`
pub(crate) async fn link_form(
    State(plane): State<Plane>,
    peer: Peer,
    Path(link): Path<String>,
    headers: HeaderMap,
) -> Response {
    if !is_ours(&plane, &headers) {
        return bare(&plane, &Fault::Foreign);
    }
    open_link(&plane, peer, &link, &headers).await
}

/// `POST /logout`
pub(crate) async fn logout(visit: Visit, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(fault) = visit.form(&headers, &body) {
        return visit.answer(Err(fault));
    }
    // A session that is over already is what was wanted.
    if let Err(Denied::Store(error)) = close_session(&visit.plane, visit.cookie(), &visit.actor).await {
        return visit.answer(Err(Fault::Store(error)));
    }
    let mut answer = see(&visit.links.login());
    set_cookie(&visit.plane, &mut answer, "", 0);
    answer.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
    answer
}

async fn open_link(plane: &Plane, peer: Peer, link: &str, headers: &HeaderMap) -> Response {
    let actor = Actor { name: "a link that signs in".to_owned(), origin: origin(plane, peer, headers) };
    match use_link(plane, &Secret::new(link), &actor).await {
        Ok((_, session)) => begun(plane, &session, "/"),
        Err(Denied::Store(error)) => bare(plane, &Fault::Store(error)),
        Err(_) => bare(plane, &Fault::Link),
    }
}

fn origin(plane: &Plane, peer: Peer, headers: &HeaderMap) -> Origin {
    Origin::of(plane.access.trust(), peer.ok().map(|peer| peer.0), headers)
}

fn begun(plane: &Plane, session: &Secret, next: &str) -> Response {
    let links = Links::new(&plane.site.url);
    let mut answer = see(&format!("{}{}", links.base(), inside(next)));
    set_cookie(plane, &mut answer, session.expose(), LIFE);
    answer
}

/// A path of ours to go on at; anything else leads home.
fn inside(next: &str) -> &str {
    let is_ours = next.starts_with('/')
        && !next.starts_with("//")
        && next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        && !next.starts_with("/login");
    if is_ours { next } else { "/" }
}

fn set_cookie(plane: &Plane, answer: &mut Response, value: &str, life: u32) {
    let url = &plane.site.url;
    let secure = if url.starts_with("https:") { "; Secure" } else { "" };
    let text = format!("{}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}", cookie_name(url));
    if let Ok(cookie) = HeaderValue::from_str(&text) {
        answer.headers_mut().insert(header::SET_COOKIE, cookie);
    }
}

fn page(plane: &Plane, next: &str, fault: Option<String>, status: StatusCode) -> Response {
    let page = LoginPage { frame: plain_frame(plane, "Sign in"), next: inside(next).to_owned(), fault };
    let mut answer = html(&page).unwrap_or_else(|fault| bare(plane, &fault));
    if status != StatusCode::OK {
        *answer.status_mut() = status;
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::{inside, link_address};
    use crate::plane::Site;
    use domain::Secret;

    #[test]
    fn one_is_led_to_pages_of_ours_alone() {
        for (next, to) in [
            ("/acme/shop?x=1", "/acme/shop?x=1"),
            ("", "/"),
            ("//evil.org", "/"),
            ("/\\evil.org", "/"),
            ("https://evil.org", "/"),
            ("/x\r\nSet-Cookie: a=b", "/"),
            ("/login/once/x", "/"),
        ] {
            assert_eq!(inside(next), to, "{next}");
        }
    }

    #[test]
    fn a_link_is_below_the_public_address() {
        let site = Site {
            url: "https://h/ci".to_owned(),
            actions: String::new(),
            version: "0",
            folders: Vec::new(),
            keep_logs: None,
        };
        assert_eq!(link_address(&site, &Secret::new("t")).expose(), "https://h/ci/login/once/t");
    }
}
