//! Jobs that reach for what is not theirs: secrets of the host, other processes, the init, the kernel, the network. Each attack
//! is made twice: as a job, and with its protection switched off, where it must succeed. An attack that never succeeds
//! proves nothing.

use crate::bench_support::{Machine, sh, trial};
use libtest_mimic::Trial;
use sandbox::{Mount, Network, Profile, Sandbox, SandboxSpec};
use sandbox_local::Protection;
use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::process::{Child, Command};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "hostile::files_of_the_host_are_not_read", files_of_the_host_are_not_read),
        trial(machine, "hostile::files_of_the_jobs_own_number_are_anothers", files_of_the_jobs_own_number_are_anothers),
        trial(machine, "hostile::other_processes_are_not_seen", other_processes_are_not_seen),
        trial(machine, "hostile::the_environment_of_the_parent_is_not_inherited", the_environment_is_not_inherited),
        trial(machine, "hostile::the_init_is_not_traced", the_init_is_not_traced),
        trial(machine, "hostile::no_descriptor_is_inherited", no_descriptor_is_inherited),
        trial(machine, "hostile::no_namespace_is_made", no_namespace_is_made),
        trial(machine, "hostile::no_capability_is_left", no_capability_is_left),
        trial(machine, "hostile::no_tree_is_written_but_the_jobs", no_tree_is_written_but_the_jobs),
        trial(machine, "hostile::servers_of_the_host_are_not_reached", servers_of_the_host_are_not_reached),
        trial(machine, "hostile::another_job_is_not_reached", another_job_is_not_reached),
        trial(machine, "hostile::the_way_out_is_not_changed", the_way_out_is_not_changed),
    ]
}

/// Runs an attack as a job, and again with its protection off; each time the line's output.
async fn both(machine: &Machine, spec: SandboxSpec, off: &[Protection], line: &str) -> (String, String) {
    let mut spec = spec;
    let strong = machine.prepare(spec.clone()).await.unwrap();
    let contained = sh(&*strong, line).await.text;
    strong.destroy(false).await.unwrap();
    spec.name.push_str("-weak");
    let weak = machine.prepare_weak(spec, off).await;
    let succeeded = sh(&*weak, line).await.text;
    weak.destroy(false).await.unwrap();
    (contained, succeeded)
}

/// Some attacks are system calls that no program of every machine makes; says SKIP where their language lacks.
fn lacks_perl() -> bool {
    let lacks = Command::new("perl").arg("-v").output().is_err();
    if lacks {
        println!("SKIP: this attack is written in perl, which is not here");
    }
    lacks
}

async fn files_of_the_host_are_not_read(machine: Arc<Machine>) {
    if !rustix::process::geteuid().is_root() {
        println!("SKIP: what an ordinary user's jobs would see without hiding cannot be built here: it needs root");
        return;
    }
    // World-readable, so that only the hiding keeps a job from it.
    let folder = tempfile::Builder::new().prefix("ekiden-canary-").tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::write(folder.path().join("token"), "secret-of-the-host").unwrap();
    let line =
        format!("cat {0}/token; cat /proc/1/root{0}/token; cat /proc/*/cwd/token; true", folder.path().display());
    let (contained, succeeded) =
        both(&machine, machine.spec(), &[Protection::HiddenFiles], &format!("({line}) 2>&1")).await;
    assert!(!contained.contains("secret-of-the-host"), "{contained}");
    assert!(succeeded.contains("secret-of-the-host"), "{succeeded}");
}

