//! The profile `root`, and root directories of one's own.

use crate::bench_support::{Machine, Output, sh, trial};
use libtest_mimic::Trial;
use sandbox::{ExecEnd, Mount, Profile, Root, SandboxSpec};
use sandbox_local::disk::Pool;
use sandbox_local::{one_id_only, remove_root, unpack_root};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "root::accounts_are_made_and_used", accounts_are_made_and_used),
        trial(machine, "root::etc_is_the_jobs_own", etc_is_the_jobs_own),
        trial(machine, "root::packages_are_installed_or_the_fix_is_named", packages_are_installed_or_the_fix_is_named),
        trial(machine, "root::a_directory_is_a_root", a_directory_is_a_root),
        trial(machine, "root::files_of_every_id_are_removed", files_of_every_id_are_removed),
        trial(machine, "root::what_a_dead_process_left_is_removed", what_a_dead_process_left_is_removed),
    ]
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Whether ids beside one's own can be had; says SKIP where not.
fn has_ids() -> bool {
    match one_id_only() {
        None => true,
        Some(reason) => {
            println!("SKIP: the profile root with more than one id: {reason}");
            false
        }
    }
}

fn spec(machine: &Machine) -> SandboxSpec {
    SandboxSpec { profile: Profile::Root, ..machine.spec() }
}

/// Runs a line in a sandbox of its own.
async fn run(machine: &Machine, spec: SandboxSpec, line: &str) -> Output {
    let sandbox = machine.prepare(spec).await.unwrap();
    let output = sh(&*sandbox, &format!("({line}) 2>&1")).await;
    sandbox.destroy(false).await.unwrap();
    output
}

async fn accounts_are_made_and_used(machine: Arc<Machine>) {
    if !has_ids() {
        return;
    }
    let before = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = "useradd -m someone && su someone -c 'id -un; touch ~/x' && stat -c %U /home/someone/x && sudo -u someone id -un \
        && chown someone /tmp && stat -c %U /tmp && groupadd crew && usermod -aG crew someone && id -nG someone \
        && sudo sh -c 'echo x > /usr/local/bin/tool && chmod 755 /usr/local/bin/tool && ls /usr/local/bin/tool'";
    let output = run(&machine, spec(&machine), line).await;
    assert_eq!(
        output.text, "someone\nsomeone\nsomeone\nsomeone\nsomeone crew\n/usr/local/bin/tool\n",
        "{:?}",
        output.ended.end
    );
    assert_eq!(std::fs::read_to_string("/etc/passwd").unwrap(), before);
    assert!(!Path::new("/home/someone").exists() && !Path::new("/usr/local/bin/tool").exists());
}

async fn etc_is_the_jobs_own(machine: Arc<Machine>) {
    let before = std::fs::metadata("/etc/environment").map(|meta| meta.mtime()).ok();
    let line = "echo A=b >> /etc/environment && sed -i s/localhost/here/ /etc/hosts && mkdir -p /etc/apt/sources.list.d \
        && echo x > /etc/apt/sources.list.d/new.list && grep -c here /etc/hosts && stat -c %U /etc /etc/hosts /etc/environment | sort -u";
    let output = run(&machine, spec(&machine), line).await;
    assert_eq!(output.text, "2\nroot\n", "{:?}", output.ended.end);
    assert_eq!(std::fs::metadata("/etc/environment").map(|meta| meta.mtime()).ok(), before);
    assert!(!Path::new("/etc/apt/sources.list.d/new.list").exists());
}

/// A repository of packages with one package in it.
fn repository() -> Option<tempfile::TempDir> {
    let folder = tempfile::Builder::new().prefix("ekiden-it-").tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let line = "umask 022; mkdir -p p/DEBIAN p/usr/bin p/var/lib/ekiden-it && printf '#!/bin/sh\\necho installed\\n' > p/usr/bin/ekiden-it \
        && chmod 755 p/usr/bin/ekiden-it && printf 'Package: ekiden-it\\nVersion: 1\\nArchitecture: all\\nMaintainer: a <a@e.invalid>\\nDescription: x\\n' > p/DEBIAN/control \
        && printf '#!/bin/sh\\nadduser --system --group --no-create-home ekiden-it >/dev/null && chown ekiden-it:ekiden-it /var/lib/ekiden-it\\n' > p/DEBIAN/postinst \
        && chmod 755 p/DEBIAN/postinst && dpkg-deb --root-owner-group --build p ekiden-it_1_all.deb >/dev/null \
        && { cat p/DEBIAN/control; echo Filename: ./ekiden-it_1_all.deb; echo Size: $(stat -c %s ekiden-it_1_all.deb); \
             echo SHA256: $(sha256sum ekiden-it_1_all.deb | cut -d' ' -f1); } > Packages";
    let made = Command::new("sh").args(["-c", line]).current_dir(folder.path()).output().ok()?;
    let has_apt = Path::new("/usr/bin/apt-get").exists() && Path::new("/usr/sbin/adduser").exists();
    (made.status.success() && has_apt).then_some(folder)
}

