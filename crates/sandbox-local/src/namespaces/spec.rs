//! From a spec to what the zygote and the init are told. No policy of theirs: everything that differs between root and an
//! ordinary user, between the host's root and a directory, is decided here.

use super::layer;
use super::mask::{self, Caller, Hiding, Kind};
use crate::disk::Disk;
use crate::sys;
use crate::wire::{Access, Bind, Fault, Layer, Net, Owners, Profile, Protection, Setup, Source, ViewSetup};
use domain::View;
use sandbox::{Expected, Layout, Network, Root, SandboxSpec, ToolWrites, Workspace};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// What a hardened job may write, as far as the owners of files let it.
const WRITABLE: [&str; 8] = ["/home", "/tmp", "/var/tmp", "/dev", "/proc", mask::TOOL_CACHE, "/run/lock", "/run/shm"];
/// What programs ask to learn the number of processors.
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// What an init is told of a root, whatever its job will be.
pub(super) struct Base {
    pub(super) sources: Vec<Source>,
    pub(super) upper: usize,
    pub(super) layers: Vec<Layer>,
    pub(super) binds: Vec<Bind>,
    pub(super) writable: Vec<PathBuf>,
    /// By descriptor: whose owners are to be mapped.
    pub(super) mapped: Vec<(usize, Owners)>,
    pub(super) fds: Vec<OwnedFd>,
}

