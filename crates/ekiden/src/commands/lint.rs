//! `ekiden lint`: everything that is wrong with workflow and action files, all at once.

use crate::args::{LintArgs, LintFormat};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::lint::{Checked, Excerpts, check, find, sarif};
use crate::style::{self, Palette};
use serde_json::{Value, json};
use workflow::diagnostic::{Colours, Severity};

/// Prints the findings; exit 1 when there are any, 5 when there was nothing to check.
pub(crate) fn run(args: &LintArgs) -> Result<Exit, Failure> {
    let targets = find(&args.paths)?;
    if targets.is_empty() {
        let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::not_found("there is nothing to check")
            .fact(format!("no workflow file and no action.yml in {}", paths.join(", ")))
            .fix("name a file, a folder of workflow files, or a repository: ekiden lint PATH"));
    }
    let excerpts = match args.output {
        LintFormat::Text => Excerpts::Shown(match Palette::stdout() {
            Palette::Colored => Colours::Ansi,
            Palette::Plain => Colours::None,
        }),
        LintFormat::Json | LintFormat::Sarif => Excerpts::None,
    };
    let checked = check(&targets, excerpts);
    let findings: usize = checked.iter().map(|file| file.diagnostics.len()).sum();
    match args.output {
        LintFormat::Text => text(&checked, findings)?,
        LintFormat::Json => style::data(&(json_text(&checked).to_string() + "\n"))?,
        LintFormat::Sarif => style::data(&(sarif(&checked).to_string() + "\n"))?,
    }
    Ok(if findings > 0 { Exit::Failed } else { Exit::Ok })
}

fn text(checked: &[Checked], findings: usize) -> Result<(), Failure> {
    let out: String = checked.iter().map(|file| file.shown.as_str()).collect();
    style::data(&out)?;
    let all = checked.iter().flat_map(|file| &file.diagnostics);
    let errors = all.filter(|finding| finding.severity == Severity::Error).count();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let warnings = findings - errors;
    let files = checked.len();
    style::note(if findings == 0 {
        format!("{files} file{} checked, nothing found", plural(files))
    } else {
        format!(
            "{errors} error{}, {warnings} warning{} in {files} file{}",
            plural(errors),
            plural(warnings),
            plural(files)
        )
    });
    Ok(())
}

fn json_text(checked: &[Checked]) -> Value {
    let diagnostics: Vec<Value> = checked
        .iter()
        .flat_map(|file| {
            file.diagnostics.iter().map(move |finding| {
                let mut value = json!({
                    "code": finding.code,
                    "severity": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
                    "message": finding.message,
                    "file": file.file.to_string_lossy(),
                    "line": finding.span.line,
                    "column": finding.span.column,
                });
                if let Some(help) = &finding.help {
                    value["help"] = json!(help);
                }
                value
            })
        })
        .collect();
    json!({ "diagnostics": diagnostics })
}