async fn packages_are_installed_or_the_fix_is_named(machine: Arc<Machine>) {
    let Some(repository) = repository() else {
        println!("SKIP: installing packages: this is no Debian with apt-get, adduser and dpkg-deb");
        return;
    };
    let mut spec = spec(&machine);
    spec.mounts = vec![Mount { host: repository.path().to_owned(), inside: PathBuf::from("/mnt/packages") }];
    let line = "echo 'deb [trusted=yes] file:/mnt/packages ./' > /tmp/list; o='-qq -o Dir::Etc::sourcelist=/tmp/list -o Dir::Etc::sourceparts=-'; \
        sudo apt-get $o update && DEBIAN_FRONTEND=noninteractive sudo -E apt-get $o install -y ekiden-it >/tmp/log 2>&1 || { cat /tmp/log; exit 1; }; \
        ekiden-it; stat -c %U /var/lib/ekiden-it";
    let output = run(&machine, spec.clone(), line).await;
    if is_root() {
        assert_eq!(output.text, "installed\nekiden-it\n");
    } else {
        assert!(output.text.contains("--root DIR"), "{}", output.text);
        assert_ne!(output.ended.end, ExecEnd::Exited(0));
        let version = run(&machine, self::spec(&machine), "apt-get --version").await;
        assert_eq!(version.ended.end, ExecEnd::Exited(0), "what changes nothing works: {}", version.text);
    }
    assert!(!Path::new("/usr/bin/ekiden-it").exists());
}

/// An archive of a small root file system: a shell, a few programs and their libraries, and a folder of user 33's.
fn archive(folder: &Path) -> Option<PathBuf> {
    let line = "umask 022; mkdir -p r/bin r/etc r/tmp r/var/www && for p in sh ls cat id stat touch chown mkdir; do \
        f=$(readlink -f $(command -v $p)) && cp -L $f r/bin/$p && for l in $(ldd $f | grep -o '/[^ ]*'); do mkdir -p r$(dirname $l) && cp -L $l r$l; done; done; \
        echo root:x:0:0:root:/root:/bin/sh > r/etc/passwd; echo www:x:33:33::/var/www:/bin/sh >> r/etc/passwd; echo mine > r/etc/mark; echo x > r/var/www/x; \
        tar -C r --numeric-owner --owner=0 --group=0 --exclude=./var/www -cf r.tar . && tar -C r --numeric-owner --owner=33 --group=33 --mode=0700 -rf r.tar ./var/www";
    let made = Command::new("sh").args(["-ec", line]).current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(folder.join("r.tar"))
}

async fn a_directory_is_a_root(machine: Arc<Machine>) {
    if !has_ids() {
        return;
    }
    let folder = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in(machine.state.path()).unwrap();
    let root = folder.path().join("root");
    unpack_root(&archive(folder.path()).unwrap(), &root).unwrap();
    assert!(
        unpack_root(&folder.path().join("r.tar"), &root).is_err(),
        "a directory that holds something is left alone"
    );
    let directory = Root::Dir(root.clone());
    let line = "cat /etc/mark; id -u; stat -c %u /bin/ls /var/www /var/www/x 2>/dev/null; ls /usr/share 2>/dev/null; echo changed > /etc/mark; cat /etc/mark";
    let hardened = SandboxSpec { root: directory.clone(), ..machine.spec() };
    let output =
        run(&machine, hardened, "cat /etc/mark; id -u; id -un; sudo id; echo x > /etc/mark || true").await.text;
    assert!(output.starts_with("mine\n1001\nrunner\n") && output.contains("--profile root"), "{output}");
    let rooted = SandboxSpec { root: directory, ..spec(&machine) };
    let output = run(&machine, rooted.clone(), line).await.text;
    assert_eq!(output, "mine\n0\n0\n33\n33\nchanged\n");
    let line = "chown 33:33 /etc/mark && stat -c %u /etc/mark && mkdir /new && chown 1234 /new && stat -c %u /new";
    assert_eq!(run(&machine, rooted, line).await.text, "33\n1234\n");
    assert_eq!(std::fs::read_to_string(root.join("etc/mark")).unwrap(), "mine\n");
    assert!(!root.join("new").exists());
    remove_root(&root).unwrap();
    assert!(!root.exists());
    std::fs::create_dir(&root).unwrap();
    assert!(remove_root(&root).is_err(), "only what was made for it is removed");
}

fn disks(machine: &Machine) -> Vec<PathBuf> {
    std::fs::read_dir(machine.state.path().join("disks")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

async fn files_of_every_id_are_removed(machine: Arc<Machine>) {
    if !has_ids() {
        return;
    }
    let spec = spec(&machine);
    let name = spec.name.clone();
    let line = "mkdir -p /home/a/b/c && echo x > /home/a/b/c/d && chown -R 33:33 /home/a && chmod 0 /home/a/b && stat -c %u /home/a";
    assert_eq!(run(&machine, spec, line).await.text, "33\n");
    let left: Vec<PathBuf> =
        disks(&machine).into_iter().filter(|path| path.to_string_lossy().ends_with(&format!(".{name}"))).collect();
    assert_eq!(left, Vec::<PathBuf>::new());
}

async fn what_a_dead_process_left_is_removed(machine: Arc<Machine>) {
    if !has_ids() {
        return;
    }
    let folder = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in(machine.state.path()).unwrap();
    let disks = folder.path().join("disks");
    std::fs::create_dir(&disks).unwrap();
    let namespace = std::fs::metadata("/proc/self/ns/pid").unwrap().ino();
    // Of this number, but of another start: its owner is gone.
    let stale = disks.join(format!("ekiden-{namespace}.{}.1.job", std::process::id()));
    unpack_root(&archive(folder.path()).unwrap(), &stale).unwrap();
    Pool::open(&disks).unwrap();
    assert!(!stale.exists());
    let mode = std::fs::metadata(&disks).unwrap().mode() & 0o777;
    assert_eq!(mode, 0o700, "what a job's root leaves there (set-uid programs of the caller's) is nobody else's");
}