/// What an init is told of its job.
pub(super) struct Assembled {
    pub(super) setup: Setup,
    /// By descriptor: whose owners are to be mapped.
    pub(super) mapped: Vec<(usize, Owners)>,
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

/// Paths of a sandbox; the same for every profile but the home.
pub(super) fn places(spec: &SandboxSpec) -> Result<Layout, Fault> {
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
    let (home_of_job, user) = match profile(spec.profile) {
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

/// The kind of root for a spec.
pub(super) fn mask_kind(expected: &Expected, caller: Caller, off: &[Protection]) -> Kind {
    Kind {
        base: match &expected.root {
            Root::Host => PathBuf::from("/"),
            Root::Dir(path) => path.clone(),
        },
        caller,
        profile: profile(expected.profile),
        network: match expected.network {
            Network::Outbound { .. } => Net::Relayed,
            Network::None => Net::Loopback,
            Network::Host => Net::Host,
        },
        repository: expected.repository_name.clone(),
        hiding: if off.contains(&Protection::HiddenFiles) { Hiding::Nothing } else { Hiding::Private },
    }
}

fn profile(asked: sandbox::Profile) -> Profile {
    match asked {
        sandbox::Profile::Hardened => Profile::Hardened,
        sandbox::Profile::Root => Profile::Root,
    }
}

/// Collects trees of the host for a message.
struct Builder {
    caller: Caller,
    /// Sources that the receiver has already.
    known: usize,
    fds: Vec<OwnedFd>,
    mapped: Vec<(usize, Owners)>,
    sources: Vec<Source>,
}

/// What lies over the root of a kind, or stands for parts of it.
pub(super) struct Lower {
    pub(super) mask: layer::Made,
    /// What stands for the host's `/etc`.
    pub(super) own_etc: Option<PathBuf>,
}

/// The root of a kind. `fds`: what comes before its descriptors.
pub(super) fn base(kind: &Kind, lower: Lower, disk: &Disk, fds: Vec<OwnedFd>) -> Result<Base, Fault> {
    let mut builder = Builder { caller: kind.caller, known: 0, fds, mapped: Vec::new(), sources: Vec::new() };
    let upper = builder.upper(disk)?;
    let layers = builder.layers(kind, lower, disk)?;
    let mut binds = Vec::new();
    if Path::new(PROCESSORS).is_dir() {
        let source = builder.tree(Path::new(PROCESSORS), None, Use::Mount)?;
        binds.push(Bind { source, at: relative(Path::new(PROCESSORS)), access: Access::Read });
    }
    let writable = match kind.profile {
        Profile::Hardened => WRITABLE.iter().map(PathBuf::from).collect(),
        Profile::Root => vec![PathBuf::from("/")],
    };
    let Builder { fds, mapped, sources, .. } = builder;
    Ok(Base { sources, upper, layers, binds, writable, mapped, fds })
}

/// What a spec adds to a root with so many sources.
pub(super) fn assemble(spec: &SandboxSpec, layout: &Layout, caller: Caller, known: usize) -> Result<Assembled, Fault> {
    let mut builder = Builder { caller, known, fds: Vec::new(), mapped: Vec::new(), sources: Vec::new() };
    let binds = builder.binds(spec, layout)?;
    let views = spec.views.iter().map(|view| builder.view(view)).collect::<Result<_, _>>()?;
    let Builder { fds, mapped, sources, .. } = builder;
    Ok(Assembled { setup: Setup { sources, binds, views }, mapped, fds })
}

impl Builder {
    fn fd(&mut self, fd: OwnedFd) -> usize {
        self.fds.push(fd);
        self.fds.len() - 1
    }

    fn source(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.known + self.sources.len() - 1
    }

    /// A tree of the host. Root hands over a detached mount with its owners mapped; an ordinary user's init finds it itself.
    fn tree(&mut self, host: &Path, owners: Option<Owners>, used: Use) -> Result<usize, Fault> {
        let failed = |error: io::Error| Fault::system(format!("open {}", host.display()), error);
        match (self.caller, used) {
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

    fn upper(&mut self, disk: &Disk) -> Result<usize, Fault> {
        match disk {
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

    fn layers(&mut self, kind: &Kind, lower: Lower, disk: &Disk) -> Result<Vec<Layer>, Fault> {
        let mask = match lower.mask {
            layer::Made::Directory(path) => self.tree(&path, Some(Owners::Sandbox), Use::Lower)?,
            layer::Made::Mount(mount) => {
                let at = self.fd(mount);
                self.mapped.push((at, Owners::Sandbox));
                self.source(Source::Mount(at))
            }
        };
        let top = PathBuf::new();
        if kind.base == Path::new("/") {
            return self.host_layers(mask, lower.own_etc.as_deref(), kind.profile, disk);
        }
        // A root for jobs: its 1001 is theirs.
        let root = self.tree(&kind.base, Some(Owners::Sandbox), Use::Lower)?;
        Ok(vec![Layer { at: top.clone(), lowers: vec![(mask, top.clone()), (root, top)] }])
    }

    /// Root lays one overlay over the whole of the host's root, and one over each file system mounted at its top. In a user
    /// namespace the kernel refuses that (mounts below `/` are locked), so there it is one for each directory at the top.
    fn host_layers(
        &mut self,
        mask: usize,
        own_etc: Option<&Path>,
        profile: Profile,
        disk: &Disk,
    ) -> Result<Vec<Layer>, Fault> {
        let owners = owners_of_host(profile);
        let top = PathBuf::new();
        let mut first = vec![(mask, top.clone())];
        // Not where its upper directory lies in that root.
        let whole = self.caller == Caller::Root && matches!(disk, Disk::Image(_));
        if whole {
            first.push((self.tree(Path::new("/"), Some(owners), Use::Lower)?, top.clone()));
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
            let own = own_etc.filter(|_| name == "etc");
            let tree = self.tree(own.unwrap_or(&path), Some(owners), Use::Lower)?;
            layers.push(Layer {
                at: PathBuf::from(name),
                lowers: vec![(mask, PathBuf::from(name)), (tree, top.clone())],
            });
        }
        Ok(layers)
    }

    fn binds(&mut self, spec: &SandboxSpec, layout: &Layout) -> Result<Vec<Bind>, Fault> {
        let mut binds = Vec::new();
        let owners = owners_of_host(profile(spec.profile));
        for path in &spec.expose {
            let source = self.tree(path, Some(owners), Use::Mount)?;
            binds.push(Bind { source, at: relative(path), access: Access::Read });
        }
        for mount in &spec.mounts {
            let source = self.tree(&mount.host, Some(owners), Use::Mount)?;
            binds.push(Bind { source, at: relative(&mount.inside), access: Access::Read });
        }
        if let Some(tools) = &spec.tool_cache {
            let (used, access) = match tools.writes {
                ToolWrites::ThrownAway => (Use::Lower, Access::Layered),
                ToolWrites::Kept => (Use::Mount, Access::Write),
            };
            let source = self.tree(&tools.host, Some(owner_of(&tools.host)?), used)?;
            binds.push(Bind { source, at: relative(&layout.tool_cache), access });
        }
        if let Workspace::Bind(host) = &spec.workspace {
            let source = self.tree(host, Some(owner_of(host)?), Use::Mount)?;
            binds.push(Bind { source, at: relative(&layout.workspace), access: Access::Write });
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

/// Whose the host's files are for a job. Its user has a number that on the host may be a person's, whose private files are not its own; a
/// job that is root could read them under any number, and has what is private hidden.
fn owners_of_host(profile: Profile) -> Owners {
    match profile {
        Profile::Hardened => Owners::Host,
        Profile::Root => Owners::Sandbox,
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
