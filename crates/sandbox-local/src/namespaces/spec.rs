//! From a spec to what the zygote and the init are told. No policy of theirs: everything that differs between root and an
//! ordinary user, between the host's root and a directory, is decided here.

use super::ids::Ids;
use super::layer;
use super::mask::{self, Caller, Hiding, Kind};
use crate::cgroup::Group;
use crate::disk::Disk;
use crate::sys;
use crate::wire::{
    Access, Bind, Content, Fault, Layer, Net, Owners, Prepare, Profile, Protection, Setup, Source, ViewSetup,
};
use domain::View;
use sandbox::{Layout, Root, SandboxSpec, Workspace};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// What a hardened job may write, as far as the owners of files let it.
const WRITABLE: [&str; 8] = ["/home", "/tmp", "/var/tmp", "/dev", "/proc", mask::TOOL_CACHE, "/run/lock", "/run/shm"];
/// What programs ask to learn the number of processors.
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// The message to the zygote.
pub(super) struct Assembled {
    pub(super) prepare: Prepare,
    pub(super) fds: Vec<OwnedFd>,
}

/// How a tree is used.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// As a layer of an overlay.
    Lower,
    /// Mounted itself, with what is mounted below it.
    Mount,
}

/// What is known before the message is put together.
pub(super) struct Given<'a> {
    pub(super) spec: &'a SandboxSpec,
    pub(super) caller: Caller,
    pub(super) ids: &'a Ids,
    pub(super) layout: &'a Layout,
    pub(super) mask: layer::Made,
    /// What stands for the host's `/etc`.
    pub(super) own_etc: Option<PathBuf>,
    pub(super) disk: &'a Disk,
    /// What lies on it already.
    pub(super) content: Content,
    pub(super) group: &'a Group,
    /// Targets that are open.
    pub(super) allow: Vec<String>,
    pub(super) off: Vec<Protection>,
}

/// Paths of a sandbox; the same for every profile but the home.
pub(super) fn places(spec: &SandboxSpec, profile: Profile) -> Result<Layout, Fault> {
    let name = Path::new(&spec.repository_name);
    let mut parts = name.components();
    if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
        return Err(Fault::Invalid(format!(
            "the repository name {:?} cannot be a directory's name",
            spec.repository_name
        )));
    }
    let home = PathBuf::from("/home/runner");
    let work = home.join("work").join(name);
    let (home_of_job, user) = match profile {
        Profile::Hardened => (home.clone(), "runner"),
        Profile::Root => (PathBuf::from("/root"), "root"),
    };
    Ok(Layout {
        workspace: work.join(name),
        work,
        temp: home.join("work/_temp"),
        tool_cache: PathBuf::from(mask::TOOL_CACHE),
        home: home_of_job,
        user: user.to_owned(),
        path: String::new(),
        env: Vec::new(),
    })
}

/// The kind of mask for a spec.
pub(super) fn mask_kind(
    spec: &SandboxSpec,
    caller: Caller,
    profile: Profile,
    network: Net,
    off: &[Protection],
) -> Kind {
    let base = match &spec.root {
        Root::Host => PathBuf::from("/"),
        Root::Dir(path) => path.clone(),
    };
    let hiding = if off.contains(&Protection::HiddenFiles) { Hiding::Nothing } else { Hiding::Private };
    Kind { base, caller, profile, network, repository: spec.repository_name.clone(), hiding }
}

struct Builder<'a> {
    given: &'a Given<'a>,
    fds: Vec<OwnedFd>,
    mapped: Vec<(usize, Owners)>,
    sources: Vec<Source>,
}

