//! From the table to programs, and into the kernel. Called by the zygote (`compile`) and by what is to be bound (`load`).

use super::program::{Range, Verdict, assemble};
use super::table::{ALLOWED, ALLOWED_HERE, ALLOWED_TO_ROOT, BY_ARGUMENT, ENOSYS, EPERM, LAST_KNOWN};
use domain::{Enforcement, Isolation};
use sandbox::Profile;
use seccompiler::BpfProgram;
use std::sync::OnceLock;

/// A filter could not be put in force.
#[derive(Debug, thiserror::Error)]
#[error("seccomp: the kernel refused the filter: {source}; it needs CONFIG_SECCOMP_FILTER")]
pub struct SeccompError {
    #[source]
    source: seccompiler::Error,
}

/// The compiled filters of all profiles.
#[derive(Debug, Clone)]
pub struct Filters {
    hardened: BpfProgram,
    root: BpfProgram,
}

impl Filters {
    /// Those that this process, or the one that it was forked from, compiled first.
    #[must_use]
    pub fn ready() -> &'static Self {
        static COMPILED: OnceLock<Filters> = OnceLock::new();
        COMPILED.get_or_init(Self::compile)
    }

    /// Compiles them: some microseconds.
    #[must_use]
    pub fn compile() -> Self {
        Self { hardened: assemble(&ranges(&[])), root: assemble(&ranges(ALLOWED_TO_ROOT)) }
    }

    /// Sets `no_new_privs` and binds the calling thread, and all that comes from it, to a profile's filter. For ever.
    ///
    /// # Errors
    /// When the kernel has no seccomp filters.
    pub fn load(&self, profile: Profile) -> Result<(), SeccompError> {
        seccompiler::apply_filter(self.program(profile)).map_err(|source| SeccompError { source })
    }

    fn program(&self, profile: Profile) -> &BpfProgram {
        match profile {
            Profile::Hardened => &self.hardened,
            Profile::Root => &self.root,
        }
    }

    /// What to tell about a loaded filter.
    #[must_use]
    pub fn isolation() -> Isolation {
        let calls = ALLOWED.len() + ALLOWED_HERE.len() + BY_ARGUMENT.len();
        Isolation {
            name: "seccomp".to_owned(),
            enforcement: Enforcement::On { value: format!("{calls} system calls allowed") },
        }
    }
}

/// The verdict on every number, neighbours with the same verdict as one range.
fn ranges(more: &[u32]) -> Vec<Range> {
    let verdict = |number: u32| {
        if let Some((_, check)) = BY_ARGUMENT.iter().find(|(listed, _)| *listed == number) {
            Verdict::Look(*check)
        } else if [ALLOWED, ALLOWED_HERE, more].iter().any(|list| list.contains(&number)) {
            Verdict::Allow
        } else if number <= LAST_KNOWN {
            Verdict::Refuse(EPERM)
        } else {
            Verdict::Refuse(ENOSYS)
        }
    };
    let mut ranges: Vec<Range> = Vec::new();
    for from in 0..=LAST_KNOWN + 1 {
        let verdict = verdict(from);
        if ranges.last().is_none_or(|last| last.verdict != verdict) {
            ranges.push(Range { from, verdict });
        }
    }
    ranges
}

#[cfg(test)]
#[expect(unsafe_code, reason = "the tests make system calls that no library wraps")]
mod tests {
    use super::*;
    use linux_raw_sys::general as nr;
    use std::io::Error;

    /// Makes a call with harmless arguments and gives its error, 0 for none.
    fn probe(number: u32, arguments: [usize; 3]) -> i32 {
        // SAFETY: the arguments that the tests give are numbers or null pointers, which the kernel checks.
        let answer =
            unsafe { libc::syscall(number.into(), arguments[0], arguments[1], arguments[2], 0usize, 0usize, 0usize) };
        if answer < 0 { Error::last_os_error().raw_os_error().unwrap() } else { 0 }
    }

