//! What steps are called in the log. Pure.

use workflow::model::Uses;
use workflow::template::Template;

/// The first line of a text that is not blank before it, with the word that the reference puts before generated names.
pub(crate) fn generated(text: &str) -> String {
    let first = first_line(text);
    if first.is_empty() { String::new() } else { format!("Run {first}") }
}

/// The first line, without blanks and newlines before it.
pub(crate) fn first_line(text: &str) -> &str {
    let text = text.trim_start_matches([' ', '\t', '\r', '\n']);
    text.split(['\r', '\n']).next().unwrap_or_default()
}

/// The first line of a text as it is written, for when it cannot be evaluated.
pub(crate) fn raw(template: &Template) -> String {
    first_line(&template.as_written()).to_owned()
}

/// An action as names and groups of the log write it.
pub(crate) fn action(uses: &Uses) -> String {
    match uses {
        Uses::Repository(action) if action.path.is_empty() => format!("{}@{}", action.repository, action.reference),
        Uses::Repository(action) => format!("{}/{}@{}", action.repository, action.path, action.reference),
        Uses::Local(path) => path.clone(),
        Uses::Same(path) => format!("$/{}", path.trim_start_matches("$/")),
        Uses::Docker(image) => format!("docker://{}", image.trim_start_matches("docker://")),
    }
}

#[cfg(test)]
mod tests {
    use super::{action, generated};
    use workflow::action_source::ActionRef;
    use workflow::model::Uses;

    #[test]
    fn a_script_is_called_by_its_first_line() {
        assert_eq!(generated("\n  echo one\necho two"), "Run echo one");
        assert_eq!(generated(" \n"), "");
    }

    #[test]
    fn an_action_is_called_as_it_is_used() {
        let reference =
            ActionRef { host: None, repository: "a/b".to_owned(), path: "c".to_owned(), reference: "v1".to_owned() };
        assert_eq!(action(&Uses::Repository(reference)), "a/b/c@v1");
        assert_eq!(action(&Uses::Local("./x".to_owned())), "./x");
        assert_eq!(action(&Uses::Same("x/y".to_owned())), "$/x/y");
    }
}
