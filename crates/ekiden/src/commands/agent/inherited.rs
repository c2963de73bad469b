//! The variables that the container images of Gitea's runner are set up with, so that they set up ours too. Our own flags and variables win.

use crate::args::AgentRegisterArgs;
use std::path::PathBuf;

/// What they say. Empty ones say nothing.
#[derive(Debug, Default, Clone)]
pub(super) struct Inherited {
    /// `GITEA_INSTANCE_URL`.
    pub(super) instance: Option<String>,
    /// `GITEA_RUNNER_REGISTRATION_TOKEN`.
    pub(super) token: Option<String>,
    /// `GITEA_RUNNER_REGISTRATION_TOKEN_FILE`.
    pub(super) token_file: Option<PathBuf>,
    /// `GITEA_RUNNER_NAME`.
    pub(super) name: Option<String>,
    /// `GITEA_RUNNER_LABELS`.
    pub(super) labels: Option<Vec<String>>,
    /// `GITEA_RUNNER_EPHEMERAL`: any text but `0` and `false`.
    pub(super) ephemeral: Option<bool>,
    /// `GITEA_MAX_REG_ATTEMPTS`.
    pub(super) attempts: Option<u32>,
    /// `CONFIG_FILE`.
    pub(super) config: Option<PathBuf>,
}

impl Inherited {
    /// What is in this environment and not said by our own flags.
    pub(super) fn read() -> Self {
        Self::from(|name| std::env::var(name).ok())
    }

    fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| variable(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        Self {
            instance: text("GITEA_INSTANCE_URL"),
            token: text("GITEA_RUNNER_REGISTRATION_TOKEN"),
            token_file: text("GITEA_RUNNER_REGISTRATION_TOKEN_FILE").map(PathBuf::from),
            name: text("GITEA_RUNNER_NAME"),
            labels: text("GITEA_RUNNER_LABELS").map(|text| text.split(',').map(str::to_owned).collect()),
            ephemeral: text("GITEA_RUNNER_EPHEMERAL").map(|text| super::start::is_true(&text)),
            attempts: text("GITEA_MAX_REG_ATTEMPTS").and_then(|text| text.parse().ok()),
            config: text("CONFIG_FILE").map(PathBuf::from),
        }
    }

    /// The names of those that will be used, for people to see.
    pub(super) fn used(&self, args: &AgentRegisterArgs) -> Vec<&'static str> {
        let token = args.token.is_none() && args.token_file.is_none();
        [
            (self.instance.is_some() && args.instance.is_none(), "GITEA_INSTANCE_URL"),
            (self.token.is_some() && token, "GITEA_RUNNER_REGISTRATION_TOKEN"),
            (self.token_file.is_some() && token, "GITEA_RUNNER_REGISTRATION_TOKEN_FILE"),
            (self.name.is_some() && args.name.is_none(), "GITEA_RUNNER_NAME"),
            (self.labels.is_some() && args.labels.is_none(), "GITEA_RUNNER_LABELS"),
            (self.ephemeral.is_some() && args.ephemeral.is_none(), "GITEA_RUNNER_EPHEMERAL"),
            (self.attempts.is_some() && args.attempts.is_none(), "GITEA_MAX_REG_ATTEMPTS"),
            (self.config.is_some() && args.import.config.is_none(), "CONFIG_FILE"),
        ]
        .into_iter()
        .filter_map(|(is_used, name)| is_used.then_some(name))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Inherited;

    #[test]
    fn what_the_images_are_set_up_with_is_read() {
        let all = Inherited::from(|name| {
            Some(match name {
                "GITEA_RUNNER_LABELS" => "a,b:host".to_owned(),
                "GITEA_RUNNER_EPHEMERAL" | "GITEA_MAX_REG_ATTEMPTS" => "1".to_owned(),
                other => other.to_lowercase(),
            })
        });
        assert_eq!(all.instance.as_deref(), Some("gitea_instance_url"));
        assert_eq!(all.labels, Some(vec!["a".to_owned(), "b:host".to_owned()]));
        assert_eq!((all.ephemeral, all.attempts), (Some(true), Some(1)));
        let none = Inherited::from(|_| Some(" ".to_owned()));
        assert!(none.instance.is_none() && none.labels.is_none() && none.ephemeral.is_none());
    }
}
