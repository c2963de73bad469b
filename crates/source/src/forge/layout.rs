//! The git folder that a job gets: it borrows the objects of its own folder of links, read-only, and holds nothing that signs.

use super::resolve::Target;
use crate::git::format_like;
use domain::{Secret, ViewFile};
use std::path::{Path, PathBuf};

/// What a git folder is made of.
pub(super) struct GitFolder<'a> {
    pub(super) target: &'a Target,
    /// Where the job sees the objects that it borrows.
    pub(super) objects: &'a Path,
    /// `remote.origin.url`.
    pub(super) url: &'a str,
    /// All that is known beside the target: `(id, refs/…)` as a remote has them.
    pub(super) references: &'a [(String, String)],
    /// Commits whose parents are not there.
    pub(super) boundary: &'a [String],
    /// A file of settings that git reads too.
    pub(super) include: Option<&'a Path>,
}

/// How the commit is brought out.
pub(super) enum BroughtOut {
    /// On a branch that follows one of the remote.
    Branch(String),
    /// On none.
    Detached,
}

impl Target {
    /// As `actions/checkout` does it: a branch becomes a local one, all else stays without.
    pub(super) fn brought_out(&self) -> BroughtOut {
        match self.full.strip_prefix("refs/heads/") {
            Some(branch) => BroughtOut::Branch(branch.to_owned()),
            None => BroughtOut::Detached,
        }
    }

    /// The name under which the commit is known in the job's repository.
    fn local_name(&self) -> Option<String> {
        if let Some(branch) = self.full.strip_prefix("refs/heads/") {
            return Some(format!("refs/remotes/origin/{branch}"));
        }
        if let Some(pull) = self.full.strip_prefix("refs/pull/") {
            return Some(format!("refs/remotes/pull/{pull}"));
        }
        self.full.starts_with("refs/tags/").then(|| self.full.clone())
    }
}

impl GitFolder<'_> {
    /// Its files, below the repository.
    pub(super) fn files(&self) -> Vec<ViewFile> {
        let mut files = vec![
            file("HEAD", self.head()),
            file("config", self.config()),
            file("objects/info/alternates", format!("{}\n", self.objects.display())),
            file("packed-refs", self.packed()),
            // Git takes a folder for a repository when it has `refs`.
            file("refs/heads/.keep", String::new()),
        ];
        if !self.boundary.is_empty() {
            let mut lines = self.boundary.join("\n");
            lines.push('\n');
            files.push(file("shallow", lines));
        }
        files
    }

    fn head(&self) -> String {
        match self.target.brought_out() {
            BroughtOut::Branch(branch) => format!("ref: refs/heads/{branch}\n"),
            BroughtOut::Detached => format!("{}\n", self.target.commit),
        }
    }

    fn config(&self) -> String {
        let format = format_like(&self.target.commit);
        let mut text = format!(
            "[core]\n\tfilemode = true\n\tbare = false\n\tlogallrefupdates = true\n\tcheckstat = minimal\n\t{format}[gc]\n\tauto = 0\n"
        );
        text.push_str(&format!(
            "[remote \"origin\"]\n\turl = {}\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n",
            quoted(self.url)
        ));
        if let BroughtOut::Branch(branch) = self.target.brought_out() {
            text.push_str(&format!(
                "[branch {}]\n\tremote = origin\n\tmerge = {}\n",
                quoted(&branch),
                quoted(&format!("refs/heads/{branch}"))
            ));
        }
        if let Some(path) = self.include {
            text.push_str(&format!("[include]\n\tpath = {}\n", quoted(&path.display().to_string())));
        }
        text
    }

    fn packed(&self) -> String {
        let own = self.target.local_name().map(|name| (self.target.commit.to_string(), name));
        let mut all: Vec<(String, String)> = self
            .references
            .iter()
            .map(|(id, name)| {
                let name = name.strip_prefix("refs/heads/").map(|branch| format!("refs/remotes/origin/{branch}"));
                (id, name)
            })
            .zip(self.references)
            .map(|((id, renamed), (_, name))| (id.clone(), renamed.unwrap_or_else(|| name.clone())))
            .filter(|(_, name)| own.as_ref().is_none_or(|(_, own)| own != name))
            .collect();
        all.extend(own);
        all.sort_by(|a, b| a.1.cmp(&b.1));
        let mut text = String::from("# pack-refs with: sorted \n");
        for (id, name) in all {
            text.push_str(&format!("{id} {name}\n"));
        }
        text
    }
}

fn file(at: &str, content: String) -> ViewFile {
    ViewFile { at: PathBuf::from(".git").join(at), content: content.into_bytes() }
}

/// A file of settings that signs requests to the instance; it lies where no step takes it for the repository.
pub(super) fn credentials(name: &str, server: &str, header: &Secret) -> ViewFile {
    let text = format!("[http {}]\n\textraheader = {}\n", quoted(&format!("{server}/")), quoted(header.expose()));
    ViewFile { at: PathBuf::from(name), content: text.into_bytes() }
}

/// A value or a subsection of git's settings.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(letter);
            }
            // Neither can stand in a subsection; in a value they have a form.
            '\n' => quoted.push_str("\\n"),
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{GitFolder, Target};
    use crate::repository::CommitId;
    use std::path::Path;

    fn text(full: &str, file: &str) -> String {
        let commit = CommitId::parse(&"a".repeat(40)).unwrap();
        let target = Target { commit, full: full.to_owned() };
        let references = [("b".repeat(40), "refs/heads/main".to_owned()), ("c".repeat(40), "refs/tags/v1".to_owned())];
        let folder = GitFolder {
            target: &target,
            objects: Path::new("/opt/repositories/x.git/objects"),
            url: "http://h/o/r\"x",
            references: &references,
            boundary: &[],
            include: None,
        };
        let at = Path::new(".git").join(file);
        let found = folder.files().into_iter().find(|one| one.at == at).unwrap();
        String::from_utf8(found.content).unwrap()
    }

    #[test]
    fn each_kind_of_reference_is_known_as_the_action_has_it() {
        let a = "a".repeat(40);
        assert_eq!(text("refs/heads/x/y", "HEAD"), "ref: refs/heads/x/y\n");
        assert!(text("refs/heads/main", "packed-refs").contains(&format!("{a} refs/remotes/origin/main\n")));
        assert!(!text("refs/heads/main", "packed-refs").contains(&"b".repeat(40)), "the target's own comes first");
        assert!(text("refs/pull/2/head", "packed-refs").contains(&format!("{a} refs/remotes/pull/2/head\n")));
        assert!(text("refs/tags/v2", "packed-refs").contains(&format!("{a} refs/tags/v2\n")));
        assert_eq!(text(&a, "HEAD"), format!("{a}\n"));
        assert!(text("refs/heads/main", "config").contains("url = \"http://h/o/r\\\"x\"\n"));
    }
}
