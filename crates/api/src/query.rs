//! What may be asked for behind the `?` of routes that are more than a page of a list. Read by the server's handlers one by one, described by these.

use crate::TokenKind;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Which jobs, and in which order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// Those of one of these states or conclusions; may be given more than once.
    #[serde(default)]
    pub status: Vec<String>,
    /// By what they are sorted: `id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// With `sort`: `asc`, as is usual, or `desc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
}

/// Which runners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RunnerQuery {
    /// Those that are disabled, or those that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// Which tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TokenQuery {
    /// Those of a kind: people's where it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub kind: Option<TokenKind>,
}

/// How a log is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// As it comes, until the job is over (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follow: Option<bool>,
    /// Of this step alone, from 0, as far as it is (ours).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u32>,
}

/// What a dispatch answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DispatchQuery {
    /// 200 and the run that was made, in place of 204.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub return_run_details: Option<bool>,
}

/// Which artifacts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ArtifactQuery {
    /// Those of a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}
