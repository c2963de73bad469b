//! The golden files of the reference's parser: options, a workflow, files that it calls, and the JSON that must come out.

use crate::conformance;
use crate::golden_json::{self, Places};
use serde_json::Value;
use std::path::Path;
use workflow::action_source::ActionRef;
use workflow::diagnostic::{Diagnostic, Severity, code};
use workflow::model::JobKind;
use workflow::parse;
use workflow::plan::{Calls, FileReference, Files, Options, PlanOutcome, TokenPolicy, plan_with};
use workflow::yaml::{FileId, Span};

pub(crate) struct Golden {
    options: String,
    path: String,
    main: String,
    others: Vec<(String, String)>,
    wanted: Value,
}

impl Golden {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap();
        let mut documents: Vec<String> = vec![String::new()];
        for line in text.split_inclusive('\n') {
            if line.trim_end() == "---" {
                documents.push(String::new());
            } else {
                documents.last_mut().unwrap().push_str(line);
            }
        }
        let wanted = documents.pop().unwrap();
        // The line break before `---` belongs to it.
        for document in &mut documents {
            if document.ends_with('\n') {
                document.pop();
            }
        }
        let mut documents = documents.into_iter();
        let (options, main) = (documents.next().unwrap(), documents.next().unwrap());
        let mut others = Vec::new();
        while let (Some(name), Some(text)) = (documents.next(), documents.next()) {
            others.push((name.trim().to_owned(), text));
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        Self {
            options,
            path: format!(".github/workflows/{name}"),
            main,
            others,
            wanted: serde_json::from_str(&wanted).unwrap(),
        }
    }

    fn option(&self, name: &str) -> Option<&str> {
        self.options.lines().find_map(|line| {
            let value = line.strip_prefix(name)?.strip_prefix(':')?;
            Some(value.split('#').next().unwrap_or(value).trim())
        })
    }

    fn number(&self, name: &str) -> Option<usize> {
        self.option(name).map(|value| value.parse().unwrap())
    }

    fn skips(&self, language: &str) -> bool {
        self.options.lines().any(|line| line.trim().strip_prefix('-').is_some_and(|name| name.trim() == language))
    }

    pub(crate) fn plan(&self) -> (Files, PlanOutcome) {
        let mut files = Files::new();
        let root = FileReference::Local(self.path.clone());
        files.insert(root.clone(), self.main.as_str());
        for (name, text) in &self.others {
            let (path, reference) = name.split_once('@').unwrap();
            let mut parts = path.splitn(3, '/');
            let action = ActionRef {
                host: None,
                repository: format!("{}/{}", parts.next().unwrap(), parts.next().unwrap()),
                path: parts.next().unwrap().to_owned(),
                reference: reference.to_owned(),
            };
            files.insert(FileReference::Remote(action), text.as_str());
        }
        let mut options = Options::default();
        let limits = &mut options.limits;
        limits.bytes = self.number("max-result-size").unwrap_or(limits.bytes);
        limits.characters = self.number("max-file-size").unwrap_or(limits.characters);
        limits.depth = self.number("max-depth").map_or(limits.depth, |depth| u32::try_from(depth).unwrap());
        options.nesting = self.number("max-nested-reusable-workflows-depth").unwrap_or(options.nesting);
        options.jobs = self.number("max-job-limit").unwrap_or(options.jobs);
        if self.option("skip-reusable-workflows") == Some("true") {
            options.calls = Calls::Leave;
        }
        if self.option("permissions-policy") == Some("LimitedRead") {
            options.policy = TokenPolicy::LimitedRead;
        }
        let outcome = plan_with(&files, &root, &options);
        (files, outcome)
    }

    fn check(&self) -> Result<(), String> {
        let (files, outcome) = self.plan();
        match (self.wanted.get("errors"), outcome) {
            (Some(wanted), PlanOutcome::Invalid(found)) => {
                let wanted: Vec<String> =
                    wanted.as_array().unwrap().iter().map(|error| words(error["Message"].as_str().unwrap())).collect();
                let found: Vec<String> =
                    as_far(&found).into_iter().map(|finding| words(&message(finding, &files))).collect();
                if wanted == found { Ok(()) } else { Err(format!("wanted {wanted:#?}\nfound {found:#?}")) }
            }
            (None, PlanOutcome::Ready(plan)) => {
                let dropped = self.option("include-source") == Some("false") || self.skips("C#");
                let places = if dropped { Places::Dropped } else { Places::Shown };
                let mut found = golden_json::plan(&plan, places);
                let mut wanted = self.wanted.clone();
                // What starts a workflow is no part of what C# writes; other readings do.
                wanted.as_object_mut().unwrap().remove("events");
                if self.skips("C#") {
                    found.as_object_mut().unwrap().remove("input-types");
                }
                if self.option("is-partial-rerun") == Some("true")
                    || self.option("skip-reusable-workflows").is_some()
                    || self.skips("C#")
                {
                    // Which files are listed, and in which order, is the caller's here.
                    for value in [&mut found, &mut wanted] {
                        value.as_object_mut().unwrap().remove("file-table");
                    }
                }
                if wanted == found { Ok(()) } else { Err(format!("wanted {wanted:#}\nfound {found:#}")) }
            }
            (wanted, outcome) => Err(format!("wanted {wanted:?}\nfound {outcome:?}")),
        }
    }
}

