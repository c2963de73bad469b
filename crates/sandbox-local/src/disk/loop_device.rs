//! The three device calls behind an image. Called by `image`.

use linux_raw_sys::loop_device::{LO_FLAGS_AUTOCLEAR, LOOP_CONFIGURE, LOOP_CTL_GET_FREE, loop_config};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Setter, ioctl};
use std::ffi::c_void;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// Attaches a file to a free loop device that clears itself with its last user. Gives the device and its path.
pub(super) fn attach(file: impl AsFd) -> Result<(OwnedFd, String), Errno> {
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    let control = rustix::fs::open("/dev/loop-control", flags, Mode::empty())?;
    let file = u32::try_from(file.as_fd().as_raw_fd()).map_err(|_| Errno::BADF)?;
    // Between being told a free device and taking it, another process can take it.
    for _ in 0..64 {
        // SAFETY: the call takes no argument and answers with a number.
        #[expect(unsafe_code, reason = "no library wraps it")]
        let number = unsafe { ioctl(&control, GetFree) }?;
        let path = format!("/dev/loop{number}");
        let device = rustix::fs::open(&path, flags, Mode::empty())?;
        // SAFETY: the structure is plain numbers, for which zero is "as usual".
        #[expect(unsafe_code, reason = "the kernel's structure has no default")]
        let mut config: loop_config = unsafe { std::mem::zeroed() };
        config.fd = file;
        config.block_size = 4096;
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR as u32;
        // SAFETY: the kernel reads a `loop_config`, which outlives the call.
        #[expect(unsafe_code, reason = "no library wraps it")]
        let configured = unsafe { ioctl(&device, Setter::<{ LOOP_CONFIGURE as Opcode }, loop_config>::new(config)) };
        match configured {
            Ok(()) => return Ok((device, path)),
            Err(Errno::BUSY) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Errno::BUSY)
}

/// `LOOP_CTL_GET_FREE`: the answer is the call's own.
struct GetFree;

// SAFETY: the opcode takes no argument and gives its answer as the return value.
#[expect(unsafe_code, reason = "the library's patterns have none that gives the return value")]
unsafe impl Ioctl for GetFree {
    type Output = i32;
    const IS_MUTATING: bool = false;
    fn opcode(&self) -> Opcode {
        LOOP_CTL_GET_FREE as Opcode
    }
    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }
    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// Tells an ext4 file system to forget everything not yet written: its end is then quick, whatever a job left dirty.
pub(super) fn forget(directory: impl AsFd) -> Result<(), Errno> {
    /// `EXT4_IOC_SHUTDOWN`, `_IOR('X', 125, u32)`, which reads its argument all the same.
    const SHUTDOWN: Opcode = rustix::ioctl::opcode::read::<u32>(b'X', 125);
    /// `EXT4_GOING_FLAGS_NOLOGFLUSH`.
    const WITHOUT_WRITING: u32 = 2;
    // SAFETY: the kernel reads one u32, which outlives the call.
    #[expect(unsafe_code, reason = "no library wraps it")]
    unsafe {
        ioctl(directory, Setter::<SHUTDOWN, u32>::new(WITHOUT_WRITING))
    }
}
