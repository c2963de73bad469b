//! Who looks at a page. Taken by every handler but those of the login.

use super::fault::{Fault, bare};
use super::guard;
use super::links::{Links, part};
use super::pairs::Pairs;
use super::view::{Frame, Here, Mark};
use crate::access::{Actor, Denied, Origin, Person, Reach, session};
use crate::keys::KeyRing;
use crate::plane::Plane;
use api::Right;
use axum::extract::{ConnectInfo, FromRequestParts, OriginalUri};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use domain::Secret;
use domain::control::Scope;
use std::borrow::Cow;
use std::net::SocketAddr;
use store::{Project, StoreError};

/// Somebody with a session.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    pub(crate) plane: Plane,
    pub(crate) links: Links,
    pub(crate) person: Person,
    /// For the audit.
    pub(crate) actor: Actor,
    cookie: Secret,
}

/// The name of the cookie. Browsers keep one that begins with `__Host-` from everybody else; they take it over TLS alone. Cookies do not know
/// ports, so one without TLS has it in its name.
pub(crate) fn cookie_name(url: &str) -> String {
    if url.starts_with("https:") {
        return "__Host-ekiden".to_owned();
    }
    let port = url.rsplit_once(':').map(|(_, port)| port.split('/').next().unwrap_or_default());
    let port = port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    port.map_or_else(|| "ekiden".to_owned(), |port| format!("ekiden-{port}"))
}

/// The session's text among the cookies of a call.
pub(crate) fn cookie(url: &str, headers: &HeaderMap) -> Option<Secret> {
    let name = cookie_name(url);
    let all = headers.get_all(header::COOKIE);
    let pairs = all.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(|(known, _)| *known == name);
    values.next().map(|(_, value)| Secret::new(value))
}

/// The text that forms of a session carry: nobody else knows it.
fn form_text(keys: &KeyRing, cookie: &Secret) -> String {
    let hash = keys.hash(&Secret::new(format!("form of {}", cookie.expose())));
    hash.0[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Who calls, from where.
pub(crate) fn origin(plane: &Plane, parts: &Parts) -> Origin {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0);
    Origin::of(plane.access.trust(), peer, &parts.headers)
}

/// What stands around a page that nobody in particular looks at.
pub(crate) fn plain_frame(plane: &Plane, title: &str) -> Frame {
    Frame {
        links: Links::new(&plane.site.url),
        title: title.to_owned(),
        here: Here::Elsewhere,
        mark: None,
        person: None,
        form: String::new(),
        runners: false,
        live: None,
        version: plane.site.version,
    }
}

impl Visit {
    /// What stands around a page.
    pub(crate) fn frame(&self, title: impl Into<String>, here: Here, mark: Option<Mark>) -> Frame {
        Frame {
            links: self.links.clone(),
            title: title.into(),
            here,
            mark,
            person: Some(super::text::line(&self.person.name)),
            form: form_text(&self.plane.keys, &self.cookie),
            runners: self.person.rights.hold(Right::ReadRunners),
            live: None,
            version: self.plane.site.version,
        }
    }

    /// A page that is read again when something changed.
    pub(crate) fn live_frame(&self, title: impl Into<String>, here: Here, mark: Option<Mark>, what: &str) -> Frame {
        Frame { live: Some(format!("{}{what}", self.links.changes())), ..self.frame(title, here, mark) }
    }

    /// Whether runs of a project may be seen.
    pub(crate) fn sees(&self, project: &Project) -> bool {
        self.person.may(Right::ReadRuns, Reach::Project(project.owner_id, project.id))
    }

    /// Whether runs of a project may be changed.
    pub(crate) fn changes(&self, project: &Project) -> bool {
        self.person.may(Right::WriteRuns, Reach::Project(project.owner_id, project.id))
    }

    /// The project of a name.
    pub(crate) async fn project(&self, owner: &str, name: &str) -> Result<Project, Fault> {
        let project = self.plane.store.project(owner, name).await?;
        if self.sees(&project) { Ok(project) } else { Err(Fault::Nowhere) }
    }

    /// All projects whose runs may be seen.
    pub(crate) async fn projects(&self) -> Result<Vec<Project>, Fault> {
        if !self.person.rights.hold(Right::ReadRuns) {
            return Ok(Vec::new());
        }
        let mut all = self.plane.store.projects().await?;
        if self.person.scope != Scope::Instance {
            all.retain(|project| self.sees(project));
        }
        Ok(all)
    }

    /// Reads a form that a page of this session sent.
    pub(crate) fn form(&self, headers: &HeaderMap, body: &[u8]) -> Result<Pairs, Fault> {
        if !guard::is_ours(&self.plane, headers) {
            return Err(Fault::Foreign);
        }
        let pairs = Pairs::of(body);
        let known = form_text(&self.plane.keys, &self.cookie);
        let said = pairs.get("form").unwrap_or_default();
        let is_same = aws_lc_rs::constant_time::verify_slices_are_equal(known.as_bytes(), said.as_bytes()).is_ok();
        if is_same { Ok(pairs) } else { Err(Fault::Foreign) }
    }

    /// Whether the session goes on.
    pub(crate) async fn still(&self) -> Result<Person, Denied> {
        session(&self.plane, &self.cookie).await
    }

    /// The session's text.
    pub(crate) const fn cookie(&self) -> &Secret {
        &self.cookie
    }

    /// An answer, or a page that says what is wrong.
    pub(crate) fn answer(&self, done: Result<Response, Fault>) -> Response {
        match done {
            Ok(answer) => answer,
            Err(fault) => fault.page(self.frame(fault.heading(), Here::Elsewhere, None)),
        }
    }
}

impl FromRequestParts<Plane> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, plane: &Plane) -> Result<Self, Response> {
        let links = Links::new(&plane.site.url);
        let (cookie, person) = match cookie(&plane.site.url, &parts.headers) {
            None => return Err(to_login(&links, parts)),
            Some(cookie) => match session(plane, &cookie).await {
                Ok(person) => (cookie, person),
                Err(Denied::Store(error)) => return Err(bare(plane, &Fault::Store(error))),
                Err(_) => return Err(to_login(&links, parts)),
            },
        };
        let actor = Actor { name: person.to_string(), origin: origin(plane, parts) };
        Ok(Self { plane: plane.clone(), links, person, actor, cookie })
    }
}

