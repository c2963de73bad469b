//! What a job sees and may do.

use crate::bench_support::{Machine, path, sh, trial};
use domain::{View, ViewFile, ViewPart};
use libtest_mimic::Trial;
use sandbox::{Network, Profile, Workspace};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::Arc;

pub(crate) fn trials(machine: &Arc<Machine>) -> Vec<Trial> {
    vec![
        trial(machine, "isolation::a_hardened_job_has_no_rights", a_hardened_job_has_no_rights),
        trial(machine, "isolation::private_files_of_the_host_are_hidden", private_files_of_the_host_are_hidden),
        trial(machine, "isolation::every_place_is_private", every_place_is_private),
        trial(machine, "isolation::the_init_is_out_of_reach", the_init_is_out_of_reach),
        trial(machine, "isolation::views_are_private_copies", views_are_private_copies),
        trial(machine, "isolation::exposed_trees_are_read_only", exposed_trees_are_read_only),
        trial(machine, "isolation::a_bound_workspace_is_changed_for_real", a_bound_workspace_is_changed_for_real),
        trial(machine, "isolation::the_root_profile_is_root_inside", the_root_profile_is_root_inside),
        trial(machine, "isolation::the_host_is_not_told_apart", the_host_is_not_told_apart),
        trial(machine, "isolation::networks", networks),
    ]
}

async fn a_hardened_job_has_no_rights(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let output =
        sh(&*sandbox, "id -u; id -g; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ulimit -c").await.text;
    assert!(output.starts_with("1001\n1001\n"), "{output}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert!(output.contains(&format!("{set}:\t0000000000000000")), "{output}");
    }
    assert!(output.contains("NoNewPrivs:\t1") && output.contains("Seccomp:\t2") && output.ends_with("0\n"), "{output}");
    let refused = [
        "mount -t tmpfs x /mnt",
        "unshare -U true",
        "unshare -m true",
        "mknod /tmp/sda b 8 0",
        "echo 1 > /proc/sys/vm/drop_caches",
        "touch /usr/x",
        "touch /etc/x",
        "touch /x",
        "chroot / true",
        "sudo true",
        "hostname x",
        "chown 0 /tmp",
        "dmesg",
    ];
    for line in refused {
        let output = sh(&*sandbox, &format!("{line} 2>&1")).await;
        assert_ne!(output.ended.end, sandbox::ExecEnd::Exited(0), "{line}: {}", output.text);
    }
    assert!(sh(&*sandbox, "sudo true 2>&1").await.text.contains("--profile root"));
    assert_eq!(sh(&*sandbox, "echo a > /dev/stderr; echo b > /dev/stdout; echo c > /dev/null").await.text, "a\nb\n");
    sandbox.destroy(false).await.unwrap();
}

async fn private_files_of_the_host_are_hidden(machine: Arc<Machine>) {
    let mut spec = machine.spec();
    for profile in [Profile::Hardened, Profile::Root] {
        spec.profile = profile;
        spec.name = format!("{}x", spec.name);
        let sandbox = machine.prepare(spec.clone()).await.unwrap();
        let state = machine.state.path().display().to_string();
        let output = sh(&*sandbox, &format!("ls -A /root /home /run /mnt /media /var/log /var/lib/docker {state} /work 2>&1; ls /; cat /etc/ssh/ssh_host_* 2>&1")).await.text;
        assert!(!output.contains("disks") && !output.contains(".cargo") && !output.contains("PRIVATE"), "{output}");
        let shadow = sh(&*sandbox, "cat /etc/shadow 2>&1").await.text;
        assert!(!shadow.contains('$'), "{shadow}");
        let top: Vec<&str> = output.lines().collect();
        assert!(top.contains(&"usr") && !top.contains(&"work"), "{output}");
        let processes = sh(&*sandbox, "ls -d /proc/[0-9]* | wc -l").await.text;
        assert!(processes.trim().parse::<u32>().unwrap() <= 4, "{processes}");
        sandbox.destroy(false).await.unwrap();
    }
}

