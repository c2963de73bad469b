//! `cargo xtask layers`: the arrows between crates, where heavy dependencies live, and how long files are.
//!
//! The rules are data, in `docs/layers.toml`; they say what `docs/architecture.md` draws.

use crate::workspace::{Package, Workspace, short_name};
use crate::{Outcome, say, tell};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Lines of a file that call for a look, and lines that fail.
const LONG_FILE: usize = 500;
const TOO_LONG_FILE: usize = 1000;
/// What a pure crate may not depend on, and not name in its code.
const IMPURE_CRATES: [&str; 5] = ["tokio", "fs-err", "rustix", "libc", "reqwest"];
const IMPURE_NAMES: [&str; 5] = ["std::fs", "std::net", "std::process", "std::env::var", "Instant::now"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    #[serde(rename = "crate")]
    crates: BTreeMap<String, Rules>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Rules {
    uses: Vec<String>,
    heavy: Vec<String>,
    pure: bool,
    r#unsafe: bool,
    dev_only: bool,
}

impl Rules {
    fn may_use(&self, other: &str) -> bool {
        self.uses.iter().any(|used| used == "*" || used == other) || (other == "telemetry" && !self.pure)
    }
}

pub(crate) fn run() -> Result<Outcome> {
    let workspace = Workspace::load()?;
    let path = workspace.workspace_root.join("docs/layers.toml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let layers: Layers = toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))?;
    let mut faults = crates(&layers, &workspace.packages);
    for package in &workspace.packages {
        let Some(folder) = package.manifest_path.parent() else { continue };
        let rules = layers.crates.get(package.short_name());
        faults.extend(manifest(package, rules.is_some_and(|rules| rules.r#unsafe))?);
        for file in rust_files(folder)? {
            let shown = file.strip_prefix(&workspace.workspace_root).unwrap_or(&file).display().to_string();
            let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {shown}"))?;
            // What a generator wrote is nobody's reading.
            let lines = if is_generated(&file) { 0 } else { text.lines().count() };
            if lines > TOO_LONG_FILE {
                faults.push(format!("{shown} has {lines} lines, more than {TOO_LONG_FILE}: split it by meaning"));
            } else if lines > LONG_FILE {
                say(&format!(
                    "warning: {shown} has {lines} lines, more than {LONG_FILE}: split it by meaning, or have a reason"
                ));
            }
            if rules.is_some_and(|rules| rules.pure) && file.starts_with(folder.join("src")) {
                faults.extend(impure(&shown, &text));
            }
        }
    }
    for fault in &faults {
        tell(&format!("error: {fault}"));
    }
    say(&format!("layers: {} crates, {} faults", workspace.packages.len(), faults.len()));
    Ok(Outcome::of(faults.is_empty()))
}

/// Whether `cargo xtask codegen` made this file.
fn is_generated(file: &Path) -> bool {
    file.parent().is_some_and(|folder| folder.ends_with("src/generated"))
}

/// Checks every arrow.
fn crates(layers: &Layers, packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    let present: BTreeSet<&str> = packages.iter().map(Package::short_name).collect();
    for name in layers.crates.keys().filter(|name| !present.contains(name.as_str())) {
        faults.push(format!("docs/layers.toml names `{name}`, which is no crate of the workspace"));
    }
    let mut owners: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, rules) in &layers.crates {
        for heavy in &rules.heavy {
            owners.entry(heavy).or_default().push(name);
        }
    }
    for package in packages {
        let name = package.short_name();
        let Some(rules) = layers.crates.get(name) else {
            faults.push(format!("`{name}` is not in docs/layers.toml: add it with what it may use"));
            continue;
        };
        for dependency in &package.dependencies {
            let used = short_name(&dependency.name);
            let is_dev = dependency.kind.as_deref() == Some("dev");
            if dependency.path.is_some() {
                let target = layers.crates.get(used);
                let is_test_help = is_dev && target.is_some_and(|target| target.dev_only);
                if target.is_some_and(|target| target.dev_only)
                    && !is_dev
                    && !rules.uses.iter().any(|name| name == used)
                {
                    faults.push(format!("`{name}` uses `{used}`, which only tests may use"));
                } else if !is_test_help && !rules.may_use(used) {
                    faults.push(format!("`{name}` uses `{used}`; it may use: {}", list(&rules.uses)));
                }
            } else if !is_dev {
                if let Some(owners) = owners.get(used).filter(|owners| !owners.contains(&name)) {
                    faults.push(format!("`{name}` depends on `{used}`, which belongs to {}", list(owners)));
                }
                if rules.pure && IMPURE_CRATES.contains(&used) {
                    faults.push(format!("`{name}` is pure and depends on `{used}`"));
                }
            }
        }
    }
    faults
}

fn list(names: &[impl AsRef<str>]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if names.is_empty() { "nothing of ours".to_owned() } else { names.join(", ") }
}

/// Every crate has the lints of the workspace; one that may use `unsafe` repeats them.
fn manifest(package: &Package, may_unsafe: bool) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(&package.manifest_path)?;
    let table: toml::Table = toml::from_str(&text)?;
    let inherits =
        table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool).unwrap_or_default();
    let name = package.short_name();
    Ok(match (inherits, may_unsafe) {
        (true, false) | (false, true) => Vec::new(),
        (false, false) => vec![format!("`{name}` does not inherit the workspace's lints (`[lints] workspace = true`)")],
        (true, true) => {
            vec![format!("`{name}` may use `unsafe` by docs/layers.toml, yet inherits the lint that forbids it")]
        }
    })
}

/// Names of the outside world in the code of a pure crate. Tests, which stand last or in files of their own, may use them.
fn impure(shown: &str, text: &str) -> Vec<String> {
    if shown.contains("tests") || shown.contains("benches") {
        return Vec::new();
    }
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let found = IMPURE_NAMES
        .iter()
        .filter(|name| code.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(**name)));
    found.map(|name| format!("{shown}: a pure crate uses `{name}`")).collect()
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let entry = entry?;
            let path = entry.path();
            if entry.file_type()?.is_dir() {
                if entry.file_name() != "target" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, uses: &[(&str, Option<&str>, bool)]) -> Package {
        let dependencies = uses.iter().map(|(name, kind, ours)| Dependency {
            name: (*name).to_owned(),
            kind: kind.map(str::to_owned),
            path: ours.then(PathBuf::new),
        });
        Package {
            name: name.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies: dependencies.collect(),
            targets: Vec::new(),
        }
    }

    fn faults(packages: &[Package]) -> Vec<String> {
        let layers = toml::from_str(
            "[crate.a]\nuses=['b']\n[crate.b]\npure=true\nheavy=['big']\n[crate.kit]\nuses=['*']\ndev-only=true\n[crate.telemetry]\n",
        );
        crates(&layers.unwrap(), packages)
    }

    #[test]
    fn every_wrong_arrow_is_found() {
        let others = || vec![package("ekiden-kit", &[]), package("ekiden-telemetry", &[])];
        let with = |a, b| faults(&[vec![package("ekiden-a", a), package("ekiden-b", b)], others()].concat());
        assert_eq!(
            with(
                &[("ekiden-b", None, true), ("ekiden-telemetry", None, true), ("ekiden-kit", Some("dev"), true)],
                &[("big", None, false)]
            ),
            [""; 0]
        );
        assert_eq!(with(&[], &[("ekiden-a", None, true)]), ["`b` uses `a`; it may use: nothing of ours"]);
        assert_eq!(with(&[], &[("ekiden-telemetry", None, true)]).len(), 1);
        assert_eq!(with(&[("ekiden-kit", None, true)], &[]), ["`a` uses `kit`, which only tests may use"]);
        assert_eq!(with(&[("big", None, false)], &[]), ["`a` depends on `big`, which belongs to `b`"]);
        assert_eq!(
            with(&[("big", Some("dev"), false)], &[("tokio", None, false)]),
            ["`b` is pure and depends on `tokio`"]
        );
        assert_eq!(faults(&[package("ekiden-new", &[])]).len(), 5);
    }

    #[test]
    fn pure_code_names_nothing_of_the_outside() {
        assert_eq!(impure("a.rs", "// std::fs\nlet x = 1;\n#[cfg(test)]\nuse std::fs;").len(), 0);
        assert_eq!(impure("a.rs", "use std::fs::File;").len(), 1);
    }
}
