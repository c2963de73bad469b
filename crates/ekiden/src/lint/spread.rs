//! Gives a thread that was just started a processor at once. The system puts a new thread where it thinks that it will run soonest,
//! which on a virtual machine is often behind the thread that started it: there it waits for milliseconds, as long as a whole `lint`
//! takes. So the one that goes on moves away instead. [`super::check()`] calls it.

use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

/// The processors that this thread may use, less those that it left to others; all of them again when it is dropped.
#[derive(Debug)]
pub(super) struct Spread {
    all: CpuSet,
    left: CpuSet,
}

impl Spread {
    /// `None` where the system does not tell.
    pub(super) fn new() -> Option<Self> {
        let all = sched_getaffinity(None).ok()?;
        Some(Self { all, left: all })
    }

    /// How many processors there are for this process.
    pub(super) fn processors(&self) -> usize {
        usize::try_from(self.all.count()).unwrap_or(1).max(1)
    }

    /// Starts a thread, and leaves the processor that this one is on to it.
    pub(super) fn start<T>(&mut self, thread: impl FnOnce() -> T) -> T {
        // The new one may use them all.
        let _narrow = sched_setaffinity(None, &self.all);
        let started = thread();
        self.step_aside();
        started
    }

    fn step_aside(&mut self) {
        let mut others = self.left;
        others.unset(sched_getcpu());
        // The last that is left is kept.
        let kept = if others.count() > 0 { others } else { self.left };
        if sched_setaffinity(None, &kept).is_ok() {
            self.left = kept;
        }
    }
}

impl Drop for Spread {
    fn drop(&mut self) {
        // What cannot be widened again stays as it is: nothing but speed hangs on it.
        let _narrow = sched_setaffinity(None, &self.all);
    }
}

#[cfg(test)]
mod tests {
    use super::Spread;
    use rustix::thread::sched_getaffinity;

    #[test]
    fn every_processor_is_there_again_at_the_end() {
        let before = sched_getaffinity(None).unwrap();
        let mut spread = Spread::new().unwrap();
        let processors = spread.processors();
        for _ in 0..processors + 1 {
            let seen = spread.start(|| std::thread::spawn(|| sched_getaffinity(None).unwrap()));
            assert_eq!(seen.join().unwrap(), before);
        }
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        drop(spread);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
