//! One job's checkouts from its forge.

use super::layout::{BroughtOut, GitFolder, credentials};
use super::mirror::{From, Mirror, Tags, Wanted};
use super::{ForgeOptions, OwnRepository, resolve, shallow};
use crate::checkout::{git, submodule_commands};
use crate::store::{Folder, RepositoryName, Temporary};
use domain::{Secret, View};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use workflow::checkout::{
    CheckoutCommand, CheckoutPlan, CheckoutRequest, CheckoutSource, CheckoutUnavailable, Credentials, Inside, Key,
    LargeFiles, OwnComes, SparseForm, Submodules, WantedTags,
};

/// The built-in checkout of one job of a forge.
#[derive(Debug)]
pub struct ForgeCheckout {
    options: ForgeOptions,
    own: OwnRepository,
    folder: Folder,
    /// What this job sees of the mirrors; gone with it.
    job: OnceLock<Temporary>,
    number: AtomicU32,
}

impl ForgeCheckout {
    /// For a job of this repository.
    #[must_use]
    pub fn new(options: ForgeOptions, own: OwnRepository) -> Self {
        let folder = Folder::new(options.data.join("mirrors"));
        Self { options, own, folder, job: OnceLock::new(), number: AtomicU32::new(0) }
    }

    /// The job's own folder, made when first asked for.
    fn job_folder(&self) -> Result<&Path, CheckoutUnavailable> {
        if self.job.get().is_none() {
            // What lies there may be private: others reach it only through what a job is shown.
            let top = self.folder.root();
            fs_err::create_dir_all(top)
                .and_then(|()| std::fs::set_permissions(top, std::fs::Permissions::from_mode(0o700)))
                .map_err(|error| unavailable(&error))?;
            // What a job left whose process was killed; another job's sweep may be at it too.
            let _left = self.folder.clear_leftovers();
            let made = self.folder.temporary().map_err(|error| unavailable(&error))?;
            // Only one is kept when two steps come at the same time.
            let _kept = self.job.set(made);
        }
        self.job.get().map(|job| job.path.as_path()).ok_or_else(|| CheckoutUnavailable("it has no folder".to_owned()))
    }

    /// The token for a checkout: the one that the step gives, else that of the job.
    fn token<'a>(&'a self, request: &'a CheckoutRequest) -> Option<&'a Secret> {
        request.token.as_ref().or(self.options.token.as_ref())
    }

    fn submodules(request: &CheckoutRequest) -> Vec<CheckoutCommand> {
        match request.submodules {
            Submodules::AsTheyAre => Vec::new(),
            Submodules::Direct => submodule_commands(false, request.fetch_depth),
            Submodules::Recursive => submodule_commands(true, request.fetch_depth),
        }
    }

    /// Signs what the job itself asks of the instance, in one command.
    fn signed(&self, mut command: CheckoutCommand, token: Option<&Secret>) -> CheckoutCommand {
        // A file of certificates lies outside; inside it is in what the job is shown.
        let unchecked = self.options.settings.iter().filter(|(key, _)| key.ends_with(".sslVerify")).cloned();
        let mut settings: Vec<(String, Result<String, Secret>)> =
            unchecked.map(|(key, value)| (key, Ok(value))).collect();
        if let Some(token) = token {
            let (key, value) = self.options.authorization(token);
            settings.push((key, Err(value)));
        }
        if let Some(host) = self.options.server.split_once("://").map(|(_, rest)| rest) {
            let host = host.split(['/', ':']).next().unwrap_or_default();
            settings.push((format!("url.{}/.insteadOf", self.options.server), Ok(format!("git@{host}:"))));
        }
        command.env.push(("GIT_CONFIG_COUNT".to_owned(), settings.len().to_string()));
        for (number, (key, value)) in settings.into_iter().enumerate() {
            command.env.push((format!("GIT_CONFIG_KEY_{number}"), key));
            let name = format!("GIT_CONFIG_VALUE_{number}");
            match value {
                Ok(value) => command.env.push((name, value)),
                Err(secret) => command.secret_env.push((name, secret)),
            }
        }
        command
    }

    fn refuse(&self, request: &CheckoutRequest) -> Result<(), CheckoutUnavailable> {
        if request.key == Key::Given {
            return Err(CheckoutUnavailable(
                "'ssh-key' is not supported: repositories come over HTTP; give 'token' instead, or leave both out for the job's own token"
                    .to_owned(),
            ));
        }
        match &request.server {
            Some(server) if *server != self.options.server => Err(CheckoutUnavailable(format!(
                "'github-server-url' names {server}; only repositories of {} can be checked out by this action. Clone others in a step of your own",
                self.options.server
            ))),
            _ => Ok(()),
        }
    }
}

impl CheckoutSource for ForgeCheckout {
    fn views(&self, _: usize, _: usize) -> Result<Vec<View>, CheckoutUnavailable> {
        Ok(Vec::new())
    }

    fn own(&self) -> OwnComes {
        OwnComes::LikeOthers
    }

