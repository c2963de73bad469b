//! Where an annotation points: file, lines, columns, as given by the properties of a command.

use super::line::WrittenCommand;

/// A place in a file; everything may be unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// The file as written.
    pub file: Option<String>,
    /// First line, from 1.
    pub line: Option<u32>,
    /// Last line.
    pub end_line: Option<u32>,
    /// First column, from 1.
    pub column: Option<u32>,
    /// Last column.
    pub end_column: Option<u32>,
}

impl Place {
    /// Reads the properties `file line endLine col endColumn`; what contradicts itself is dropped, with a note for the debug log.
    pub fn from_command(command: &WrittenCommand<'_>, notes: &mut Vec<String>) -> Self {
        let number = |key| command.property(key).and_then(|text| text.trim().parse().ok());
        let name = command.name.to_ascii_lowercase();
        let mut note = |text: &str| notes.push(format!("Invalid {name} command value. {text}"));
        let mut place = Self {
            file: command.property("file").filter(|file| !file.is_empty()).map(str::to_owned),
            line: number("line"),
            end_line: number("endLine"),
            column: number("col"),
            end_column: number("endColumn"),
        };
        if place.end_line.is_some() && place.line.is_none() {
            note("'endLine' can only be set if 'line' is provided");
            place.line = place.end_line;
        }
        if place.end_column.is_some() && place.column.is_none() {
            note("'endColumn' can only be set if 'col' is provided");
            place.column = place.end_column;
        }
        if place.line.is_none() && place.column.is_some() {
            note("'col' and 'endColumn' can only be set if 'line' value is provided.");
            (place.column, place.end_column) = (None, None);
        }
        if place.end_line.is_some() && place.end_line != place.line && place.column.is_some() {
            note("'col' and 'endColumn' cannot be set if 'line' and 'endLine' are different values.");
            (place.column, place.end_column) = (None, None);
        }
        if place.end_line.is_some_and(|end| Some(end) < place.line) {
            note("'endLine' cannot be less than 'line'.");
            (place.line, place.end_line) = (None, None);
        }
        if place.end_column.is_some_and(|end| Some(end) < place.column) {
            note("'endColumn' cannot be less than 'col'.");
            (place.column, place.end_column) = (None, None);
        }
        place
    }

    /// The file relative to the workspace, when it lies in it.
    #[must_use]
    pub fn relative_to(mut self, workspace: &str) -> Self {
        if let Some(file) = &mut self.file
            && let Some(rest) = file.strip_prefix(workspace.trim_end_matches('/'))
            && let Some(rest) = rest.strip_prefix('/')
            && !rest.is_empty()
        {
            *file = rest.to_owned();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::line::parse;

    fn place(properties: &str) -> (Place, usize) {
        let line = format!("::error {properties}::x");
        let mut notes = Vec::new();
        (Place::from_command(&parse(&line, |_| true).unwrap(), &mut notes), notes.len())
    }

    #[test]
    fn contradictions_are_dropped_with_a_note() {
        let at = |line, end_line, column, end_column| Place { file: None, line, end_line, column, end_column };
        assert_eq!(place("line=3,endLine=4"), (at(Some(3), Some(4), None, None), 0));
        assert_eq!(place("line=3,col=1,endColumn=5"), (at(Some(3), None, Some(1), Some(5)), 0));
        assert_eq!(place("endLine=4"), (at(Some(4), Some(4), None, None), 1));
        assert_eq!(place("line=1,endColumn=4"), (at(Some(1), None, Some(4), Some(4)), 1));
        assert_eq!(place("col=4"), (at(None, None, None, None), 1));
        assert_eq!(place("line=3,endLine=4,col=1"), (at(Some(3), Some(4), None, None), 1));
        assert_eq!(place("line=4,endLine=3"), (at(None, None, None, None), 1));
        assert_eq!(place("line=4,col=4,endColumn=3"), (at(Some(4), None, None, None), 1));
        assert_eq!(place("line=x,file="), (at(None, None, None, None), 0));
    }

    #[test]
    fn files_in_the_workspace_become_relative() {
        let file =
            |file: &str| Place { file: Some(file.into()), ..Place::default() }.relative_to("/w/repo/").file.unwrap();
        assert_eq!(file("/w/repo/src/a.rs"), "src/a.rs");
        assert_eq!(file("/w/repository/a.rs"), "/w/repository/a.rs");
        assert_eq!(file("src/a.rs"), "src/a.rs");
    }
}
