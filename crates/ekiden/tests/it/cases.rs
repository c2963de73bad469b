//! Whole repositories below `tests/cases`, run by the binary in real sandboxes: each `expect.txt` says how the run must end.
//!
//! Its lines: `exit N`, `arg A` (an argument of `exec`), `env NAME=VALUE`, `job CONCLUSION NAME`, `has TEXT` and `lacks TEXT` (anywhere in
//! what is printed, without colours), `lacks-line TEXT` (at the beginning of a line), `order A … B` (one after the other).

use crate::support::{Repository, run};
use std::path::{Path, PathBuf};

/// What a case expects.
#[derive(Debug, Default)]
struct Case {
    exit: i32,
    args: Vec<String>,
    env: Vec<(String, String)>,
    jobs: Vec<(String, String)>,
    has: Vec<String>,
    lacks: Vec<String>,
    order: Vec<String>,
}

fn read(folder: &Path) -> Case {
    let mut case = Case::default();
    for line in std::fs::read_to_string(folder.join("expect.txt")).unwrap().lines() {
        let (word, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{}: {line}", folder.display()));
        match word {
            "exit" => case.exit = rest.parse().unwrap(),
            "arg" => case.args.push(rest.to_owned()),
            "env" => case.env.extend(rest.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))),
            "job" => {
                let (conclusion, name) = rest.split_once(' ').unwrap();
                case.jobs.push((name.to_owned(), conclusion.to_owned()));
            }
            "has" => case.has.push(rest.to_owned()),
            "lacks" => case.lacks.push(rest.to_owned()),
            "lacks-line" => case.lacks.push(format!("\n{rest}")),
            "order" => case.order = rest.split(" … ").map(str::to_owned).collect(),
            other => panic!("{}: {other}", folder.display()),
        }
    }
    case
}

fn files(top: &Path, folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            files(top, &path, found);
        } else if name != "expect.txt" {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

/// What is wrong with a case; nothing when it ends as it should.
fn faults(folder: &Path) -> Vec<String> {
    let case = read(folder);
    let mut all = Vec::new();
    files(folder, folder, &mut all);
    let all: Vec<(&str, &str)> = all.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let repository = Repository::with(&all);
    let summary = tempfile::NamedTempFile::new().unwrap();
    let mut command = repository.command(&["exec", "--summary", summary.path().to_str().unwrap()]);
    command.args(&case.args).envs(case.env);
    let ran = run(command);
    let said = without_colours(&ran.stdout);
    let mut faults = Vec::new();
    if ran.code != Some(case.exit) {
        faults.push(format!("exit {:?}, not {}", ran.code, case.exit));
    }
    faults.extend(case.has.iter().filter(|text| !said.contains(*text)).map(|text| format!("lacks {text:?}")));
    faults.extend(case.lacks.iter().filter(|text| said.contains(*text)).map(|text| format!("has {text:?}")));
    let mut rest = said.as_str();
    for text in &case.order {
        match rest.split_once(text.as_str()) {
            Some((_, after)) => rest = after,
            None => faults.push(format!("{text:?} is not after the one before")),
        }
    }
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(summary.path()).unwrap()).unwrap_or_default();
    for (name, conclusion) in case.jobs {
        let found = summary["jobs"].as_array().and_then(|jobs| jobs.iter().find(|job| job["name"] == name));
        if found.is_none_or(|job| job["conclusion"] != conclusion) {
            faults.push(format!("the job {name:?} is not {conclusion}: {found:?}"));
        }
    }
    if !faults.is_empty() {
        faults.push(format!("\n{said}\n{}", ran.stderr));
    }
    faults
}

fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split("\u{1b}[");
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.find(|c: char| c.is_ascii_alphabetic()).map_or("", |end| &part[end + 1..]));
    }
    plain
}

#[test]
fn every_case_ends_as_it_says() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> = std::fs::read_dir(top).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    assert!(folders.len() > 30, "{folders:?}");
    let has = |program: &str| std::process::Command::new(program).arg("--version").output().is_ok();
    let (node, perl) = (has("node"), has("perl"));
    let mut wrong = Vec::new();
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let needs_node = name.starts_with("js-") || name == "fail-fast-posts";
        if needs_node && !node {
            println!("SKIP {name}: there is no node here");
            continue;
        }
        if name == "shells-more" && !perl {
            println!("SKIP {name}: there is no perl here");
            continue;
        }
        let faults = faults(&folder);
        if !faults.is_empty() {
            wrong.push(format!("{name}: {}", faults.join("; ")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