/// Puts the message together. `socket` is the init's end of its socket.
pub(super) fn assemble(given: Given<'_>, profile: Profile, network: Net, socket: OwnedFd) -> Result<Assembled, Fault> {
    let mut builder = Builder { given: &given, fds: vec![socket], mapped: Vec::new(), sources: Vec::new() };
    let open_group = |error: io::Error| Fault::system("open the control group", error);
    let group_fd = match given.group.clone_into() {
        Some(fd) => Some(builder.fd(fd.try_clone_to_owned().map_err(open_group)?)),
        None => None,
    };
    let entrances = given.group.v1_entrances().map_err(|error| Fault::Invalid(error.to_string()))?;
    let entrances = entrances.into_iter().map(|fd| builder.fd(fd)).collect();
    let upper = builder.upper()?;
    let layers = builder.layers()?;
    let binds = builder.binds()?;
    let views = given.spec.views.iter().map(|view| builder.view(view)).collect::<Result<_, _>>()?;
    let writable = match profile {
        Profile::Hardened => WRITABLE.iter().map(PathBuf::from).collect(),
        Profile::Root => vec![PathBuf::from("/")],
    };
    let setup = Setup {
        sources: builder.sources,
        upper,
        content: given.content,
        layers,
        binds,
        views,
        init: given.ids.init,
        job: given.ids.job,
        profile,
        network,
        allow: given.allow.clone(),
        // Counted by the control group too, where there is one: a program that asks for the size shall hear what it can have.
        shared_memory: given.spec.limits.memory,
        host_name: mask::HOST_NAME.to_owned(),
        writable,
        off: given.off.clone(),
    };
    let directory = match given.disk {
        Disk::Directory(directory, _) => directory.leftover().map(Path::to_owned),
        Disk::Image(_) => None,
    };
    let prepare = Prepare {
        name: given.spec.name.clone(),
        group: given.group.name().to_owned(),
        group_fd,
        entrances,
        directory,
        map: given.ids.map.clone(),
        mapped: builder.mapped,
        setup,
    };
    Ok(Assembled { prepare, fds: builder.fds })
}

