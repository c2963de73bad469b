//! The smallest job: a program that writes the time at which it began (`CLOCK_MONOTONIC`) and ends.

use std::time::Duration;

/// An ELF file of one segment. In C: `clock_gettime(CLOCK_MONOTONIC, buf); write(1, buf, 16); _exit(0);`.
#[cfg(target_arch = "x86_64")]
pub(crate) const PROGRAM: &[u8] = &{
    const CODE: [u8; 49] = [
        0x48, 0x83, 0xec, 0x10, // sub rsp, 16
        0xb8, 0xe4, 0, 0, 0, // mov eax, 228 (clock_gettime)
        0xbf, 1, 0, 0, 0, // mov edi, 1
        0x48, 0x89, 0xe6, // mov rsi, rsp
        0x0f, 0x05, // syscall
        0xb8, 1, 0, 0, 0, // mov eax, 1 (write)
        0xbf, 1, 0, 0, 0, // mov edi, 1
        0x48, 0x89, 0xe6, // mov rsi, rsp
        0xba, 0x10, 0, 0, 0, // mov edx, 16
        0x0f, 0x05, // syscall
        0xb8, 0x3c, 0, 0, 0, // mov eax, 60 (exit)
        0x31, 0xff, // xor edi, edi
        0x0f, 0x05, // syscall
        0x90, // nop
    ];
    elf(62, CODE)
};

/// The same in the instructions of arm64.
#[cfg(target_arch = "aarch64")]
pub(crate) const PROGRAM: &[u8] = &{
    const INSTRUCTIONS: [u32; 12] = [
        0xd100_43ff, // sub sp, sp, #16
        0xd280_0e28, // mov x8, #113 (clock_gettime)
        0xd280_0020, // mov x0, #1
        0x9100_03e1, // mov x1, sp
        0xd400_0001, // svc #0
        0xd280_0808, // mov x8, #64 (write)
        0xd280_0020, // mov x0, #1
        0x9100_03e1, // mov x1, sp
        0xd280_0202, // mov x2, #16
        0xd400_0001, // svc #0
        0xd280_0ba8, // mov x8, #93 (exit); x0 is not looked at
        0xd400_0001, // svc #0
    ];
    let mut code = [0; 48];
    let mut at = 0;
    while at < 48 {
        code[at] = INSTRUCTIONS[at / 4].to_le_bytes()[at % 4];
        at += 1;
    }
    elf(183, code)
};

/// A file header, one readable and executable segment, and the code.
const fn elf<const LENGTH: usize>(machine: u8, code: [u8; LENGTH]) -> [u8; 256] {
    const BASE: [u8; 8] = 0x40_0000_u64.to_le_bytes();
    let mut file = [0; 256];
    let head: [u8; 8] = [0x7f, b'E', b'L', b'F', 2, 1, 1, 0];
    let mut at = 0;
    while at < 8 {
        file[at] = head[at];
        // Where the segment lies, twice, and the entry behind the two headers.
        file[24 + at] = BASE[at];
        file[80 + at] = BASE[at];
        file[88 + at] = BASE[at];
        at += 1;
    }
    file[24] = 120;
    (file[16], file[18], file[20]) = (2, machine, 1);
    // One program header of 56 bytes behind the file header of 64.
    (file[32], file[52], file[54], file[56]) = (64, 64, 56, 1);
    // To be loaded; readable and executable; 256 bytes, aligned to 64 KiB.
    (file[64], file[68], file[97], file[105], file[114]) = (1, 5, 1, 1, 1);
    let mut at = 0;
    while at < LENGTH {
        file[120 + at] = code[at];
        at += 1;
    }
    file
}

/// The time now, by the program's clock.
pub(crate) fn now() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// The time that the program wrote.
pub(crate) fn begun(text: &[u8]) -> Duration {
    let number = |at: usize| u64::from_ne_bytes(text[at..at + 8].try_into().unwrap());
    Duration::new(number(0), number(8) as u32)
}
