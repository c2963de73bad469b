//! A workflow that a person starts by hand.

use super::frame::{Frame, Here};
use super::runs::Choice;
use askama::Template;

/// `/{owner}/{name}/start?workflow=PATH`
#[derive(Debug, Template)]
#[template(path = "start.html")]
pub(crate) struct StartPage {
    pub(crate) frame: Frame,
    /// The project, and where it is.
    pub(crate) project: (String, String),
    /// The workflow's name.
    pub(crate) name: String,
    /// Its file.
    pub(crate) path: String,
    /// Where the form leads.
    pub(crate) action: String,
    /// What it is to run at.
    pub(crate) reference: String,
    pub(crate) inputs: Vec<InputRow>,
    /// Why the last try did not work.
    pub(crate) fault: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub(crate) struct InputRow {
    /// Its name as it is, for the form.
    pub(crate) field: String,
    /// Its name, for people.
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) required: bool,
    pub(crate) value: String,
    /// What it is one of.
    pub(crate) options: Vec<Choice>,
}
