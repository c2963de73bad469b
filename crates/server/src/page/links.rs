//! Where pages are: every link of every page is made here, from the path of the public address. Called by views and handlers.

use super::assets;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in a part of a path, and in a value of a query.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Makes links. The base is empty, or a path without a slash at its end: `/ci`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Links {
    base: String,
}

/// A run's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RunPlace {
    /// The project's owner.
    pub(crate) owner: String,
    /// The project's name.
    pub(crate) name: String,
    /// The run's number on this server.
    pub(crate) run: i64,
}

/// A text as a part of a path or as a value of a query.
pub(crate) fn part(text: &str) -> String {
    // A part that is dots alone would lead elsewhere.
    if matches!(text, "." | "..") { text.replace('.', "%2E") } else { utf8_percent_encode(text, PART).to_string() }
}

impl Links {
    /// Links below the path of a public address: `https://ci.example.org/ekiden`.
    pub(crate) fn new(url: &str) -> Self {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        Self { base: path.trim_end_matches('/').to_owned() }
    }

    /// The path of the public address.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The runs of all projects.
    pub(crate) fn home(&self) -> String {
        format!("{}/", self.base)
    }

    /// What waits.
    pub(crate) fn queue(&self) -> String {
        format!("{}/queue", self.base)
    }

    /// The runners.
    pub(crate) fn runners(&self) -> String {
        format!("{}/runners", self.base)
    }

    /// Where a session begins.
    pub(crate) fn login(&self) -> String {
        format!("{}/login", self.base)
    }

    /// Where it ends.
    pub(crate) fn logout(&self) -> String {
        format!("{}/logout", self.base)
    }

    /// A link that begins a session, once.
    pub(crate) fn once(&self, link: &str) -> String {
        format!("{}/login/once/{}", self.base, part(link))
    }

    /// The news that something changed.
    pub(crate) fn changes(&self) -> String {
        format!("{}/changes", self.base)
    }

    /// A file of our own; its address changes with what is in it.
    pub(crate) fn asset(&self, name: &str) -> String {
        format!("{}/assets/{}/{name}", self.base, assets::version())
    }

    /// The runs of a project.
    pub(crate) fn project(&self, owner: &str, name: &str) -> String {
        format!("{}/{}/{}", self.base, part(owner), part(name))
    }

    /// Where a workflow is started by hand.
    pub(crate) fn start(&self, owner: &str, name: &str, workflow: &str) -> String {
        format!("{}/start?workflow={}", self.project(owner, name), part(workflow))
    }

    /// A run.
    pub(crate) fn run(&self, run: &RunPlace) -> String {
        format!("{}/runs/{}", self.project(&run.owner, &run.name), run.run)
    }

    /// An earlier try of a run.
    pub(crate) fn attempt(&self, run: &RunPlace, attempt: u32) -> String {
        format!("{}?attempt={attempt}", self.run(run))
    }

    /// A job.
    pub(crate) fn job(&self, run: &RunPlace, job: i64) -> String {
        format!("{}/jobs/{job}", self.run(run))
    }
}

#[cfg(test)]
mod tests {
    use super::{Links, RunPlace, part};

    #[test]
    fn links_begin_at_the_base() {
        for (url, base) in [("http://h:1", ""), ("https://h/", ""), ("https://h/ci", "/ci"), ("https://h/a/b/", "/a/b")]
        {
            let links = Links::new(url);
            assert_eq!((links.base(), links.home()), (base, format!("{base}/")));
            let run = RunPlace { owner: "a/../b".to_owned(), name: "\"><x".to_owned(), run: 7 };
            assert_eq!(links.job(&run, 9), format!("{base}/a%2F..%2Fb/%22%3E%3Cx/runs/7/jobs/9"));
            assert_eq!(links.once("e_a b"), format!("{base}/login/once/e_a%20b"));
        }
        assert_eq!((part(".."), part("é")), ("%2E%2E".to_owned(), "%C3%A9".to_owned()));
    }
}