/// Somebody without a session is led to where one begins; what no person reads is told so.
fn to_login(links: &Links, parts: &Parts) -> Response {
    let accepts = parts.headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_read = parts.method == Method::GET
        && accepts.is_none_or(|accept| accept.contains("text/html") || accept.contains("*/*"));
    let is_stream = accepts.is_some_and(|accept| accept.starts_with("text/event-stream"));
    if !is_read || is_stream {
        return (StatusCode::UNAUTHORIZED, "sign in first\n").into_response();
    }
    let uri = parts.extensions.get::<OriginalUri>().map_or(&parts.uri, |uri| &uri.0);
    let path = uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
    // Within the public path, whether or not a proxy takes it away.
    let to = match within(links.base(), path).as_ref() {
        "/" => links.login(),
        path => format!("{}?next={}", links.login(), part(path)),
    };
    see(&to)
}

/// A path with its query, without the public path before it. The public path itself is the home page's, with a slash behind it or without.
fn within<'a>(base: &str, path: &'a str) -> Cow<'a, str> {
    match path.strip_prefix(base) {
        Some("") => Cow::Borrowed("/"),
        Some(rest) if rest.starts_with('/') => Cow::Borrowed(rest),
        Some(query) if query.starts_with('?') => Cow::Owned(format!("/{query}")),
        _ => Cow::Borrowed(path),
    }
}

/// Leads elsewhere.
pub(crate) fn see(to: &str) -> Response {
    let mut answer = StatusCode::SEE_OTHER.into_response();
    // Every link is percent-encoded; what is none leads home.
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    answer.headers_mut().insert(header::LOCATION, to);
    answer
}

/// What the store misses is nowhere; all else is a fault.
impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Missing { .. } => Self::Nowhere,
            other => Self::Store(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{cookie, cookie_name, within};
    use axum::http::HeaderMap;

    #[test]
    fn a_path_is_told_without_the_public_one() {
        for (base, path, rest) in [
            ("", "/queue?x", "/queue?x"),
            ("", "/", "/"),
            ("/ci", "/ci", "/"),
            ("/ci", "/ci/", "/"),
            ("/ci", "/ci?x=1", "/?x=1"),
            ("/ci", "/ci/queue", "/queue"),
            ("/ci", "/queue", "/queue"),
            ("/ci", "/cin/x", "/cin/x"),
        ] {
            assert_eq!(within(base, path), rest, "{base} {path}");
        }
    }

    #[test]
    fn a_cookie_is_bound_to_its_server() {
        for (url, name) in [
            ("https://ci.example.org/x", "__Host-ekiden"),
            ("http://127.0.0.1:8080", "ekiden-8080"),
            ("http://127.0.0.1:8080/ci", "ekiden-8080"),
            ("http://h/a:b", "ekiden"),
            ("http://h", "ekiden"),
        ] {
            assert_eq!(cookie_name(url), name);
        }
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=b; ekiden-80=no; ekiden-8080=yes".parse().unwrap());
        let found = |url| cookie(url, &headers).map(|secret| secret.expose().to_owned());
        assert_eq!(found("http://h:8080").as_deref(), Some("yes"));
        assert_eq!(found("https://h"), None);
    }
}