    /// Runs on a thread of its own, which alone is bound.
    fn bound<T: Send + 'static>(profile: Profile, body: impl FnOnce() -> T + Send + 'static) -> T {
        let filters = Filters::compile();
        std::thread::spawn(move || {
            filters.load(profile).unwrap();
            body()
        })
        .join()
        .unwrap()
    }

    /// These three differ, so that a test of one cannot pass by the answer of another.
    const REFUSED: i32 = 1;
    const UNKNOWN: i32 = 38;
    const NO_FAMILY: i32 = 97;

    #[test]
    fn dangerous_calls_are_refused_in_both_profiles() {
        for profile in [Profile::Hardened, Profile::Root] {
            bound(profile, move || {
                let calls = [
                    nr::__NR_bpf,
                    nr::__NR_perf_event_open,
                    nr::__NR_userfaultfd,
                    nr::__NR_keyctl,
                    nr::__NR_add_key,
                    nr::__NR_request_key,
                    nr::__NR_io_uring_setup,
                    nr::__NR_io_uring_enter,
                    nr::__NR_io_uring_register,
                    nr::__NR_mount,
                    nr::__NR_umount2,
                    nr::__NR_fsopen,
                    nr::__NR_fsmount,
                    nr::__NR_open_tree,
                    nr::__NR_move_mount,
                    nr::__NR_mount_setattr,
                    nr::__NR_pivot_root,
                    nr::__NR_setns,
                    nr::__NR_kexec_load,
                    nr::__NR_init_module,
                    nr::__NR_finit_module,
                    nr::__NR_delete_module,
                    nr::__NR_open_by_handle_at,
                    nr::__NR_name_to_handle_at,
                    nr::__NR_swapon,
                    nr::__NR_reboot,
                    nr::__NR_quotactl,
                    nr::__NR_syslog,
                    nr::__NR_acct,
                    nr::__NR_settimeofday,
                    nr::__NR_clock_settime,
                    nr::__NR_move_pages,
                    nr::__NR_vmsplice,
                    nr::__NR_kcmp,
                ];
                for call in calls {
                    // A bad file and bad pointers: a filter that let it through would answer EBADF, EFAULT or EINVAL.
                    assert_eq!(probe(call, [usize::MAX, usize::MAX, usize::MAX]), REFUSED, "call {call}");
                }
                assert_eq!(probe(nr::__NR_clone3, [0; 3]), UNKNOWN);
                assert_eq!(probe(LAST_KNOWN + 1, [0; 3]), UNKNOWN);
                assert_eq!(probe(100_000, [0; 3]), UNKNOWN);
            });
        }
    }

    #[test]
    fn namespaces_are_refused_and_threads_are_not() {
        bound(Profile::Hardened, || {
            for flag in [
                nr::CLONE_NEWUSER,
                nr::CLONE_NEWNS,
                nr::CLONE_NEWNET,
                nr::CLONE_NEWPID,
                nr::CLONE_NEWIPC,
                nr::CLONE_NEWUTS,
                nr::CLONE_NEWCGROUP,
                nr::CLONE_NEWTIME,
            ] {
                assert_eq!(probe(nr::__NR_unshare, [flag as usize, 0, 0]), REFUSED);
                if flag != nr::CLONE_NEWTIME {
                    assert_eq!(probe(nr::__NR_clone, [flag as usize | 17, 0, 0]), REFUSED);
                }
            }
            assert_eq!(probe(nr::__NR_unshare, [nr::CLONE_FILES as usize, 0, 0]), 0);
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
            assert!(std::process::Command::new("true").status().unwrap().success());
        });
    }

    #[test]
    fn sockets_are_of_the_ordinary_families() {
        bound(Profile::Hardened, || {
            const STREAM: usize = 1;
            const RAW: usize = 3;
            for family in [1, 2, 10] {
                assert_eq!(probe(nr::__NR_socket, [family, STREAM, 0]), 0, "family {family}");
            }
            assert_eq!(probe(nr::__NR_socket, [16, RAW, 0]), 0, "the routing tables");
            for protocol in [9, 12, 16] {
                assert_eq!(probe(nr::__NR_socket, [16, RAW, protocol]), NO_FAMILY, "netlink {protocol}");
            }
            for family in [17, 38, 40, 44] {
                assert_eq!(probe(nr::__NR_socket, [family, STREAM, 0]), NO_FAMILY, "family {family}");
            }
        });
    }

    #[test]
    fn arguments_decide_on_personality_and_terminals() {
        bound(Profile::Hardened, || {
            assert_eq!(probe(nr::__NR_personality, [0xffff_ffff, 0, 0]), 0);
            assert_eq!(probe(nr::__NR_personality, [0x4_0000, 0, 0]), 0);
            assert_eq!(probe(nr::__NR_personality, [0x40_0000, 0, 0]), REFUSED, "READ_IMPLIES_EXEC");
            assert_eq!(probe(nr::__NR_ioctl, [usize::MAX, 0x5412, 0]), REFUSED);
            assert_eq!(probe(nr::__NR_ioctl, [usize::MAX, 0x5413, 0]), 9, "any other reaches the kernel");
        });
        // chroot with a null path: EFAULT or EPERM of the kernel's own; only the programs tell the profiles apart.
        let filters = Filters::compile();
        assert_ne!(filters.hardened, filters.root);
    }

    #[test]
    fn the_table_is_sane() {
        let mut all: Vec<u32> = [ALLOWED, ALLOWED_HERE, ALLOWED_TO_ROOT].concat();
        all.extend(BY_ARGUMENT.iter().map(|(number, _)| number));
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count, "a call is listed twice");
        assert!(all.iter().all(|number| *number <= LAST_KNOWN));
    }

    #[test]
    #[ignore = "a measurement; run with --release --ignored"]
    fn cost() {
        let filters = Filters::compile();
        let mut all: Vec<_> = (0..200)
            .map(|_| {
                let filters = filters.clone();
                std::thread::spawn(move || {
                    let start = std::time::Instant::now();
                    filters.load(Profile::Hardened).unwrap();
                    start.elapsed()
                })
                .join()
                .unwrap()
            })
            .collect();
        all.sort();
        eprintln!("seccomp: {} instructions, load median {:?}, p95 {:?}", filters.hardened.len(), all[100], all[190]);
    }
}
