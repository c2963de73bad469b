//! The system calls that rustix does not offer, each behind a safe face. Everything of this crate that needs `unsafe` for a
//! call of the kernel is here (filters and rulesets load themselves in their own modules).
#![expect(unsafe_code, reason = "raw system calls")]

use rustix::process::Pid;
use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// The namespaces that a sandbox is born in.
pub(crate) const NAMESPACES: u64 =
    (libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS) as u64;
/// A control group namespace of its own: made by the process itself once it is in its groups, so that they are its root.
pub(crate) const NEWCGROUP: u64 = libc::CLONE_NEWCGROUP as u64;
/// A network namespace of its own.
pub(crate) const NEWNET: u64 = libc::CLONE_NEWNET as u64;
/// A user namespace of its own.
pub(crate) const NEWUSER: u64 = libc::CLONE_NEWUSER as u64;
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// In which process a fork returned.
pub(crate) enum Forked {
    /// The new process.
    Child,
    /// The old one, with the child's pid.
    Parent(Pid),
}

#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

fn checked(result: libc::c_long) -> io::Result<libc::c_long> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn forked(pid: libc::c_long) -> Forked {
    match i32::try_from(pid).ok().and_then(Pid::from_raw) {
        Some(pid) => Forked::Parent(pid),
        None => Forked::Child,
    }
}

/// Forks into new namespaces and, where given, into a v2 control group. Only a process with one thread may call it: the child
/// goes on with a copy of everything.
pub(crate) fn clone_into(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    let mut args = CloneArgs { flags, exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = cgroup.as_raw_fd() as u64;
    }
    // SAFETY: `args` is a valid clone_args of the size given; without CLONE_VM and a stack this is a fork, and the callers have
    // one thread, so that no lock is held by a thread that the child lacks.
    let pid = checked(unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) })?;
    Ok(forked(pid))
}

/// Leaves a shared namespace for a new one. Only a process with one thread may make itself a user namespace.
pub(crate) fn unshare(flags: u64) -> io::Result<()> {
    let flags = libc::c_int::try_from(flags).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: no flag that is passed here changes what other threads share of memory or descriptors.
    checked(libc::c_long::from(unsafe { libc::unshare(flags) }))?;
    Ok(())
}

/// Forks. Only a process with one thread may call it.
pub(crate) fn fork() -> io::Result<Forked> {
    // SAFETY: the callers have one thread, so the child may go on as the parent would.
    let pid = checked(libc::c_long::from(unsafe { libc::fork() }))?;
    Ok(forked(pid))
}

/// Ends this process without running anything of the parent's that a fork copied (destructors, exit handlers).
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Arguments and environment of programs in the kernel's form, made before the process that becomes one of them.
pub(crate) struct Programs {
    candidates: Vec<CString>,
    _texts: [Vec<CString>; 2],
    argv: Vec<*const libc::c_char>,
    env: Vec<*const libc::c_char>,
}

impl Programs {
    /// `candidates`: where the program may be, in order.
    pub(crate) fn new(candidates: Vec<CString>, argv: Vec<CString>, env: Vec<CString>) -> Self {
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (argv_pointers, env_pointers) = (pointers(&argv), pointers(&env));
        Self { candidates, _texts: [argv, env], argv: argv_pointers, env: env_pointers }
    }

    /// Where the program may be.
    pub(crate) fn candidates(&self) -> &[CString] {
        &self.candidates
    }

    /// Replaces this process by the first candidate that can be run, as `execvp` would. Returns only the error. Takes no memory.
    pub(crate) fn execute(&self) -> io::Error {
        let mut worst = io::Error::from_raw_os_error(libc::ENOENT);
        for program in &self.candidates {
            // SAFETY: both arrays end with a null pointer, and their strings live as long as `self`.
            unsafe { libc::execve(program.as_ptr(), self.argv.as_ptr(), self.env.as_ptr()) };
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::ENOENT | libc::ENOTDIR) => {}
                // Go on, but remember that there was one.
                Some(libc::EACCES) => worst = error,
                _ => return error,
            }
        }
        worst
    }
}

