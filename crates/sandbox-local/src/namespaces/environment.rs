//! What of the caller's environment a job gets: the `PATH` entries of what is exposed, and, unless switched off, variables that
//! point to certificate authorities visible inside, and proxies without credentials. Nothing else.

use super::mask;
use std::path::{Path, PathBuf};

/// The `PATH` of a fresh machine.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Variables that name a file or directory of certificate authorities.
const AUTHORITIES: [&str; 13] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
    "AWS_CA_BUNDLE",
    "NIX_SSL_CERT_FILE",
    "CARGO_HTTP_CAINFO",
    "HTTPLIB2_CA_CERTS",
    "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
    "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
];
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
/// Tools that find their home by a variable when it is not below `HOME`: the last part of their directory, and the variable.
const TOOL_HOMES: [(&str, &str); 6] = [
    (".rustup", "RUSTUP_HOME"),
    (".pyenv", "PYENV_ROOT"),
    (".nvm", "NVM_DIR"),
    (".rbenv", "RBENV_ROOT"),
    (".sdkman", "SDKMAN_DIR"),
    (".volta", "VOLTA_HOME"),
];

/// Whether the caller's CA and proxy variables are passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HostVariables {
    /// Those that are listed, where they point to something visible inside and hold no credentials.
    #[default]
    Listed,
    /// None.
    Nothing,
}

/// The caller's environment, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    path: Vec<PathBuf>,
    home: Option<PathBuf>,
    /// Those that may be passed on.
    listed: Vec<Listed>,
}

/// A variable of the caller's that may be passed on.
#[derive(Debug, Clone)]
struct Listed {
    name: String,
    value: String,
    shown: Shown,
}

/// What a variable's value is for a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    /// It names something that every job over the host's root sees.
    OnHostRoot,
    /// It names something hidden, unless that is exposed.
    WhereExposed,
    /// It names a proxy.
    Always,
    /// It holds credentials.
    Never,
}

impl Listed {
    fn new(name: String, value: String) -> Self {
        let shown = if !AUTHORITIES.contains(&name.as_str()) {
            if has_credentials(&value) { Shown::Never } else { Shown::Always }
        } else if is_visible(Path::new(&value)) {
            Shown::OnHostRoot
        } else {
            Shown::WhereExposed
        };
        Self { name, value, shown }
    }

    fn pair(&self) -> (String, String) {
        (self.name.clone(), self.value.clone())
    }
}

impl Caller {
    pub(crate) fn read(variables: HostVariables) -> Self {
        let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let listed = match variables {
            HostVariables::Nothing => Vec::new(),
            HostVariables::Listed => std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .filter(|(name, _)| {
                    AUTHORITIES.contains(&name.as_str()) || PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))
                })
                .map(|(name, value)| Listed::new(name, value))
                .collect(),
        };
        Self { path, home, listed }
    }

    /// The caller's `PATH`.
    pub(crate) fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// All variables that are passed on where nothing is hidden.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        self.listed.iter().filter(|listed| listed.shown != Shown::Never).map(Listed::pair).collect()
    }

    /// The `PATH` inside: what was asked for, what is exposed, as the caller has it, then a fresh machine's.
    pub(super) fn path_inside(&self, first: &[PathBuf], exposed: &[PathBuf]) -> String {
        let inside = self.path.iter().filter(|entry| exposed.iter().any(|path| entry.starts_with(path)));
        let mut entries: Vec<String> = Vec::new();
        for entry in first.iter().chain(inside).filter_map(|entry| entry.to_str()).chain(PATH.split(':')) {
            if !entries.iter().any(|known| known == entry) {
                entries.push(entry.to_owned());
            }
        }
        entries.join(":")
    }

    /// The variables that a job gets. `root`: whether the job sees the host's root.
    pub(super) fn variables(&self, exposed: &[PathBuf], on_host_root: bool) -> Vec<(String, String)> {
        let mut passed: Vec<(String, String)> = self
            .listed
            .iter()
            .filter(|listed| match listed.shown {
                Shown::Always => true,
                Shown::Never => false,
                Shown::OnHostRoot if on_host_root => true,
                Shown::OnHostRoot | Shown::WhereExposed => is_exposed(Path::new(&listed.value), exposed),
            })
            .map(Listed::pair)
            .collect();
        for path in exposed {
            let tool = path.file_name().and_then(|name| TOOL_HOMES.iter().find(|(directory, _)| name == *directory));
            if let (Some((_, variable)), Some(text)) = (tool, path.to_str()) {
                passed.push(((*variable).to_owned(), text.to_owned()));
            }
        }
        passed
    }

    /// What would bring a program that the sandbox lacks, to follow `command not found in the sandbox`.
    pub(super) fn hint(&self, program: &str, exposed: &[PathBuf]) -> String {
        let places = if program.contains('/') {
            vec![PathBuf::from(program)]
        } else {
            self.path.iter().map(|entry| entry.join(program)).collect()
        };
        let found = places.into_iter().find(|place| {
            std::fs::metadata(place).is_ok_and(|meta| {
                meta.is_file() && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0
            })
        });
        match found {
            Some(place) if !is_visible(&place) && !is_exposed(&place, exposed) => {
                let trees: Vec<String> =
                    self.trees_of(&place).iter().map(|tree| format!("--expose {}", tree.display())).collect();
                format!(
                    "; it is at {} on this machine, which jobs do not see: add {}",
                    place.display(),
                    trees.join(" ")
                )
            }
            _ => String::new(),
        }
    }

    /// The directories to expose for a program in a hidden place: its tool's own folder in the home, and those that its tools need.
    fn trees_of(&self, program: &Path) -> Vec<PathBuf> {
        let Some(home) = &self.home else { return vec![parent_of(program)] };
        let Some(first) = program.strip_prefix(home).ok().and_then(|below| below.components().next()) else {
            return vec![parent_of(program)];
        };
        let tree = home.join(first);
        if tree == program {
            return vec![program.to_owned()];
        }
        let mut trees = vec![tree];
        // cargo, rustc and their kin are links to rustup, which keeps the tools themselves elsewhere.
        let toolchains = home.join(".rustup");
        if trees[0].ends_with(".cargo") && toolchains.is_dir() {
            trees.push(toolchains);
        }
        trees
    }
}