async fn every_place_is_private(machine: Arc<Machine>) {
    let first = machine.prepare(machine.spec()).await.unwrap();
    let second = machine.prepare(machine.spec()).await.unwrap();
    let places = "/tmp /var/tmp /dev/shm /home/runner /home/runner/work/_temp . /opt/hostedtoolcache";
    let made =
        sh(&*first, &format!("for p in {places}; do echo x > $p/mark || exit 1; done; ls -ld /tmp; df -h / | tail -1"))
            .await;
    assert_eq!(made.ended.end, sandbox::ExecEnd::Exited(0), "{}", made.text);
    assert!(made.text.contains("drwxrwxrwt"), "{}", made.text);
    let seen = sh(&*second, &format!("for p in {places}; do ls $p/mark 2>/dev/null; done; true")).await.text;
    assert_eq!(seen, "");
    for place in ["/tmp/mark", "/var/tmp/mark", "/dev/shm/mark", "/home/runner/mark"] {
        assert!(!path(place).exists());
    }
    first.destroy(false).await.unwrap();
    second.destroy(false).await.unwrap();
}

async fn the_init_is_out_of_reach(machine: Arc<Machine>) {
    let mut spec = machine.spec();
    for profile in [Profile::Hardened, Profile::Root] {
        spec.profile = profile;
        spec.name = format!("{}y", spec.name);
        let sandbox = machine.prepare(spec.clone()).await.unwrap();
        let line = "kill -9 1; kill -STOP 1; cat /proc/1/environ; ls -l /proc/1/fd; cat /proc/1/maps; head -c1 /proc/1/mem; readlink /proc/1/exe /proc/1/root; \
            ls -l /proc/self/fd; true";
        let output = sh(&*sandbox, &format!("({line}) 2>&1")).await.text;
        assert!(!output.contains("socket:") && !output.contains("ekiden: zygote"), "{output}");
        assert!(output.contains("denied"), "{output}");
        let again = sh(&*sandbox, "echo alive").await.text;
        assert_eq!(again, "alive\n");
        sandbox.destroy(false).await.unwrap();
    }
}

async fn views_are_private_copies(machine: Arc<Machine>) {
    let dir = tempfile::Builder::new().prefix("ekiden-it-").tempdir().unwrap();
    let (top, part) = (dir.path().join("top"), dir.path().join("part"));
    for path in [top.join("a/b"), top.join("a/hidden"), part.clone()] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(top.join("a/b/f"), "host").unwrap();
    std::fs::write(top.join("a/hidden/g"), "hidden").unwrap();
    std::fs::write(top.join("secret"), "hidden").unwrap();
    std::fs::write(part.join("p"), "part").unwrap();
    let mut spec = machine.spec();
    spec.views = vec![View {
        name: "v".to_owned(),
        parts: vec![
            ViewPart { host: top.clone(), at: path("") },
            ViewPart { host: part.clone(), at: path("sub/part") },
        ],
        files: vec![ViewFile { at: path(".git/config"), content: b"config".to_vec() }],
        hidden: vec![path("a/hidden"), path("secret"), path("none")],
    }];
    let sandbox = machine.prepare(spec).await.unwrap();
    let workspace = sandbox.layout().workspace.clone();
    assert!(sandbox.place("w", &workspace).await.is_err());
    sandbox.place("v", &workspace).await.unwrap();
    assert!(sandbox.place("v", &workspace.join("again")).await.is_err(), "a view is placed once");
    let look =
        sh(&*sandbox, "find . -type f | sort | xargs cat; stat -c %U . a a/b/f .git/config sub/part/p").await.text;
    assert_eq!(look, "confighostpartrunner\nrunner\nrunner\nrunner\nrunner\n");
    let change = sh(&*sandbox, "rm -r a sub/part/p && echo new > secret && mkdir a && echo x > a/x && ls -A a && git init -q . && git status --short | wc -l 2>&1").await;
    assert_eq!(change.ended.end, sandbox::ExecEnd::Exited(0), "{}", change.text);
    assert_eq!(sandbox.hash(&["a/x".to_owned()]).await.unwrap().len(), 64);
    sandbox.destroy(false).await.unwrap();
    assert_eq!(std::fs::read_to_string(top.join("a/b/f")).unwrap(), "host");
    assert_eq!(std::fs::read_to_string(top.join("secret")).unwrap(), "hidden");
    assert!(part.join("p").exists() && !top.join(".git").exists() && !top.join("sub").exists());
}

