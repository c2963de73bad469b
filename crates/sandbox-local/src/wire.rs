//! What the parent, the zygote and the inits say to each other. All sides are the same binary, so the format has no version.

use sandbox::{Collected, InsideFile};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Parent to zygote. Sandboxes are told apart by a name of the parent's choice.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToZygote {
    /// Fork an init, which makes ready what needs no knowledge of its job. The first descriptor is its end of its socket, the
    /// next two the ends of another by which it is told to go on.
    Fork(Box<Fork>),
    /// Map mounts and let the init finish its sandbox. With the descriptors that the setup names. Where nothing is to be mapped
    /// and no view placed, the parent tells the init itself.
    Build(Box<Build>),
    /// Put a view into a sandbox. The first descriptor is the view, the second a socket for the answer.
    Place {
        /// The sandbox's name.
        name: String,
        /// Where, inside.
        at: PathBuf,
    },
    /// Take a placed view out of a sandbox again. The first descriptor is a socket for the answer.
    TakeOut {
        /// The sandbox's name.
        name: String,
        /// Where it was put.
        at: PathBuf,
    },
    /// The parent has given everything back that it began, and begins nothing more.
    Over,
    /// The parent has given everything of this sandbox back; there is nothing left to clean up for it.
    Forget {
        /// The sandbox's name.
        name: String,
    },
}

/// An init to fork.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Fork {
    /// Its name.
    pub(crate) name: String,
    /// The name of its control group, already made.
    pub(crate) group: String,
    /// The descriptor of the v2 group to be born in.
    pub(crate) group_fd: Option<usize>,
    /// Descriptors by which the child enters the v1 groups.
    pub(crate) entrances: Vec<usize>,
    /// A directory to delete when the parent dies.
    pub(crate) directory: Option<PathBuf>,
    /// Which ids exist inside.
    pub(crate) map: IdMap,
    /// Detached mounts (by descriptor) whose owners are to be mapped.
    pub(crate) mapped: Vec<(usize, Owners)>,
    /// What the child knows from the start.
    pub(crate) frame: Frame,
}

/// The sandbox of an init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Build {
    /// The init's name.
    pub(crate) name: String,
    /// Detached mounts (by descriptor) whose owners are to be mapped.
    pub(crate) mapped: Vec<(usize, Owners)>,
    /// Whether views will be placed.
    pub(crate) places: bool,
    /// The [`Setup`], as the init gets it.
    pub(crate) setup: Vec<u8>,
}

/// Which ids exist in a sandbox's user namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum IdMap {
    /// Ids from 0 on are ids from `base` on outside, users and groups alike; written by root.
    Range {
        /// First id outside.
        base: u32,
        /// How many.
        count: u32,
    },
    /// One user and one group: the caller's.
    Own {
        /// The id inside.
        inside: u32,
        /// The caller's user id.
        uid: u32,
        /// The caller's group id.
        gid: u32,
    },
    /// The caller as 0, and ranges that belong to the caller above it; written by `newuidmap` and `newgidmap`.
    Helped {
        /// The caller's user id.
        uid: u32,
        /// The caller's group id.
        gid: u32,
        /// First id and length of the caller's user id range.
        users: (u32, u32),
        /// First id and length of the caller's group id range.
        groups: (u32, u32),
    },
}

impl IdMap {
    /// A job's user and group as the host sees them.
    pub(crate) fn outside(&self, job: Identity) -> (u32, u32) {
        match self {
            Self::Range { base, .. } => (base.saturating_add(job.uid), base.saturating_add(job.gid)),
            Self::Own { uid, gid, .. } | Self::Helped { uid, gid, .. } => (*uid, *gid),
        }
    }
}

/// How owners on a file system appear in a mapped mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owners {
    /// As the sandbox's own ids: the host's root is root inside.
    Sandbox,
    /// The same, but whoever has the number of the job's user or group on the host is nobody inside.
    Host,
    /// One owner appears as the job's user; nobody else appears.
    Job {
        /// That user on the file system.
        uid: u32,
        /// That group on the file system.
        gid: u32,
    },
}

/// What an init knows from the start, whatever its job will be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Frame {
    /// Where trees come from; the other parts name them by position.
    pub(crate) sources: Vec<Source>,
    /// The writable file system (or directory) of this sandbox.
    pub(crate) upper: usize,
    /// What lies in it already.
    pub(crate) content: Content,
    /// Overlays, the root first (`at` empty), then those below it.
    pub(crate) layers: Vec<Layer>,
    /// Mounts that every sandbox has.
    pub(crate) binds: Vec<Bind>,
    /// The init's user and group: root inside where a range is mapped, else the only ones there are.
    pub(crate) init: Identity,
    /// The job's user and group.
    pub(crate) job: Identity,
    /// How far it is trusted.
    pub(crate) profile: Profile,
    /// Its network.
    pub(crate) network: Net,
    /// Targets that are open although their addresses are refused.
    pub(crate) allow: Vec<String>,
    /// The most bytes that files in memory (`/dev/shm`) may take.
    pub(crate) shared_memory: Option<u64>,
    /// Its host name.
    pub(crate) host_name: String,
    /// What Landlock lets it write.
    pub(crate) writable: Vec<PathBuf>,
    /// What tests have switched off.
    pub(crate) off: Vec<Protection>,
}

