//! Toolchains that live in a home directory, which jobs do not see: what `--expose NAME` brings in, and which name would bring a
//! command that was not found.

use crate::failure::Failure;
use crate::text::nearest;
use std::path::{Path, PathBuf};

/// One toolchain manager. Paths are relative to the home directory; those that are absent are passed over.
struct Toolchain {
    name: &'static str,
    /// Brought in.
    paths: &'static [&'static str],
    /// Of them, what comes first in PATH; `*` stands for each folder there, newest last.
    bins: &'static [&'static str],
    /// Variables that say where it lies.
    env: &'static [(&'static str, &'static str)],
}

/// What each brings is only programs and libraries: never a folder that also holds credentials (`~/.cargo`, `~/.config`).
const TOOLCHAINS: &[Toolchain] = &[
    Toolchain {
        name: "rustup",
        paths: &[".rustup", ".cargo/bin"],
        bins: &[".cargo/bin"],
        env: &[("RUSTUP_HOME", ".rustup")],
    },
    Toolchain { name: "cargo", paths: &[".cargo/bin"], bins: &[".cargo/bin"], env: &[] },
    Toolchain { name: "nvm", paths: &[".nvm/versions"], bins: &[".nvm/versions/node/*/bin"], env: &[] },
    Toolchain {
        name: "fnm",
        paths: &[".local/share/fnm"],
        bins: &[".local/share/fnm/node-versions/*/installation/bin"],
        env: &[],
    },
    Toolchain {
        name: "volta",
        paths: &[".volta/bin", ".volta/tools"],
        bins: &[".volta/bin"],
        env: &[("VOLTA_HOME", ".volta")],
    },
    Toolchain {
        name: "pyenv",
        paths: &[".pyenv"],
        bins: &[".pyenv/shims", ".pyenv/bin"],
        env: &[("PYENV_ROOT", ".pyenv")],
    },
    Toolchain {
        name: "rbenv",
        paths: &[".rbenv"],
        bins: &[".rbenv/shims", ".rbenv/bin"],
        env: &[("RBENV_ROOT", ".rbenv")],
    },
    Toolchain { name: "go", paths: &["go/bin", "sdk"], bins: &["go/bin", "sdk/*/bin"], env: &[] },
    Toolchain { name: "deno", paths: &[".deno/bin"], bins: &[".deno/bin"], env: &[] },
    Toolchain { name: "bun", paths: &[".bun/bin"], bins: &[".bun/bin"], env: &[] },
    Toolchain { name: "sdkman", paths: &[".sdkman/candidates"], bins: &[".sdkman/candidates/*/current/bin"], env: &[] },
    Toolchain { name: "mise", paths: &[".local/share/mise"], bins: &[".local/share/mise/shims"], env: &[] },
    Toolchain { name: "asdf", paths: &[".asdf"], bins: &[".asdf/shims", ".asdf/bin"], env: &[("ASDF_DIR", ".asdf")] },
    Toolchain { name: "ghcup", paths: &[".ghcup"], bins: &[".ghcup/bin"], env: &[] },
    Toolchain { name: "local-bin", paths: &[".local/bin", ".local/lib"], bins: &[".local/bin"], env: &[] },
];

/// What is brought into every sandbox.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exposed {
    /// Host paths.
    pub(crate) paths: Vec<PathBuf>,
    /// Of them, what comes first in PATH.
    pub(crate) bins: Vec<PathBuf>,
    /// Variables.
    pub(crate) env: Vec<(String, String)>,
}

/// Resolves names and paths; `base` is what relative paths are relative to.
pub(crate) fn resolve(wanted: &[String], home: Option<&Path>, base: &Path) -> Result<Exposed, Failure> {
    let mut exposed = Exposed::default();
    for name in wanted {
        if name.contains('/') || name == "~" {
            path(&mut exposed, name, home, base)?;
        } else {
            toolchain(&mut exposed, name, home)?;
        }
    }
    Ok(exposed)
}

fn path(exposed: &mut Exposed, text: &str, home: Option<&Path>, base: &Path) -> Result<(), Failure> {
    let expanded = match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => base.join(text),
    };
    let found = expanded
        .canonicalize()
        .map_err(|error| Failure::not_found(format!("--expose {text}: there is nothing to bring in")).cause(&error))?;
    if home.is_some_and(|home| home == found) || found == Path::new("/") {
        return Err(Failure::usage(format!("--expose {text}: a whole home directory holds keys and tokens"))
            .fix("name the folder of the toolchain in it"));
    }
    // Job and host know it by the same name; a link's target alone would not be found under the link's name.
    for place in [&expanded, &found] {
        if !exposed.paths.contains(place) {
            exposed.paths.push(place.clone());
        }
    }
    let bin = expanded.join("bin");
    if bin.is_dir() {
        exposed.bins.push(bin);
    } else if expanded.ends_with("bin") {
        exposed.bins.push(expanded);
    }
    Ok(())
}

/// Whether a project's file may bring this in by itself: a toolchain by its name, or a folder of the checkout.
pub(crate) fn is_harmless(name: &str, checkout: &Path) -> bool {
    if !name.contains('/') && name != "~" {
        return true;
    }
    let place = checkout.join(name).canonicalize();
    !name.starts_with('~') && place.is_ok_and(|place| checkout.canonicalize().is_ok_and(|top| place.starts_with(top)))
}