/// The stack of a [`spawn`]ed process before its program.
const STACK: usize = 64 << 10;

/// Runs `child` in a new process, which shares this one's memory while this one waits, so that nothing is copied for a program
/// that replaces it at once. Gives the pid, and what `child` returned if it did, when no program has replaced the process; then
/// that has ended. `child` must not panic, and what it allocates and does not free is this process's to keep.
///
/// Only a process with one thread may call it.
pub(crate) fn spawn<T, F: FnOnce() -> T>(child: F) -> io::Result<(Pid, Option<T>)> {
    spawn_into(0, child)
}

/// Makes a process in a user namespace of its own, which ends at once; until it is waited for, `/proc` shows its namespace. Only a process
/// with one thread may call it.
pub(crate) fn spawn_in_user_namespace() -> io::Result<Pid> {
    spawn_into(libc::CLONE_NEWUSER, || ()).map(|(pid, _)| pid)
}

fn spawn_into<T, F: FnOnce() -> T>(namespaces: libc::c_int, child: F) -> io::Result<(Pid, Option<T>)> {
    struct Shared<T, F> {
        child: Option<F>,
        outcome: Option<T>,
    }
    extern "C" fn run<T, F: FnOnce() -> T>(shared: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the pointer is that of the caller's `Shared`, which the caller does not touch while this process has its memory.
        let shared = unsafe { &mut *shared.cast::<Shared<T, F>>() };
        shared.outcome = shared.child.take().map(|child| child());
        127
    }
    let mut shared = Shared { child: Some(child), outcome: None };
    let mut stack: Vec<u128> = Vec::with_capacity(STACK / size_of::<u128>());
    // SAFETY: the stack ends where its memory does and is aligned to 16 bytes; it outlives the child's use of it, for with CLONE_VFORK
    // the call returns when the child has ended or is another program. The callers have one thread, so nobody else runs meanwhile.
    let pid = unsafe {
        let top = stack.as_mut_ptr().add(stack.capacity());
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | namespaces;
        libc::clone(run::<T, F>, top.cast(), flags, (&raw mut shared).cast())
    };
    match forked(checked(libc::c_long::from(pid))?) {
        Forked::Parent(pid) => Ok((pid, shared.outcome)),
        // Never: the child runs on a stack of its own.
        Forked::Child => exit_now(127),
    }
}

/// Replaces this process. Returns only the error.
pub(crate) fn execve(program: &CStr, argv: &[CString], env: &[CString]) -> io::Error {
    Programs::new(vec![program.to_owned()], argv.to_vec(), env.to_vec()).execute()
}

/// What [`mount_setattr`] changes.
#[derive(Clone, Copy)]
pub(crate) enum MountChange<'fd> {
    /// Read-only, no set-uid, no devices; the mount and all below it.
    Closed,
    /// No set-uid, no devices; the mount and all below it.
    NoPrivileges,
    /// Read-only, this mount alone.
    ReadOnly,
    /// Owners appear through the map of this user namespace; detached mounts only.
    Mapped(BorrowedFd<'fd>),
}

#[repr(C)]
#[derive(Default)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

/// Changes a mount that is given by a descriptor.
pub(crate) fn mount_setattr(mount: BorrowedFd<'_>, change: MountChange<'_>) -> io::Result<()> {
    const RDONLY: u64 = 1;
    const NOSUID: u64 = 2;
    const NODEV: u64 = 4;
    const IDMAP: u64 = 0x0010_0000;
    const AT_RECURSIVE: libc::c_int = 0x8000;
    let mut flags = libc::AT_EMPTY_PATH;
    let mut attr = MountAttr::default();
    match change {
        MountChange::Closed => {
            attr.attr_set = RDONLY | NOSUID | NODEV;
            flags |= AT_RECURSIVE;
        }
        MountChange::NoPrivileges => {
            attr.attr_set = NOSUID | NODEV;
            flags |= AT_RECURSIVE;
        }
        MountChange::ReadOnly => attr.attr_set = RDONLY,
        MountChange::Mapped(user_namespace) => {
            attr.attr_set = IDMAP;
            attr.userns_fd = user_namespace.as_raw_fd() as u64;
        }
    }
    // SAFETY: the path is an empty C string and `attr` is a valid mount_attr of the size given.
    checked(unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    })?;
    Ok(())
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: RawFd) -> io::Result<()> {
    close_range(first, 0)
}

