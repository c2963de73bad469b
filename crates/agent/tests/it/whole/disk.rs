//! A disk without room.

use super::stand::{Running, Stand, good};
use agent::{AgentEnd, Stop};
use domain::{Conclusion, RunnerLife};
use protocol::Dialect;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk, gone when dropped.
struct Disk(PathBuf);

impl Disk {
    /// `None` for whom it is not to be had.
    fn at(place: &Path) -> Option<Self> {
        std::fs::create_dir(place).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=256k", "none"]).arg(place).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then(|| Self(place.to_owned()))
    }

    /// Leaves nothing of it.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn jobs_that_cannot_be_noted_are_not_run_and_the_next_one_is() {
    let mut stand = Stand::new(Dialect::Gitea).await;
    let Some(disk) = Disk::at(&stand.path("disk")) else {
        println!("SKIP: only root mounts a small disk");
        return;
    };
    let outside = std::mem::replace(&mut stand.data, tempfile::Builder::new().tempdir_in(&disk.0).unwrap());
    stand.register(RunnerLife::Lasting).await;
    let agent = Running::start(stand.settings(1, &good()));
    stand.add([1]);
    assert_eq!(stand.ended(1).await, Conclusion::Success);
    disk.fill();
    // The last page of the journal may hold some more.
    stand.add(2..=80);
    let mut refused = 0;
    for task in 2..=80 {
        if stand.ended(task).await == Conclusion::Failure {
            assert!(stand.log(task).contains("No space left on device"), "{}", stand.log(task));
            refused += 1;
        }
    }
    assert!(refused > 0, "all were noted");
    disk.free();
    stand.add([81]);
    assert_eq!(stand.ended(81).await, Conclusion::Success);
    agent.stop.ask(Stop::Drain);
    assert_eq!(agent.end().await.unwrap(), AgentEnd::Stopped);
    drop((stand, disk, outside));
}