impl Builder<'_> {
    fn fd(&mut self, fd: OwnedFd) -> usize {
        self.fds.push(fd);
        self.fds.len() - 1
    }

    fn source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    /// A tree of the host. Root hands over a detached mount with its owners mapped; an ordinary user's init finds it itself.
    fn tree(&mut self, host: &Path, owners: Option<Owners>, used: Use) -> Result<usize, Fault> {
        let failed = |error: io::Error| Fault::system(format!("open {}", host.display()), error);
        match (self.given.caller, used) {
            (Caller::Root, _) => {
                let mount = sys::detached(host, used == Use::Mount).map_err(failed)?;
                let at = self.fd(mount);
                self.mapped.extend(owners.map(|owners| (at, owners)));
                Ok(self.source(Source::Mount(at)))
            }
            (Caller::User, used) => {
                // The init would only say that something is missing.
                std::fs::symlink_metadata(host).map_err(failed)?;
                let path = host.to_owned();
                Ok(self.source(if used == Use::Lower { Source::Path(path) } else { Source::Tree(path) }))
            }
        }
    }

    fn upper(&mut self) -> Result<usize, Fault> {
        match self.given.disk {
            Disk::Image(image) => {
                let mount =
                    image.mount().try_clone_to_owned().map_err(|error| Fault::system("open the job's disk", error))?;
                let at = self.fd(mount);
                self.mapped.push((at, Owners::Sandbox));
                Ok(self.source(Source::Mount(at)))
            }
            Disk::Directory(directory, _) => {
                let path = directory.path().to_owned();
                self.tree(&path, Some(Owners::Sandbox), Use::Lower)
            }
        }
    }

    fn layers(&mut self) -> Result<Vec<Layer>, Fault> {
        let mask = match &self.given.mask {
            layer::Made::Directory(path) => {
                let path = path.clone();
                self.tree(&path, Some(Owners::Sandbox), Use::Lower)?
            }
            layer::Made::Mount(mount) => {
                let mount = mount.try_clone().map_err(|error| Fault::system("open a layer", error))?;
                let at = self.fd(mount);
                self.mapped.push((at, Owners::Sandbox));
                self.source(Source::Mount(at))
            }
        };
        let top = PathBuf::new();
        match &self.given.spec.root {
            Root::Dir(root) => {
                let root = self.tree(root, Some(Owners::Sandbox), Use::Lower)?;
                Ok(vec![Layer { at: top.clone(), lowers: vec![(mask, top.clone()), (root, top)] }])
            }
            Root::Host => self.host_layers(mask),
        }
    }

    /// Root lays one overlay over the whole of the host's root, and one over each file system mounted at its top. In a user
    /// namespace the kernel refuses that (mounts below `/` are locked), so there it is one for each directory at the top.
    fn host_layers(&mut self, mask: usize) -> Result<Vec<Layer>, Fault> {
        let top = PathBuf::new();
        let mut first = vec![(mask, top.clone())];
        let whole = self.is_whole();
        if whole {
            first.push((self.tree(Path::new("/"), Some(Owners::Sandbox), Use::Lower)?, top.clone()));
        }
        let mut layers = vec![Layer { at: top.clone(), lowers: first }];
        let device = std::fs::metadata("/").map_err(|error| Fault::system("look at /", error))?.dev();
        for name in mask::SHOWN {
            let path = Path::new("/").join(name);
            let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
            let covered = whole && meta.dev() == device;
            if !meta.is_dir() || covered {
                continue;
            }
            let own = self.given.own_etc.clone().filter(|_| name == "etc");
            let tree = self.tree(&own.unwrap_or(path), Some(Owners::Sandbox), Use::Lower)?;
            layers.push(Layer {
                at: PathBuf::from(name),
                lowers: vec![(mask, PathBuf::from(name)), (tree, top.clone())],
            });
        }
        Ok(layers)
    }

    /// Whether one overlay goes over the whole of the host's root: not where its upper directory lies in that root.
    fn is_whole(&self) -> bool {
        self.given.caller == Caller::Root && matches!(self.given.disk, Disk::Image(_))
    }

    fn binds(&mut self) -> Result<Vec<Bind>, Fault> {
        let spec = self.given.spec;
        let mut binds = Vec::new();
        if Path::new(PROCESSORS).is_dir() {
            let source = self.tree(Path::new(PROCESSORS), None, Use::Mount)?;
            binds.push(Bind { source, at: relative(Path::new(PROCESSORS)), access: Access::Read });
        }
        for path in &spec.expose {
            let source = self.tree(path, Some(Owners::Sandbox), Use::Mount)?;
            binds.push(Bind { source, at: relative(path), access: Access::Read });
        }
        for mount in &spec.mounts {
            let source = self.tree(&mount.host, Some(Owners::Sandbox), Use::Mount)?;
            binds.push(Bind { source, at: relative(&mount.inside), access: Access::Read });
        }
        if let Some(tools) = &spec.tool_cache {
            let source = self.tree(tools, Some(owner_of(tools)?), Use::Lower)?;
            binds.push(Bind { source, at: relative(&self.given.layout.tool_cache), access: Access::Layered });
        }
        if let Workspace::Bind(host) = &spec.workspace {
            let source = self.tree(host, Some(owner_of(host)?), Use::Mount)?;
            binds.push(Bind { source, at: relative(&self.given.layout.workspace), access: Access::Write });
        }
        Ok(binds)
    }

    fn view(&mut self, view: &View) -> Result<ViewSetup, Fault> {
        let mut parts = Vec::new();
        for part in &view.parts {
            let source = self.tree(&part.host, Some(owner_of(&part.host)?), Use::Lower)?;
            parts.push((source, part.at.clone()));
        }
        let files = view.files.iter().map(|file| (file.at.clone(), file.content.clone())).collect();
        Ok(ViewSetup { name: view.name.clone(), parts, files, hidden: view.hidden.clone() })
    }
}

/// Whoever owns a tree on the host appears as the job's user.
fn owner_of(path: &Path) -> Result<Owners, Fault> {
    let meta = std::fs::metadata(path).map_err(|error| Fault::system(format!("look at {}", path.display()), error))?;
    Ok(Owners::Job { uid: meta.uid(), gid: meta.gid() })
}

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}
