//! The Node.js versions of a sandbox, looked for once, and which of them an action runs on (`execution-semantics` 3.9): its own
//! major or a newer one, never an older one.

use super::actions::ActionError;
use super::process;
use super::programs::Programs;
use super::running::Job;

/// Prints `version path` for every Node.js that it finds. `PATH` here is the sandbox's own: what a job puts before it is for the job.
const LOOK: &str = r#"seen=
look() { if [ -f "$1" ] && [ -x "$1" ]; then v=$("$1" --version 2>/dev/null) && printf '%s %s\n' "$v" "$1"; fi; }
for name in node nodejs node24 node22 node20; do
  path=$(command -v "$name" 2>/dev/null) || continue
  case "$seen " in *" $(readlink -f "$path") "*) continue;; esac
  seen="$seen $(readlink -f "$path")"; look "$path"
done
for path in "$RUNNER_TOOL_CACHE"/node/*/*/bin/node /usr/local/lib/nodejs/*/bin/node /opt/node*/bin/node /opt/hostedtoolcache/node/*/*/bin/node; do look "$path"; done
true"#;

/// One Node.js.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) major: u32,
    /// As it says, such as `v20.1.0`.
    pub(crate) version: String,
    /// Inside the sandbox.
    pub(crate) path: String,
}

/// What an action runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// The major that it asks for.
    Own(Node),
    /// A newer one; people are told.
    Newer(Node),
}

impl Choice {
    pub(crate) const fn node(&self) -> &Node {
        match self {
            Self::Own(node) | Self::Newer(node) => node,
        }
    }
}

impl Programs {
    /// The Node.js for an action of that major.
    pub(crate) async fn node(&self, job: &Job, major: u32) -> Result<Choice, ActionError> {
        let found = self.nodes.get_or_try_init(|| look(job)).await?;
        choose(found, major).ok_or_else(|| ActionError(missing(found, major)))
    }
}

async fn look(job: &Job) -> Result<Vec<Node>, ActionError> {
    let argv = ["sh", "-c", LOOK].map(str::to_owned).to_vec();
    let mut env = job.base_env.clone();
    let tool_cache = job.sandbox.layout().tool_cache.to_string_lossy().into_owned();
    env.push(("RUNNER_TOOL_CACHE".to_owned(), tool_cache));
    let cwd = "/".into();
    let (_, output) = process::capture(job.sandbox.as_ref(), argv, env, cwd)
        .await
        .map_err(|error| ActionError(format!("could not look for Node.js: {}", super::step::describe(&error))))?;
    Ok(String::from_utf8_lossy(&output).lines().filter_map(parse).collect())
}

fn parse(line: &str) -> Option<Node> {
    let (version, path) = line.split_once(' ')?;
    let major = version.strip_prefix('v')?.split('.').next()?.parse().ok()?;
    Some(Node { major, version: version.to_owned(), path: path.to_owned() })
}

fn choose(found: &[Node], major: u32) -> Option<Choice> {
    if let Some(own) = found.iter().find(|node| node.major == major) {
        return Some(Choice::Own(own.clone()));
    }
    found.iter().filter(|node| node.major > major).min_by_key(|node| node.major).cloned().map(Choice::Newer)
}

fn missing(found: &[Node], major: u32) -> String {
    let fix = format!(
        "install Node.js {major} or newer in the sandbox's root (https://nodejs.org), or bring one in: --expose with the folder that holds it"
    );
    match found.iter().max_by_key(|node| node.major) {
        None => format!("this action runs on Node.js {major}, and the sandbox has no node; {fix}"),
        Some(newest) => format!(
            "this action runs on Node.js {major} or newer; the newest in the sandbox is {} ({}); {fix}",
            newest.version, newest.path
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, Node, choose, missing, parse};

    fn node(line: &str) -> Node {
        parse(line).unwrap()
    }

    #[test]
    fn its_own_major_or_the_next_newer_one_never_an_older_one() {
        let found = [node("v18.1.0 /a/node"), node("v24.0.0 /b/node"), node("v22.5.1 /c/node")];
        assert_eq!(choose(&found, 24), Some(Choice::Own(node("v24.0.0 /b/node"))));
        assert_eq!(choose(&found, 20), Some(Choice::Newer(node("v22.5.1 /c/node"))));
        assert_eq!(choose(&found, 26), None);
        assert!(missing(&found, 26).contains("v24.0.0 (/b/node)"), "{}", missing(&found, 26));
        assert!(missing(&[], 20).contains("no node"));
    }

    #[test]
    fn odd_lines_are_no_nodes() {
        for line in ["", "v20", "20.1 /x", "vx.1 /x"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
