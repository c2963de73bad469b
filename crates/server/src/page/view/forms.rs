//! Pages before a session, and pages that say what is wrong.

use super::frame::{Frame, Here};
use askama::Template;

/// `/login`
#[derive(Debug, Template)]
#[template(path = "login.html")]
pub(crate) struct LoginPage {
    pub(crate) frame: Frame,
    /// Where to go then.
    pub(crate) next: String,
    /// Why the last try did not work.
    pub(crate) fault: Option<String>,
}

/// `/login/once/{link}`, when somebody else led there.
#[derive(Debug, Template)]
#[template(path = "once.html")]
pub(crate) struct OncePage {
    pub(crate) frame: Frame,
    pub(crate) action: String,
}

/// Something is not there, not allowed, or failed.
#[derive(Debug, Template)]
#[template(path = "fault.html")]
pub(crate) struct FaultPage {
    pub(crate) frame: Frame,
    pub(crate) status: u16,
    pub(crate) heading: &'static str,
    pub(crate) text: String,
    /// What helps.
    pub(crate) fix: Option<String>,
}