/// The errors that the reference gets to: it stops after each stage that found any, and after ten.
fn as_far(found: &[Diagnostic]) -> Vec<&Diagnostic> {
    let errors = || found.iter().filter(|finding| finding.severity == Severity::Error);
    let stage = |finding: &Diagnostic| match finding.code {
        code::UNKNOWN_JOB | code::NEEDS_CYCLE => 2,
        code::BAD_ID
        | code::BAD_USES
        | code::MATRIX
        | code::CONTAINER
        | code::RUNNER_GROUP
        | code::CONCURRENCY
        | code::SNAPSHOT
        | code::BACKGROUND => 1,
        _ => 0,
    };
    let first = errors().map(stage).min();
    errors().filter(|finding| Some(stage(finding)) == first).take(10).collect()
}

/// Who calls a file, and where.
fn caller(called: FileId, files: &Files) -> Option<Span> {
    let name = files.get(called)?.reference.to_string();
    files.iter().find_map(|(id, file)| {
        let workflow = parse::workflow(id, "", file.text.as_deref().ok()?).value?;
        workflow.jobs.iter().find_map(|job| match &job.kind {
            JobKind::Reusable(call) if call.uses.value == name => Some(call.uses.span),
            _ => None,
        })
    })
}

/// A finding as the reference words and places it.
fn message(finding: &Diagnostic, files: &Files) -> String {
    let file = &files.get(finding.span.file).unwrap().reference;
    let text = &finding.message;
    let place = format!("(Line: {}, Col: {})", finding.span.line, finding.span.column);
    match finding.code {
        code::LIMIT if text.starts_with("The workflow may not") => text.clone(),
        code::CALL_DEPTH => text.clone(),
        code::LIMIT if finding.span.column > 1 && files.iter().count() > 1 => {
            let called = files.iter().last().unwrap().1;
            format!("In {file} {place}: Error from called workflow {}: {text}", called.reference)
        }
        code::YAML | code::YAML_TAG | code::LIMIT => format!("{file}: {text}"),
        code::CALL_PERMISSION | code::CALL_INPUT | code::CALL_SECRET => format!("{file} {place}: {text}"),
        _ => match caller(finding.span.file, files) {
            // What is wrong in a file that is called is said where it is called.
            Some(call) => {
                let from = &files.get(call.file).unwrap().reference;
                format!(
                    "In {from} (Line: {}, Col: {}): Error from called workflow {file} {place}: {text}",
                    call.line, call.column
                )
            }
            None => format!("{file} {place}: {text}"),
        },
    }
}

/// Without what differs for a reason: expressions are placed at the character here and at their scalar there; scopes that are
/// younger than the files; words that the reference has changed since. Long messages are cut as there.
fn words(message: &str) -> String {
    let mut text = message.replace(" and and ", " and ");
    for scope in [
        "artifact-metadata",
        "attestations",
        "models",
        "vulnerability-alerts",
        "code-quality",
        "copilot-requests",
        "drives",
    ] {
        for level in ["none", "read", "write"] {
            text = text.replace(&format!("{scope}: {level}, "), "").replace(&format!(", {scope}: {level}"), "");
        }
    }
    let about_expressions = [
        " within expression: ",
        "An expression was expected",
        "The expression is not closed",
        "The directive 'insert'",
    ];
    if about_expressions.iter().any(|words| text.contains(words))
        && let (Some(from), Some(to)) = (text.find(", Col: "), text.find("): "))
    {
        text.replace_range(from..to, "");
    }
    if text.chars().count() > 500 && !text.ends_with("[...]") {
        text = text.chars().take(500).collect::<String>() + "[...]";
    }
    text
}

#[test]
fn goldens() {
    let Some(folder) = conformance::folder() else { return };
    let mut checked = 0;
    let mut failed = Vec::new();
    for path in conformance::files(&folder.join("workflow-parser"), "yml") {
        let golden = Golden::read(&path);
        let older_than_anchors = path.file_name().is_some_and(|name| name == "errors-anchor-tag.yml");
        // Errors of another reading than that of C# are not ours.
        if older_than_anchors || golden.skips("C#") && golden.wanted.get("errors").is_some() {
            continue;
        }
        checked += 1;
        if let Err(why) = golden.check() {
            failed.push(format!("{}: {why}", path.display()));
        }
    }
    println!("{checked} goldens");
    assert!(checked > 0, "no golden files");
    assert!(failed.is_empty(), "{} of {checked} failed\n{}", failed.len(), failed.join("\n\n"));
}