async fn exposed_trees_are_read_only(machine: Arc<Machine>) {
    let dir = tempfile::Builder::new().prefix("ekiden-it-").tempdir().unwrap();
    let tool = dir.path().join("bin/tool");
    std::fs::create_dir(dir.path().join("bin")).unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(&tool, "#!/bin/sh\necho tool\n").unwrap();
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut spec = machine.spec();
    spec.expose = vec![dir.path().to_owned()];
    spec.path = vec![dir.path().join("bin")];
    let sandbox = machine.prepare(spec).await.unwrap();
    assert_eq!(sh(&*sandbox, "tool").await.text, "tool\n");
    let write =
        sh(&*sandbox, &format!("echo x > {0}/bin/new; rm {0}/bin/tool; chmod 777 {0}; echo $?", dir.path().display()))
            .await
            .text;
    assert!(write.ends_with("1\n") && tool.exists() && !dir.path().join("bin/new").exists(), "{write}");
    sandbox.destroy(false).await.unwrap();
}

async fn a_bound_workspace_is_changed_for_real(machine: Arc<Machine>) {
    let dir = tempfile::Builder::new().prefix("ekiden-it-").tempdir().unwrap();
    let before = std::fs::metadata(dir.path()).unwrap();
    let mut spec = machine.spec();
    spec.workspace = Workspace::Bind(dir.path().to_owned());
    let sandbox = machine.prepare(spec).await.unwrap();
    let output = sh(&*sandbox, "echo made > file; stat -c %U . file").await.text;
    assert_eq!(output, "runner\nrunner\n");
    sandbox.destroy(false).await.unwrap();
    let after = std::fs::metadata(dir.path().join("file")).unwrap();
    assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
    assert_eq!(std::fs::read_to_string(dir.path().join("file")).unwrap(), "made\n");
}

async fn the_root_profile_is_root_inside(machine: Arc<Machine>) {
    let mut spec = machine.spec();
    spec.profile = Profile::Root;
    let sandbox = machine.prepare(spec).await.unwrap();
    let output = sh(&*sandbox, "id -u; echo $HOME; touch /etc/mark && rm /etc/passwd- 2>/dev/null; sudo -E id -un; sudo -n -H -- sh -c 'echo $HOME'").await.text;
    assert_eq!(output, "0\n/root\nroot\n/root\n");
    for line in
        ["mount -t tmpfs x /mnt", "mknod /tmp/sda b 8 0", "echo 1 > /proc/sys/vm/drop_caches", "unshare -m true"]
    {
        let output = sh(&*sandbox, &format!("{line} 2>&1")).await;
        assert_ne!(output.ended.end, sandbox::ExecEnd::Exited(0), "{line}: {}", output.text);
    }
    sandbox.destroy(false).await.unwrap();
    assert!(!path("/etc/mark").exists());
}

async fn the_host_is_not_told_apart(machine: Arc<Machine>) {
    let sandbox = machine.prepare(machine.spec()).await.unwrap();
    let groups = sh(&*sandbox, "cut -d: -f3- /proc/self/cgroup | sort -u").await.text;
    assert_eq!(groups, "/\n", "the job's own group is the root of what it sees");
    let size = sh(&*sandbox, "df --output=size -B1 /dev/shm | tail -1").await.text;
    assert_eq!(size.trim(), "536870912", "files in memory are bounded by the job's memory");
    let own = std::fs::read_to_string("/etc/machine-id").unwrap_or_default();
    let seen = sh(&*sandbox, "cat /etc/machine-id /var/lib/dbus/machine-id 2>/dev/null").await.text;
    assert!(seen.len() == 33 && (own.trim().is_empty() || !seen.contains(own.trim())), "{seen}");
    let tools =
        sh(&*sandbox, "ls -A /opt/hostedtoolcache; echo x > /opt/hostedtoolcache/x && echo writable").await.text;
    assert_eq!(tools, "writable\n");
    sandbox.destroy(false).await.unwrap();
}

async fn networks(machine: Arc<Machine>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let probe = format!("(exec 3<>/dev/tcp/127.0.0.1/{port}) 2>/dev/null && echo reached || echo refused");
    let mut spec = machine.spec();
    for (network, expected) in [
        (Network::Outbound { allow: Vec::new() }, "refused"),
        (Network::Outbound { allow: vec![format!("127.0.0.1:{port}")] }, "reached"),
        (Network::None, "refused"),
        (Network::Host, "reached"),
    ] {
        spec.name = format!("{}z", spec.name);
        spec.network = network;
        let sandbox = machine.prepare(spec.clone()).await.unwrap();
        let output = sh(&*sandbox, &format!("bash -c '{}'", probe.replace('\'', "'\\''"))).await.text;
        assert_eq!(output.trim(), expected, "{:?}", spec.network);
        sandbox.destroy(false).await.unwrap();
    }
}