/// Lets every descriptor from `first` on be closed by the next `execve`.
pub(crate) fn close_from_on_exec(first: RawFd) -> io::Result<()> {
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    close_range(first, CLOSE_RANGE_CLOEXEC)
}

/// Lets descriptors stay open across `execve`; those that are not open stay so. For tests of what then leaks.
pub(crate) fn leave_open(numbers: std::ops::Range<RawFd>) {
    for number in numbers {
        // SAFETY: plain fcntl; on a number that is not open it fails and changes nothing.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    }
}

fn close_range(first: RawFd, flags: u32) -> io::Result<()> {
    // SAFETY: the callers own all descriptors of their process (a fork of the zygote) and use none of those that they close.
    checked(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) })?;
    Ok(())
}

/// Closes all descriptors from 3 on but `keep`.
pub(crate) fn close_all_but(keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<RawFd> = keep.iter().copied().filter(|fd| *fd >= 3).collect();
    keep.sort_unstable();
    let mut first: RawFd = 3;
    for fd in keep {
        if fd > first {
            // SAFETY: as in `close_range`.
            checked(unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) })?;
        }
        first = fd + 1;
    }
    close_from(first)
}

/// Makes `fd` the descriptor `number`, open across `execve`.
pub(crate) fn put_at(fd: BorrowedFd<'_>, number: RawFd) -> io::Result<()> {
    if fd.as_raw_fd() == number {
        // SAFETY: plain fcntl on a descriptor that is open.
        checked(libc::c_long::from(unsafe { libc::fcntl(number, libc::F_SETFD, 0) }))?;
        return Ok(());
    }
    // SAFETY: whatever was at `number` is given up by the caller, who is about to exec or sets up its own descriptors.
    checked(libc::c_long::from(unsafe { libc::dup2(fd.as_raw_fd(), number) }))?;
    Ok(())
}

/// Takes a descriptor that this process inherited by its number.
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: F_GETFD only looks.
    checked(libc::c_long::from(unsafe { libc::fcntl(number, libc::F_GETFD) }))?;
    // SAFETY: it is open, and by the contract of the marker nobody else in this fresh process owns it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    Ok(fd)
}

fn set_of(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set; the signals are valid numbers.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

/// Blocks SIGCHLD (and nothing else) and gives a descriptor that becomes readable when a child ends.
pub(crate) fn child_signals() -> io::Result<OwnedFd> {
    let set = set_of(&[libc::SIGCHLD]);
    // SAFETY: the set is initialised; the descriptor returned is ours.
    unsafe {
        checked(libc::c_long::from(libc::sigprocmask(libc::SIG_SETMASK, &raw const set, std::ptr::null_mut())))?;
        let fd =
            checked(libc::c_long::from(libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)))?;
        Ok(OwnedFd::from_raw_fd(fd as RawFd))
    }
}

/// Lets SIGCHLD, which [`child_signals`] blocked, and everything else through again.
pub(crate) fn unblock_signals() -> io::Result<()> {
    let none = set_of(&[]);
    // SAFETY: the set is initialised.
    checked(libc::c_long::from(unsafe {
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut())
    }))?;
    Ok(())
}

/// Overwrites the environment and leaves it empty.
pub(crate) fn forget_environment() {
    unsafe extern "C" {
        static mut environ: *mut *mut libc::c_char;
    }
    // SAFETY: the callers have one thread, so nobody reads it meanwhile; it is an array of writable strings that ends with a null pointer.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            libc::memset((*at).cast(), 0, libc::strlen(*at));
            at = at.add(1);
        }
        libc::clearenv();
    }
}

/// What the zygote ignores, since a terminal or a person sends it to a whole group.
const TERMINAL: [libc::c_int; 5] = [libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGHUP, libc::SIGTSTP];