async fn files_of_the_jobs_own_number_are_anothers(machine: Arc<Machine>) {
    if !rustix::process::geteuid().is_root() {
        println!(
            "SKIP: an ordinary user's jobs know no number but the user's, and files of another cannot be made here: it needs root"
        );
        return;
    }
    // 1001 is the job's user, and on most machines a person.
    let folder = tempfile::Builder::new().prefix("ekiden-it-").tempdir_in("/opt").unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let files = [("private", 1001, 0, 0o600), ("group", 0, 1001, 0o640), ("open", 1001, 1001, 0o644)];
    for (name, user, group, mode) in files {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{name} ")).unwrap();
        std::os::unix::fs::chown(&path, Some(user), Some(group)).unwrap();
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    }
    let inside = std::path::PathBuf::from("/mnt/it");
    let mut spec = machine.spec();
    spec.mounts = vec![Mount { host: folder.path().to_owned(), inside: inside.clone() }];
    let job = machine.prepare(spec).await.unwrap();
    for place in [folder.path(), &inside] {
        let line = format!("cd {} && cat * 2>/dev/null; stat -c %u:%g open ~; id -u", place.display());
        let seen = sh(&*job, &line).await.text;
        assert_eq!(seen, "open 65534:65534\n1001:1001\n1001\n", "{}", place.display());
    }
    job.destroy(false).await.unwrap();
    // A job that is root may change what it sees.
    let spec = SandboxSpec { profile: Profile::Root, ..machine.spec() };
    let job = machine.prepare(spec).await.unwrap();
    let line = format!(
        "cd {} && stat -c %u:%g open && chmod 600 open && echo more >> open && cat open",
        folder.path().display()
    );
    assert_eq!(sh(&*job, &line).await.text, "1001:1001\nopen more\n");
    job.destroy(false).await.unwrap();
}

/// A process of the host with a secret in its arguments.
struct Victim(Child);

