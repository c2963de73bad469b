//! What a job may write, once more, below the mounts: a Landlock ruleset per profile, applied last (it forbids mounting).
//!
//! Who calls what, in which process: the init, after pivot_root, once: `Ruleset::prepare(&[&Path] writable)`, which opens the
//! paths and makes the ruleset; the child that becomes a step, after `no_new_privs`, before seccomp: `Ruleset::restrict`.
//
// Signatures that callers code against (bodies follow):
// impl Ruleset {
//   pub fn prepare(writable: &[&Path]) -> Result<Ruleset, LandlockError>;     // init, after pivot; everything else read + execute
//   pub fn restrict(&self) -> rustix::io::Result<()>;                         // step child; one system call, async-signal-safe
//   pub fn isolation(&self) -> domain::Isolation;
// }