/// Gives a process that is about to exec the signals of a fresh one: nothing blocked, nothing ignored.
pub(crate) fn fresh_signals() {
    // It cannot fail with a set that is initialised.
    let _ = unblock_signals();
    // SAFETY: SIG_DFL is a valid disposition. SIGPIPE is the one that Rust's start-up changes.
    unsafe {
        for signal in TERMINAL.into_iter().chain([libc::SIGPIPE]) {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Ignores them.
pub(crate) fn ignore_terminal_signals() {
    for signal in TERMINAL {
        // SAFETY: SIG_IGN is a valid disposition.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// `kill(2)` with its special targets: negative is a process group, -1 everything that this process may signal.
pub(crate) fn kill(target: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill has no preconditions on memory.
    checked(libc::c_long::from(unsafe { libc::kill(target, signal) }))?;
    Ok(())
}

/// A descriptor of the calling process itself, by which others can see its end.
pub(crate) fn own_pidfd() -> io::Result<OwnedFd> {
    Ok(rustix::process::pidfd_open(rustix::process::getpid(), rustix::process::PidfdFlags::empty())?)
}

/// Gives a detached copy of the mount at a path; with `below`, of the mounts below it too.
pub(crate) fn detached(path: &std::path::Path, below: bool) -> io::Result<OwnedFd> {
    use rustix::mount::OpenTreeFlags;
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if below {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    Ok(rustix::mount::open_tree(rustix::fs::CWD, path, flags)?)
}

/// Attaches a detached mount to an open place.
pub(crate) fn attach(mount: impl AsFd, to: impl AsFd) -> io::Result<()> {
    use rustix::mount::MoveMountFlags;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(rustix::mount::move_mount(mount, "", to, "", flags)?)
}

/// Sets the ids that files are opened and made with.
pub(crate) fn set_file_ids(uid: u32, gid: u32) {
    // SAFETY: both calls have no preconditions; they tell of no failure, and what they could not set stays weaker.
    unsafe {
        libc::setfsgid(gid);
        libc::setfsuid(uid);
    }
}

/// Locks one byte of a file for this open file; false when another one has it.
pub(crate) fn lock_byte(file: impl AsFd, byte: u32) -> io::Result<bool> {
    match byte_lock(file.as_fd(), byte, libc::F_WRLCK) {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a byte back.
pub(crate) fn unlock_byte(file: impl AsFd, byte: u32) -> io::Result<()> {
    byte_lock(file.as_fd(), byte, libc::F_UNLCK)
}

fn byte_lock(file: BorrowedFd<'_>, byte: u32, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: all-zero is a valid flock.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = libc::off_t::from(byte);
    lock.l_len = 1;
    // SAFETY: `lock` is a valid flock for the duration of the call.
    checked(libc::c_long::from(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) }))?;
    Ok(())
}

/// Gives another detached copy of a mount that a descriptor holds.
pub(crate) fn cloned(mount: impl AsFd) -> io::Result<OwnedFd> {
    use rustix::mount::OpenTreeFlags;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(rustix::mount::open_tree(mount, "", flags)?)
}

/// Lets the runtime watch a descriptor.
pub(crate) fn watched(fd: OwnedFd) -> io::Result<tokio::io::unix::AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it lives, and it lives in the `AsyncFd`.
    unsafe { tokio::io::unix::AsyncFd::register(fd) }.map_err(Into::into)
}

/// Makes a command the leader of a session of its own, with the signals of a fresh process, in the control groups whose
/// entrances are given.
pub(crate) fn in_own_session(command: &mut std::process::Command, groups: Vec<OwnedFd>) {
    use std::os::unix::process::CommandExt;
    // SAFETY: between fork and exec only system calls are made, nothing is allocated and no lock is taken.
    unsafe {
        command.pre_exec(move || {
            for group in &groups {
                rustix::io::write(group, b"0")?;
            }
            rustix::process::setsid()?;
            fresh_signals();
            Ok(())
        });
    }
}