fn parent_of(program: &Path) -> PathBuf {
    program.parent().unwrap_or(Path::new("/")).to_owned()
}

/// Whether a sandbox over the host's root shows the path.
fn is_visible(path: &Path) -> bool {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let shown = |path: &Path| {
        let top = path.components().nth(1).and_then(|top| top.as_os_str().to_str());
        top.is_some_and(|top| mask::SHOWN.contains(&top)) && !mask::is_hidden(path)
    };
    shown(path) && shown(&real)
}

fn is_exposed(path: &Path, exposed: &[PathBuf]) -> bool {
    exposed.iter().any(|tree| path.starts_with(tree))
}

/// What the caller's terminal is called.
pub(super) fn terminal() -> Option<String> {
    std::env::var("TERM").ok().filter(|name| name.len() < 64)
}

/// The targets of the proxies among the variables that a job gets: they are open without being asked for.
pub(super) fn proxies(variables: &[(String, String)]) -> Vec<String> {
    let names = ["http_proxy", "https_proxy", "all_proxy"];
    let mut targets = Vec::new();
    for (_, url) in variables.iter().filter(|(name, _)| names.iter().any(|proxy| name.eq_ignore_ascii_case(proxy))) {
        let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let target = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // Not everything that stands in such a variable is an address; then there is nothing to open.
        if egress::Policy::new(&[target]).is_ok() && !targets.iter().any(|known| known == target) {
            targets.push(target.to_owned());
        }
    }
    targets
}

/// `http://user:password@host`.
fn has_credentials(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(listed: &[(&str, &str)], path: &[&str], home: &str) -> Caller {
        Caller {
            path: path.iter().map(PathBuf::from).collect(),
            home: Some(PathBuf::from(home)),
            listed: listed.iter().map(|(name, value)| Listed::new((*name).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn only_visible_authorities_and_clean_proxies_are_passed() {
        let caller = caller(
            &[
                ("SSL_CERT_FILE", "/etc/ssl/certs/ca.pem"),
                ("PIP_CERT", "/root/ca.pem"),
                ("CURL_CA_BUNDLE", "/etc/shadow"),
                ("HTTPS_PROXY", "http://proxy:3128"),
                ("http_proxy", "http://me:secret@proxy:3128/"),
            ],
            &[],
            "/root",
        );
        let passed = caller.variables(&[], true);
        let names: Vec<&str> = passed.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["SSL_CERT_FILE", "HTTPS_PROXY"]);
        assert_eq!(caller.variables(&[PathBuf::from("/root/ca.pem")], false).len(), 2);
    }

    #[test]
    fn exposed_tools_come_first_in_the_path() {
        let caller = caller(&[], &["/root/.cargo/bin", "/usr/bin", "/root/other"], "/root");
        let exposed = [PathBuf::from("/root/.cargo"), PathBuf::from("/root/.rustup")];
        assert!(caller.path_inside(&[], &exposed).starts_with("/root/.cargo/bin:/usr/local/sbin:"));
        assert!(!caller.path_inside(&[], &exposed).contains("other"));
        assert_eq!(caller.variables(&exposed, true), [("RUSTUP_HOME".to_owned(), "/root/.rustup".to_owned())]);
    }

    #[test]
    fn a_hint_names_what_to_expose() {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join(".cargo/bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::fs::create_dir(home.path().join(".rustup")).unwrap();
        let tool = bin.join("frob");
        std::fs::write(&tool, "").unwrap();
        let caller = caller(&[], &[bin.to_str().unwrap()], home.path().to_str().unwrap());
        assert_eq!(caller.hint("frob", &[]), "", "it cannot be run");
        std::fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let hint = caller.hint("frob", &[]);
        let home = home.path().display();
        assert!(hint.contains(&format!("--expose {home}/.cargo --expose {home}/.rustup")), "{hint}");
        assert_eq!(caller.hint("nothing", &[]), "");
    }
}