/// Whether a name is a known toolchain that this home does not have.
pub(crate) fn is_missing(name: &str, home: Option<&Path>) -> bool {
    let known = TOOLCHAINS.iter().find(|known| known.name == name);
    known.is_some_and(|known| home.is_none_or(|home| !known.paths.iter().any(|path| home.join(path).exists())))
}

fn toolchain(exposed: &mut Exposed, name: &str, home: Option<&Path>) -> Result<(), Failure> {
    let Some(known) = TOOLCHAINS.iter().find(|known| known.name == name) else {
        let names: Vec<&str> = TOOLCHAINS.iter().map(|known| known.name).collect();
        let failure = Failure::usage(format!("--expose {name}: no such toolchain"))
            .fact(format!("known: {}; or a path with a '/' in it", names.join(", ")));
        return Err(match nearest(name, names.iter().copied()) {
            Some(meant) => failure.fix(format!("--expose {meant}")),
            None => failure.fix(format!("--expose ./{name}")),
        });
    };
    let home = home.ok_or_else(|| Failure::usage(format!("--expose {name}: the variable HOME is not set")))?;
    let present: Vec<PathBuf> = known.paths.iter().map(|path| home.join(path)).filter(|path| path.exists()).collect();
    if present.is_empty() {
        return Err(Failure::not_found(format!("--expose {name}: it is not installed here"))
            .fact(format!("{} does not exist", home.join(known.paths[0]).display())));
    }
    exposed.paths.extend(present);
    for bin in known.bins {
        exposed.bins.extend(expand(home, bin));
    }
    for (variable, path) in known.env {
        let place = home.join(path);
        if place.exists() {
            exposed.env.push(((*variable).to_owned(), place.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

/// The folders that a pattern with at most one `*` names, the newest version first.
fn expand(home: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once("/*/") else {
        return Some(home.join(pattern)).filter(|path| path.is_dir()).into_iter().collect();
    };
    let Ok(entries) = std::fs::read_dir(home.join(before)) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
    folders.into_iter().map(|folder| folder.join(after)).filter(|path| path.is_dir()).collect()
}

/// The numbers in a folder's name, to compare versions by.
fn version(folder: &Path) -> Vec<u64> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

/// The flag that would bring a program that a job did not find, when it is in this user's PATH: below the home directory, or in a
/// directory that is not in a job's PATH.
pub(crate) fn flag_for(program: &str, home: &Path, path: &std::ffi::OsStr) -> Option<String> {
    if program.is_empty() || program.contains('/') {
        return None;
    }
    let folder = std::env::split_paths(path).find(|folder| folder.join(program).is_file())?;
    let Ok(inside) = folder.strip_prefix(home) else {
        // Those of a job's own PATH it would have found.
        const OWN: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
        let is_own = OWN.iter().any(|own| Path::new(own) == folder) || !folder.is_absolute();
        return (!is_own).then(|| format!("--expose {}", folder.display()));
    };
    let known = TOOLCHAINS.iter().find(|known| known.paths.iter().any(|path| inside.starts_with(path)));
    Some(match known {
        Some(known) => format!("--expose {}", known.name),
        None => format!("--expose ~/{}", inside.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::{flag_for, resolve};
    use std::path::Path;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for path in [
            ".rustup",
            ".cargo/bin/cargo",
            ".nvm/versions/node/v9.1.0/bin",
            ".nvm/versions/node/v24.0.1/bin",
            "tools/bin/x",
        ] {
            let path = home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.ends_with("cargo") || path.ends_with("x") {
                std::fs::write(path, "").unwrap();
            } else {
                std::fs::create_dir_all(path).unwrap();
            }
        }
        home
    }

    #[test]
    fn names_bring_programs_and_say_where_they_lie() {
        let home = home();
        let at = |path: &str| home.path().join(path);
        let exposed = resolve(&["rustup".into(), "nvm".into()], Some(home.path()), Path::new("/")).unwrap();
        assert_eq!(exposed.paths, [at(".rustup"), at(".cargo/bin"), at(".nvm/versions")]);
        assert_eq!(
            exposed.bins,
            [at(".cargo/bin"), at(".nvm/versions/node/v24.0.1/bin"), at(".nvm/versions/node/v9.1.0/bin")]
        );
        assert_eq!(exposed.env, [("RUSTUP_HOME".to_owned(), at(".rustup").to_string_lossy().into_owned())]);
    }

    #[test]
    fn a_home_is_never_brought_in_whole() {
        let home = home();
        let fails = |name: &str| resolve(&[name.to_owned()], Some(home.path()), Path::new("/")).unwrap_err();
        assert!(fails("~/").what.contains("keys and tokens"));
        assert!(fails("~/absent").what.contains("nothing to bring in"));
        assert_eq!(fails("rustpu").fixes, ["--expose rustup"]);
        assert!(fails("pyenv").what.contains("not installed"));
    }

    #[test]
    fn a_command_that_was_not_found_is_looked_for_at_home() {
        let home = home();
        let path = std::env::join_paths([home.path().join(".cargo/bin"), home.path().join("tools/bin")]).unwrap();
        let flag = |program: &str| flag_for(program, home.path(), &path);
        assert_eq!(flag("cargo").as_deref(), Some("--expose rustup"));
        assert_eq!(flag("x").as_deref(), Some("--expose ~/tools/bin"));
        assert_eq!(flag("absent"), None);
        assert_eq!(
            flag_for("cargo", Path::new("/elsewhere"), &path),
            Some(format!("--expose {}", home.path().join(".cargo/bin").display()))
        );
        assert_eq!(flag_for("sh", home.path(), "/usr/bin:/bin".as_ref()), None);
    }
}