    fn repositories(&self) -> Result<PathBuf, CheckoutUnavailable> {
        let folder = self.job_folder()?;
        crate::store::readable_folder(folder).map_err(|error| unavailable(&error))?;
        Ok(folder.to_owned())
    }

    fn plan(&self, request: &CheckoutRequest, inside: &Inside) -> Result<CheckoutPlan, CheckoutUnavailable> {
        self.refuse(request)?;
        let name = request.repository.as_deref().unwrap_or(&self.own.name);
        let own = name.eq_ignore_ascii_case(&self.own.name).then_some(&self.own);
        let Some(parts) = RepositoryName::parse(None, name) else {
            return Err(CheckoutUnavailable(format!("'{name}' is no name of a repository")));
        };
        let token = self.token(request);
        let reference = request.reference.as_deref();
        let target = resolve::target(&self.options, token, name, own, reference).map_err(CheckoutUnavailable)?;
        let file = format!("{}/{}.git", parts.owner.to_lowercase(), parts.name.to_lowercase());
        let host = self.options.server.split_once("://").map_or(self.options.server.as_str(), |(_, host)| host);
        let host: String = host.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let mirror = Mirror { git_dir: self.folder.path(&host).join(&file), options: &self.options, token, name };
        let tags = if request.tags == WantedTags::All { Tags::All } else { Tags::None };
        let failed = |error: &dyn std::error::Error| CheckoutUnavailable(format!("{name}: {}", told(error)));
        let (from, held) = mirror
            .bring(Wanted { target: &target, depth: request.fetch_depth, tags })
            .map_err(|error| failed(&error))?;
        let linked = self.job_folder()?.join(&file);
        mirror.link_into(&linked).map_err(|error| failed(&error))?;
        let references = match (request.fetch_depth, tags) {
            (0, _) => mirror.references(&["refs/heads", "refs/tags"]),
            (_, Tags::All) => mirror.references(&["refs/tags"]),
            (_, Tags::None) => Ok(Vec::new()),
        };
        let references = references.map_err(|error| failed(&error))?;
        let boundary = match request.fetch_depth {
            0 => Vec::new(),
            depth => shallow::boundary(&mirror, &target.commit, depth).map_err(|error| failed(&error))?,
        };
        drop(held);

        let mut plan = CheckoutPlan {
            log: vec![format!(
                "{name}: {} at {}, {}",
                target.full,
                target.commit.as_str().get(..12).unwrap_or_default(),
                match from {
                    From::Forge => format!("fetched from {}", self.options.url(name)),
                    From::Mirror => "from this machine's mirror".to_owned(),
                }
            )],
            reference: target.full.clone(),
            commit: target.commit.to_string(),
            ..CheckoutPlan::default()
        };
        let mut include = None;
        if let (Credentials::Kept, Some(token)) = (request.credentials, token) {
            let (_, header) = self.options.authorization(token);
            let file = format!("git-credentials-{}.config", self.number.fetch_add(1, Ordering::Relaxed));
            include = Some(inside.temporary.join(&file));
            plan.temporary.push(credentials(&file, &self.options.server, &header));
            plan.secrets.push(header);
        }
        plan.files = GitFolder {
            target: &target,
            objects: &inside.repositories.join(&file).join("objects"),
            url: &self.options.url(name),
            references: &references,
            boundary: &boundary,
            include: include.as_deref(),
        }
        .files();
        plan.commands = self.commands(request, &target.brought_out(), target.commit.as_str(), token);
        Ok(plan)
    }
}

impl ForgeCheckout {
    /// What brings the files out, inside the job.
    fn commands(
        &self,
        request: &CheckoutRequest,
        brought_out: &BroughtOut,
        commit: &str,
        token: Option<&Secret>,
    ) -> Vec<CheckoutCommand> {
        let mut commands = Vec::new();
        if !request.sparse.is_empty() {
            let cone = if request.sparse_form == SparseForm::Folders { "--cone" } else { "--no-cone" };
            let set = ["sparse-checkout", "set", cone, "--"].into_iter();
            commands.push(git(set.chain(request.sparse.iter().map(String::as_str))));
        }
        let large = request.large_files == LargeFiles::Content;
        if large {
            // Its hooks would only serve pushes, and hooks are off here.
            commands.push(git(["lfs", "install", "--local", "--skip-repo"]));
        }
        let mut bring = match brought_out {
            BroughtOut::Branch(branch) => git(["checkout", "--quiet", "--force", "--no-track", "-B", branch, commit]),
            BroughtOut::Detached => git(["checkout", "--quiet", "--force", "--detach", commit]),
        };
        // Their content comes all at once after it.
        bring.env.push(("GIT_LFS_SKIP_SMUDGE".to_owned(), "1".to_owned()));
        commands.push(bring);
        if large {
            commands.push(self.signed(git(["lfs", "pull"]), token));
        }
        commands.extend(Self::submodules(request).into_iter().map(|command| self.signed(command, token)));
        commands
    }
}

fn unavailable(error: &dyn std::error::Error) -> CheckoutUnavailable {
    CheckoutUnavailable(told(error))
}

fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
