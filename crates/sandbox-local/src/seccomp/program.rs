//! A BPF program that finds a system call's verdict by halving: eight comparisons at most, whatever the call, where a list
//! of rules costs one each. The kernel runs a filter for every number when it is loaded, so this is what makes loading cheap
//! (0.33 against 0.08 ms, `isolation` 2.1). Called by `compile`.

use super::table::{Check, EAFNOSUPPORT, EPERM};
use seccompiler::{BpfProgram, sock_filter};

/// What the filter says to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Let it through.
    Allow,
    /// It fails with this error.
    Refuse(u32),
    /// It depends on arguments.
    Look(Check),
}

/// Calls from `from` up to the next range's start get one verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) from: u32,
    pub(super) verdict: Verdict,
}

/// `linux/bpf_common.h`, `linux/seccomp.h`, `linux/audit.h`.
const LOAD: u16 = 0x20;
const JUMP: u16 = 0x05;
const IF_EQUAL: u16 = 0x15;
const IF_GREATER_OR_EQUAL: u16 = 0x35;
const IF_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;
#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;
/// Offsets in `struct seccomp_data`; arguments are 64 bits wide, and of each the kernel reads only the low half here.
const NUMBER: u32 = 0;
const AT_ARCHITECTURE: u32 = 4;
const fn argument(index: u32) -> u32 {
    16 + 8 * index
}

/// The whole program. `ranges` are sorted and begin at 0.
pub(super) fn assemble(ranges: &[Range]) -> BpfProgram {
    let mut program = vec![
        step(LOAD, AT_ARCHITECTURE),
        branch(IF_EQUAL, ARCHITECTURE, 1, 0),
        // A program of another architecture (32 bits) numbers its calls otherwise.
        step(RETURN, ERRNO | EPERM),
        step(LOAD, NUMBER),
    ];
    halve(&mut program, ranges);
    program
}

fn halve(program: &mut BpfProgram, ranges: &[Range]) {
    match ranges {
        [] => program.push(step(RETURN, ERRNO | EPERM)),
        [range] => leaf(program, range.verdict),
        _ => {
            let (low, high) = ranges.split_at(ranges.len() / 2);
            let test = program.len();
            // An offset of a comparison has eight bits: the low half is jumped over by the instruction behind it.
            program.push(branch(IF_GREATER_OR_EQUAL, high[0].from, 0, 1));
            program.push(step(JUMP, 0));
            halve(program, low);
            program[test + 1].k = offset(program.len() - test - 2);
            halve(program, high);
        }
    }
}

fn leaf(program: &mut BpfProgram, verdict: Verdict) {
    let (allow, refuse) = (step(RETURN, ALLOW), |errno| step(RETURN, ERRNO | errno));
    match verdict {
        Verdict::Allow => program.push(allow),
        Verdict::Refuse(errno) | Verdict::Look(Check::Never { errno }) => program.push(refuse(errno)),
        Verdict::Look(Check::NoNewNamespaces { mask }) => {
            program.extend([step(LOAD, argument(0)), branch(IF_BITS, mask, 0, 1), refuse(EPERM), allow]);
        }
        Verdict::Look(Check::OrdinarySocket) => {
            const UNIX: u32 = 1;
            const INET: u32 = 2;
            const INET6: u32 = 10;
            const NETLINK: u32 = 16;
            const ROUTE: u32 = 0;
            program.extend([
                step(LOAD, argument(0)),
                branch(IF_EQUAL, UNIX, 6, 0),
                branch(IF_EQUAL, INET, 5, 0),
                branch(IF_EQUAL, INET6, 4, 0),
                branch(IF_EQUAL, NETLINK, 0, 2),
                step(LOAD, argument(2)),
                branch(IF_EQUAL, ROUTE, 1, 0),
                refuse(EAFNOSUPPORT),
                allow,
            ]);
        }
        Verdict::Look(Check::OrdinaryPersonality) => {
            // PER_LINUX, PER_LINUX32, UNAME26 with both, ADDR_NO_RANDOMIZE (debuggers), and the question what it is.
            let known = [0, 8, 0x2_0000, 0x2_0008, 0x4_0000, u32::MAX];
            program.push(step(LOAD, argument(0)));
            for (at, value) in (0u8..).zip(known) {
                program.push(branch(IF_EQUAL, value, u8::try_from(known.len()).unwrap_or(u8::MAX) - at, 0));
            }
            program.extend([refuse(EPERM), allow]);
        }
        Verdict::Look(Check::NoTerminalInjection) => {
            const TIOCSTI: u32 = 0x5412;
            const TIOCLINUX: u32 = 0x541c;
            program.extend([
                step(LOAD, argument(1)),
                branch(IF_EQUAL, TIOCSTI, 1, 0),
                branch(IF_EQUAL, TIOCLINUX, 0, 1),
                refuse(EPERM),
                allow,
            ]);
        }
    }
}

fn step(code: u16, k: u32) -> sock_filter {
    branch(code, k, 0, 0)
}

fn branch(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// A program has 4,096 instructions at most, and the kernel checks every jump.
fn offset(instructions: usize) -> u32 {
    u32::try_from(instructions).unwrap_or(u32::MAX)
}
