//! What is installed.

use super::{Check, Machine, Verdict};
use std::path::Path;
use std::process::{Command, Stdio};

pub(super) fn id_range(machine: &Machine) -> Check {
    const NAME: &str = "uid range";
    if machine.is_root() {
        return Check::ok(NAME, "root maps ids by itself");
    }
    let (user, uid) = (machine.user.as_str(), machine.uid.to_string());
    let has = |file: &str| {
        let text = machine.read(file);
        text.lines().any(|line| line.split(':').next().is_some_and(|name| name == user || name == uid))
    };
    let without = "su, useradd, chown and apt-get fail with --profile root; the hardened profile works";
    if machine.program("newuidmap").is_none() || machine.program("newgidmap").is_none() {
        return Check::lack(NAME, Verdict::Warning, "newuidmap is not installed")
            .without(without)
            .fix("sudo apt-get install uidmap");
    }
    let ends = |file: &str| {
        let text = machine.read(file);
        let end = |line: &str| {
            let mut numbers = line.split(':').skip(1).filter_map(|field| field.parse::<u64>().ok());
            Some(numbers.next()? + numbers.next()?)
        };
        text.lines().filter_map(end).max().unwrap_or(0)
    };
    // After everybody's.
    let first = ends("etc/subuid").max(ends("etc/subgid")).max(100_000);
    let last = first + 65_535;
    if !has("etc/subuid") || !has("etc/subgid") {
        return Check::lack(NAME, Verdict::Warning, format!("/etc/subuid or /etc/subgid has no range for {user}"))
            .without(without)
            .fix(format!("sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {user}"));
    }
    Check::ok(NAME, format!("newuidmap, and a range for {user}"))
}

fn version_of(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next()?.trim().to_owned())
}

fn tool(machine: &Machine, name: &'static str, verdict: Verdict, without: &str, package: &str) -> Check {
    match machine.program(name) {
        Some(path) => {
            let version = version_of(&path).unwrap_or_else(|| "of unknown version".to_owned());
            Check::ok(name, format!("{version} ({})", path.display()))
        }
        None => Check::lack(name, verdict, "not on the PATH")
            .without(without)
            .fix(format!("sudo apt-get install {package}")),
    }
}

pub(super) fn git(machine: &Machine) -> Check {
    tool(machine, "git", Verdict::Failure, "exec needs it for other commits and repositories", "git")
}

pub(super) fn bash(machine: &Machine) -> Check {
    tool(machine, "bash", Verdict::Warning, "steps fall back to sh", "bash")
}

pub(super) fn node(machine: &Machine) -> Check {
    let check = tool(machine, "node", Verdict::Warning, "JavaScript actions cannot run", "nodejs");
    let major = check.fact.strip_prefix('v').and_then(|text| text.split('.').next()?.parse::<u32>().ok());
    let hidden = ["/root/", "/home/"].iter().any(|home| check.fact.contains(&format!("({home}")));
    match (check.verdict, major) {
        (Verdict::Ok, Some(major)) if major < 20 => Check::lack("node", Verdict::Warning, check.fact)
            .without("actions that ask for node20 or node24 cannot run")
            .fix("install node 24: https://nodejs.org/en/download"),
        (Verdict::Ok, _) if hidden => Check::lack("node", Verdict::Warning, check.fact)
            .without("it lies in a home directory, which jobs do not see")
            .fix("ekiden exec --expose nvm, or install it for everybody"),
        _ => check,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Verdict};

    #[test]
    fn a_user_without_a_range_is_told_the_command() {
        let root = tempfile::tempdir().unwrap();
        let bin = root.path().join("usr/sbin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir_all(root.path().join("etc")).unwrap();
        let machine = Machine { root: root.path().to_owned(), uid: 1000, user: "me".into(), path: Vec::new() };
        assert_eq!(super::id_range(&machine).fix.as_deref(), Some("sudo apt-get install uidmap"));
        for name in ["newuidmap", "newgidmap"] {
            std::fs::write(bin.join(name), "").unwrap();
        }
        assert!(super::id_range(&machine).fix.unwrap().contains("--add-subuids"));
        for file in ["subuid", "subgid"] {
            std::fs::write(root.path().join("etc").join(file), "you:1:2\nme:100000:65536\n").unwrap();
        }
        assert_eq!(super::id_range(&machine).verdict, Verdict::Ok);
        assert_eq!(super::git(&machine).verdict, Verdict::Failure);
    }
}
