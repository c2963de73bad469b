//! What the commands of a process do to its own output: annotations, folds, masks, problem matchers. Called by [`super::StepOutput`] for
//! each line that is a command and for each command file.

use super::{MATCHER_FILE_LIMIT, StepOutput};
use crate::commands::Said;
use crate::commands::command::{CommandName, RemoveMatcher};
use crate::commands::interpreter::failure;
use crate::commands::matchers::config;
use crate::commands::place::Place;
use domain::AnnotationLevel;
use mask::Added;
use std::path::Path;

impl StepOutput<'_> {
    pub(super) async fn command(&mut self, said: Vec<Said>) {
        self.end_of_text();
        for said in said {
            // Masks and matchers change what the lines behind them mean, so each is done before the next is looked at.
            if let Err(error) = self.act(said).await {
                self.error(&error).await;
                self.effects.fail();
            }
        }
    }

    /// Does one thing. An error is one that only a command file can have.
    pub(super) async fn act(&mut self, said: Said) -> Result<(), String> {
        match said {
            Said::Line(line) => self.log.write(&line, &mut self.side.lines),
            Said::Debug(text) => self.log.write_debug(&text, &mut self.side.lines),
            Said::Mask(value) => {
                if self.log.masker().add(&value) == Added::TooShort {
                    let message = "A mask of a single character would hide most of the log; it was not added.";
                    self.annotate(AnnotationLevel::Warning, message, None, Place::default(), None).await;
                }
            }
            Said::Annotate { level, message, title, place } => {
                let place = place.relative_to(&self.sandbox.layout().workspace.to_string_lossy());
                self.annotate(level, &message, title.as_deref(), place, None).await;
            }
            Said::Change(effect) => self.effects.apply(effect).map_err(|error| error.to_string())?,
            Said::AddMatcher { file, line } => {
                if let Err(error) = self.add_matcher(&file).await {
                    self.failed(CommandName::AddMatcher, &line, &error).await;
                }
            }
            Said::RemoveMatcher { which, line } => {
                if let Err(error) = self.remove_matcher(which).await {
                    self.failed(CommandName::RemoveMatcher, &line, &error).await;
                }
            }
            Said::Summary(markdown) => self.log.summary(&markdown).await,
            Said::Fail => self.effects.fail(),
        }
        Ok(())
    }

    pub(super) async fn failed(&mut self, name: CommandName, line: &str, error: &str) {
        for said in failure(name, line, error) {
            if let Said::Annotate { level, message, .. } = said {
                self.annotate(level, &message, None, Place::default(), None).await;
            }
        }
        self.effects.fail();
    }

    async fn add_matcher(&mut self, file: &str) -> Result<(), String> {
        let configs = config::parse(&self.read_file(file).await?).map_err(|error| error.to_string())?;
        if configs.is_empty() {
            return Ok(());
        }
        self.job_matchers.add(&configs);
        self.refresh_matchers();
        let owners: Vec<String> = configs.iter().map(|config| format!("'{}'", config.owner)).collect();
        let note = format!(
            "Added matchers: {}. Problem matchers scan action output for known warning or error strings and report these inline.",
            owners.join(", ")
        );
        self.log.write_debug(&note, &mut self.side.lines);
        Ok(())
    }

    async fn remove_matcher(&mut self, which: RemoveMatcher) -> Result<(), String> {
        let owners = match which {
            RemoveMatcher::Owner(owner) => vec![owner],
            RemoveMatcher::File(file) => {
                config::owners(&self.read_file(&file).await?).map_err(|error| error.to_string())?
            }
        };
        let removed: Vec<String> = self.job_matchers.remove(&owners).iter().map(|owner| format!("'{owner}'")).collect();
        self.refresh_matchers();
        self.log.write_debug(&format!("Removed matchers: {}", removed.join(", ")), &mut self.side.lines);
        Ok(())
    }

    pub(super) fn refresh_matchers(&mut self) {
        if let Some(matchers) = self.job_matchers.newer_than(&mut self.side.matchers_version) {
            self.side.matchers = matchers;
        }
    }

    async fn read_file(&self, file: &str) -> Result<Vec<u8>, String> {
        let path = self.sandbox.layout().workspace.join(Path::new(file));
        match self.sandbox.read(&path, MATCHER_FILE_LIMIT).await {
            Ok(Some(content)) => Ok(content),
            Ok(None) => Err(format!("Could not find file '{}'.", path.display())),
            Err(error) => Err(error.to_string()),
        }
    }
}