/// What an init adds for its job.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    /// Where trees come from; their positions go on where those of the frame end.
    pub(crate) sources: Vec<Source>,
    /// Mounts in the finished root.
    pub(crate) binds: Vec<Bind>,
    /// Trees for `place`.
    pub(crate) views: Vec<ViewSetup>,
}

impl Frame {
    /// Whether a source is a layer of an overlay, not a mount of its own.
    pub(crate) fn is_lower(&self, source: usize) -> bool {
        self.upper == source || self.layers.iter().any(|layer| layer.lowers.iter().any(|(at, _)| *at == source))
    }
}

impl Setup {
    /// Whether a source is a layer of an overlay, not a mount of its own.
    pub(crate) fn is_lower(&self, source: usize) -> bool {
        self.binds.iter().any(|bind| bind.source == source && bind.access == Access::Layered)
            || self.views.iter().any(|view| view.parts.iter().any(|(at, _)| *at == source))
    }
}

/// What a writable file system holds before its sandbox begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Content {
    /// Nothing.
    Fresh,
    /// The layers of a sandbox of the same spec, which was kept.
    Kept,
}

/// One tree of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Source {
    /// A detached mount that came with the message.
    Mount(usize),
    /// A path of the host, to be a layer.
    Path(PathBuf),
    /// A path of the host, to be mounted with the mounts below it.
    Tree(PathBuf),
}

/// One overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Layer {
    /// Where, relative to the root.
    pub(crate) at: PathBuf,
    /// Source and path in it, topmost first.
    pub(crate) lowers: Vec<(usize, PathBuf)>,
}

/// One mount in the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bind {
    /// What.
    pub(crate) source: usize,
    /// Where, relative to the root.
    pub(crate) at: PathBuf,
    /// How.
    pub(crate) access: Access,
}

/// How a mount may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Access {
    /// Read only.
    Read,
    /// Changed for real.
    Write,
    /// Read-only below a throw-away layer.
    Layered,
}

/// Whose a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// The init's user.
    Root,
    /// The job's user.
    Job,
}

/// One view.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ViewSetup {
    pub(crate) name: String,
    /// Source and path in the view.
    pub(crate) parts: Vec<(usize, PathBuf)>,
    pub(crate) files: Vec<(PathBuf, Vec<u8>)>,
    pub(crate) hidden: Vec<PathBuf>,
}

/// A user and its group, as numbers inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// `sandbox::Profile` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Profile {
    Hardened,
    Root,
}

/// `sandbox::Network` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Net {
    Relayed,
    Loopback,
    Host,
}

/// A protection that a test can switch off, to see that its attack then succeeds. Only tests build such values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Protection {
    /// The system call filter.
    Seccomp,
    /// The ruleset of writable paths.
    Landlock,
    /// Dropping of capabilities.
    Capabilities,
    /// The namespaces' hiding of private files of the host.
    HiddenFiles,
    /// The fresh table of processes in `/proc`; without it the job sees the host's.
    ProcessTable,
    /// That the init cannot be traced.
    Undumpable,
    /// That a command gets no descriptor but its streams.
    Descriptors,
    /// That nothing of the caller's environment reaches a command.
    Environment,
    /// That a kill reaches all that came from a command, whatever session it went to.
    Descendants,
    /// That the end of a sandbox ends its processes.
    End,
}

/// Parent to init.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Starts a command; stdout and stderr come with it.
    Exec(ExecRequest),
    /// Reads a file.
    Read { path: PathBuf, limit: u64 },
    /// Looks which of these is there first.
    First { paths: Vec<PathBuf> },
    /// Writes files.
    Write { files: Vec<InsideFile> },
    /// Removes files and directories.
    Remove { paths: Vec<PathBuf> },
    /// Digests files.
    Hash { patterns: Vec<String>, workspace: PathBuf, home: PathBuf },
    /// Signals what came from the exec of that number.
    Signal { exec: u64, signal: i32 },
    /// Signals everything.
    SignalAll { signal: i32 },
}

/// A command to start.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExecRequest {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: PathBuf,
    pub(crate) files: Vec<InsideFile>,
    pub(crate) collect: Vec<PathBuf>,
    pub(crate) collect_limit: u64,
}

/// Init to parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// The sandbox stands. The init's pidfd comes along, then its sockets, then its views.
    Ready {
        /// Protections that only the inside knows of: name, and why not when it is off.
        protections: Vec<(String, Option<String>)>,
        /// How many of the descriptors are sockets.
        sockets: usize,
    },
    /// What was asked could not be done.
    Failed(Fault),
    /// The command runs.
    Started,
    /// The command ended.
    Ended { end: End, collected: Vec<Collected>, micros: u64 },
    /// A file, if there is one.
    Content(Option<Vec<u8>>),
    /// Which of those that were asked for, by its place among them.
    First(Option<usize>),
    /// A digest.
    Digest(String),
    /// Done.
    Done,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum End {
    Exited(i32),
    Signalled(i32),
}

/// Why not.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Fault {
    /// No such program.
    NotFound { program: String },
    /// What was asked cannot be.
    Invalid(String),
    /// The system refused.
    System { what: String, errno: i32 },
}

impl Fault {
    /// A refusal of the system.
    pub(crate) fn system(what: impl Into<String>, error: impl Into<std::io::Error>) -> Self {
        let error = error.into();
        match error.raw_os_error() {
            Some(errno) => Self::System { what: what.into(), errno },
            None => Self::Invalid(format!("could not {}: {error}", what.into())),
        }
    }
}
