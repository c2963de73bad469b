//! The status of a commit, in the words that all forges share.

use serde::{Deserialize, Serialize};

/// Forges cut or refuse a longer one.
const DESCRIPTION: usize = 140;
/// And a longer name.
const CONTEXT: usize = 255;

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It waits or goes on.
    Pending,
    /// It went well.
    Success,
    /// It did not.
    Failure,
    /// Nobody knows: it was cancelled, or the platform failed.
    Error,
}

/// The status of a commit under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How it stands.
    pub state: State,
    /// The name: a later status of it takes the place of an earlier one.
    pub context: String,
    /// For people, in a line.
    pub description: String,
    /// Where there is more.
    pub target_url: String,
}

impl Status {
    /// The same, as long as forges take it.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        self.context = cut(&self.context, CONTEXT);
        self.description = cut(&self.description, DESCRIPTION);
        self
    }
}

fn cut(text: &str, most: usize) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most - 1).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::{State, Status};

    #[test]
    fn what_is_too_long_is_cut_and_stays_one_line() {
        let long = Status {
            state: State::Failure,
            context: "é".repeat(300),
            description: "a\nb".repeat(100),
            target_url: String::new(),
        };
        let fitted = long.fitted();
        assert_eq!((fitted.context.chars().count(), fitted.description.chars().count()), (255, 140));
        assert!(fitted.context.ends_with('…') && fitted.description.starts_with("a ba b"));
        assert_eq!(serde_json::to_value(&fitted).unwrap()["state"], "failure");
        let short = Status { context: "c".to_owned(), description: "d".to_owned(), ..fitted };
        assert_eq!(short.clone().fitted(), short);
    }
}