impl Victim {
    fn start(mark: &str) -> Self {
        Self(Command::new("sleep").arg("300").env("MARK", mark).arg0_mark(mark).spawn().unwrap())
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

trait Arg0 {
    fn arg0_mark(&mut self, mark: &str) -> &mut Self;
}

impl Arg0 for Command {
    fn arg0_mark(&mut self, mark: &str) -> &mut Self {
        std::os::unix::process::CommandExt::arg0(self, format!("sleep-{mark}"))
    }
}

async fn other_processes_are_not_seen(machine: Arc<Machine>) {
    let mut victim = Victim::start("seen-by-a-job");
    let line = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep [s]een-by-a-job; kill -9 -1 2>&1; true";
    let (contained, succeeded) = both(&machine, machine.spec(), &[Protection::ProcessTable], line).await;
    assert!(!contained.contains("seen-by-a-job"), "{contained}");
    assert!(succeeded.contains("seen-by-a-job"), "{succeeded}");
    assert!(victim.0.try_wait().unwrap().is_none(), "a job ended a process of the host");
}

async fn the_environment_is_not_inherited(machine: Arc<Machine>) {
    // This test's own environment is the parent's; what it holds beyond a job's own shows what could leak.
    let allowed = ["PATH", "HOME", "PWD", "OLDPWD", "SHLVL", "_"];
    let own = std::env::vars().map(|(name, _)| name).find(|name| !allowed.contains(&name.as_str())).unwrap();
    let line = "cat /proc/self/environ /proc/1/environ 2>/dev/null | tr '\\0' '\\n' | cut -d= -f1";
    let (contained, succeeded) = both(&machine, machine.spec(), &[Protection::Environment], line).await;
    assert!(contained.lines().all(|name| allowed.contains(&name)), "{contained}");
    assert!(succeeded.lines().any(|name| name == own), "{own}: {succeeded}");
}

async fn the_init_is_not_traced(machine: Arc<Machine>) {
    if lacks_perl() {
        return;
    }
    // PTRACE_SEIZE of pid 1 and pidfd_getfd of its first descriptors, without a compiler.
    let (seize, pidfd_open, pidfd_getfd) = if cfg!(target_arch = "x86_64") { (101, 434, 438) } else { (117, 434, 438) };
    let line = format!(
        "perl -e '$r = syscall({seize}, 0x4206, 1, 0, 0); print \"seized\\n\" if $r == 0; $p = syscall({pidfd_open}, 1, 0); \
         for $fd (0..9) {{ print \"taken\\n\" if syscall({pidfd_getfd}, $p, $fd, 0) >= 0 }}' 2>&1; \
         ls /proc/1/fd >/dev/null 2>&1 && echo listed; head -c1 /proc/1/maps 2>/dev/null | grep -q . && echo mapped; \
         kill -9 1; kill -STOP 1; kill -TERM 1; true"
    );
    let spec = machine.spec();
    // Landlock keeps no job from its own init: the domain is the same.
    let (contained, succeeded) = both(&machine, spec, &[Protection::Undumpable], &line).await;
    for won in ["seized", "taken", "listed", "mapped"] {
        assert!(!contained.contains(won), "{contained}");
        assert!(succeeded.contains(won), "{won}: {succeeded}");
    }
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    sh(&*sandbox, &line).await;
    assert_eq!(sh(&*sandbox, "echo alive").await.text, "alive\n");
    sandbox.destroy(false).await.unwrap();
}

async fn no_descriptor_is_inherited(machine: Arc<Machine>) {
    let line = "for fd in /proc/self/fd/*; do echo ${fd##*/} $(readlink $fd); done";
    let (contained, succeeded) = both(&machine, machine.spec(), &[Protection::Descriptors], line).await;
    // The shell's own pattern opens the directory as one more, which is gone when it is named.
    let held = |text: &str| text.lines().filter_map(|line| line.split(' ').next()?.parse().ok()).max().unwrap_or(0_u32);
    assert!(held(&contained) <= 3 && !contained.contains("socket:"), "{contained}");
    assert!(succeeded.contains("socket:"), "the init's own socket, by which the job could speak for it: {succeeded}");
}

async fn no_namespace_is_made(machine: Arc<Machine>) {
    let line = "unshare -U true 2>/dev/null && echo won; true";
    let off = [Protection::Seccomp, Protection::Landlock];
    let (contained, succeeded) = both(&machine, machine.spec(), &off, line).await;
    assert_eq!(contained, "");
    assert_eq!(succeeded, "won\n");
}

async fn no_capability_is_left(machine: Arc<Machine>) {
    let line = "grep CapBnd /proc/self/status";
    let (contained, succeeded) = both(&machine, machine.spec(), &[Protection::Capabilities], line).await;
    assert_eq!(contained, "CapBnd:\t0000000000000000\n");
    assert_ne!(succeeded, contained);
}

async fn no_tree_is_written_but_the_jobs(machine: Arc<Machine>) {
    // A world-writable place outside of the job's trees, which only Landlock closes: /run belongs to the layer.
    let line = "ls -ld /var/crash | cut -c1-10; (echo x > /var/crash/won) 2>/dev/null && echo won; true";
    let (contained, succeeded) = both(&machine, machine.spec(), &[Protection::Landlock], line).await;
    assert_eq!(contained, "drwxrwxrwt\n");
    assert_eq!(succeeded, "drwxrwxrwt\nwon\n");
}

async fn servers_of_the_host_are_not_reached(machine: Arc<Machine>) {
    if lacks_perl() {
        return;
    }
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    let name = format!("ekiden-canary-{}", std::process::id());
    let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    let line = format!(
        "bash -c '(exec 3<>/dev/tcp/127.0.0.1/{tcp}) 2>/dev/null && echo tcp; echo x >/dev/udp/127.0.0.1/{udp}'; \
         perl -MSocket -e 'socket(S, AF_UNIX, SOCK_STREAM, 0) and connect(S, pack(\"S a*\", AF_UNIX, \"\\0{name}\")) and print \"abstract\\n\"'; \
         for a in 169.254.169.254 10.0.0.1 192.168.0.1 100.100.100.200 168.63.129.16; do timeout 5 bash -c \"exec 3<>/dev/tcp/$a/80\" 2>/dev/null && echo $a; done; \
         true",
        tcp = tcp.local_addr().unwrap().port(),
        udp = udp.local_addr().unwrap().port(),
    );
    let spec = machine.spec();
    let job = machine.prepare(spec).await.unwrap();
    let contained = sh(&*job, &line).await.text;
    assert_eq!(contained, "");
    assert!(udp.recv(&mut [0]).is_err(), "a datagram came through");
    job.destroy(false).await.unwrap();
    // The namespace is what protects: with the host's network the same line reaches them.
    let mut spec = machine.spec();
    spec.network = Network::Host;
    let job = machine.prepare(spec).await.unwrap();
    let succeeded = sh(&*job, &line).await.text;
    assert!(succeeded.contains("tcp") && succeeded.contains("abstract"), "{succeeded}");
    assert!(udp.recv(&mut [0]).is_ok());
    job.destroy(false).await.unwrap();
}

/// Whether a line of one job reaches a server in another.
async fn reaches(server: &dyn Sandbox, client: &dyn Sandbox) -> bool {
    let listen = "perl -MSocket -e 'socket(S, AF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_REUSEADDR, 1); bind(S, sockaddr_in(45454, INADDR_ANY)); \
        listen(S, 5); if (fork) { exit } close STDOUT; close STDERR; sleep 60'";
    sh(server, listen).await;
    let line = "bash -c '(exec 3<>/dev/tcp/127.0.0.1/45454) 2>/dev/null && echo reached'";
    sh(client, line).await.text == "reached\n"
}

async fn another_job_is_not_reached(machine: Arc<Machine>) {
    let (first, second) =
        (machine.prepare(machine.spec()).await.unwrap(), machine.prepare(machine.spec()).await.unwrap());
    assert!(!reaches(&*first, &*second).await);
    assert!(reaches(&*second, &*second).await, "the server is there for its own job");
    first.destroy(false).await.unwrap();
    second.destroy(false).await.unwrap();
    // The namespace is what protects: two jobs on the host's network reach each other.
    let host = || SandboxSpec { network: Network::Host, ..machine.spec() };
    let (first, second) = (machine.prepare(host()).await.unwrap(), machine.prepare(host()).await.unwrap());
    assert!(reaches(&*first, &*second).await);
    first.destroy(false).await.unwrap();
    second.destroy(false).await.unwrap();
}

async fn the_way_out_is_not_changed(machine: Arc<Machine>) {
    if lacks_perl() {
        return;
    }
    let off = [Protection::Capabilities, Protection::Seccomp, Protection::Landlock];
    let runs = [(Profile::Hardened, &off[..0]), (Profile::Root, &off[..0]), (Profile::Root, &off[..])];
    for (profile, off) in runs {
        let mut spec = machine.spec();
        spec.profile = profile;
        let job = machine.prepare_weak(spec, off).await;
        let attack = "ip link set lo down; ip route flush table local; ip addr add 10.0.0.1/8 dev lo; nft flush ruleset; iptables -F; \
            echo 1 > /proc/sys/net/ipv4/ip_forward";
        sh(&*job, &format!("export PATH=$PATH:/usr/sbin:/sbin; ({attack}) >/dev/null 2>&1; true")).await;
        let line = "grep -q . /proc/net/route; timeout 5 bash -c '(exec 3<>/dev/tcp/198.18.0.1/53) && echo answered'; \
            timeout 5 bash -c '(exec 3<>/dev/tcp/10.0.0.1/80) 2>/dev/null && echo private'; \
            perl -MSocket -e 'print \"raw\\n\" if socket(S, AF_INET, SOCK_RAW, 1); print \"packet\\n\" if socket(S, 17, 3, 0); print \"netfilter\\n\" if socket(S, 16, 3, 12)'";
        let said = sh(&*job, line).await.text;
        if off.is_empty() {
            assert_eq!(said, "answered\n", "{profile:?}");
        } else {
            assert!(said.contains("raw") && said.contains("netfilter"), "{said}");
        }
        job.destroy(false).await.unwrap();
    }
}
