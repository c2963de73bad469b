//! What the kernel offers.

use super::{Check, Machine, Verdict};

/// Idmapped mounts of overlays came in 6.6 for every file system that matters; older kernels copy instead.
const GOOD_KERNEL: (u32, u32) = (5, 12);

pub(super) fn version(machine: &Machine) -> Check {
    let release = machine.read("proc/sys/kernel/osrelease");
    let mut numbers = release.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version >= GOOD_KERNEL {
        Check::ok("kernel", format!("Linux {release}"))
    } else {
        Check::lack("kernel", Verdict::Failure, format!("Linux {release}"))
            .without("5.12 or newer is needed: overlays in user namespaces, cgroup.kill, seccomp notifications")
            .fix("install a newer kernel: apt-get install linux-image-amd64")
    }
}

pub(super) fn user_namespaces(machine: &Machine) -> Check {
    const NAME: &str = "user namespaces";
    let most = machine.read("proc/sys/user/max_user_namespaces");
    let without = "jobs cannot be isolated";
    if !machine.exists("proc/self/ns/user") {
        return Check::lack(NAME, Verdict::Failure, "the kernel is built without them").without(without);
    }
    if most == "0" {
        return Check::lack(NAME, Verdict::Failure, "user.max_user_namespaces is 0")
            .without(without)
            .fix("sysctl -w user.max_user_namespaces=15000");
    }
    if !machine.is_root() {
        for (file, bad, fix) in [
            ("proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
            (
                "proc/sys/kernel/apparmor_restrict_unprivileged_userns",
                "1",
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,` for ekiden",
            ),
        ] {
            if machine.read(file) == bad {
                let fact = format!("{} is {bad}", file.trim_start_matches("proc/sys/").replace('/', "."));
                return Check::lack(NAME, Verdict::Failure, fact).without(without).fix(format!("sudo {fix}"));
            }
        }
    }
    Check::ok(NAME, format!("at most {most}"))
}

fn file_system(machine: &Machine, name: &str) -> bool {
    machine.read("proc/filesystems").lines().any(|line| line.split_whitespace().last() == Some(name))
}

pub(super) fn overlay(machine: &Machine) -> Check {
    if file_system(machine, "overlay") {
        Check::ok("overlay", "known to the kernel")
    } else {
        Check::lack("overlay", Verdict::Failure, "/proc/filesystems does not list overlay")
            .without("the throw-away layer over the root cannot be made")
            .fix("sudo modprobe overlay; echo overlay | sudo tee /etc/modules-load.d/overlay.conf")
    }
}

pub(super) fn seccomp(machine: &Machine) -> Check {
    let actions = machine.read("proc/sys/kernel/seccomp/actions_avail");
    if actions.contains("errno") {
        Check::ok("seccomp", format!("actions: {actions}"))
    } else {
        Check::lack("seccomp", Verdict::Failure, "the kernel has no seccomp filters")
            .without("the hardened profile cannot be enforced")
            .fix("boot a kernel with CONFIG_SECCOMP_FILTER=y")
    }
}

pub(super) fn landlock(machine: &Machine) -> Check {
    let modules = machine.read("sys/kernel/security/lsm");
    if modules.is_empty() {
        let fact = "securityfs is not mounted, so the list of security modules cannot be read; the sandbox below tells";
        return Check::ok("landlock", fact);
    }
    if modules.split(',').any(|module| module == "landlock") {
        Check::ok("landlock", format!("security modules: {modules}"))
    } else {
        Check::lack("landlock", Verdict::Warning, format!("security modules: {modules}"))
            .without("one layer less around a job's files")
            .fix("add landlock to the kernel's command line: lsm=landlock,…")
    }
}

pub(super) fn control_groups(machine: &Machine) -> Check {
    const NAME: &str = "control groups";
    let own = machine.read("proc/self/cgroup");
    let unified = machine.read("sys/fs/cgroup/cgroup.controllers");
    if unified.is_empty() {
        let table = machine.read("proc/cgroups");
        let on: Vec<&str> = table
            .lines()
            .filter(|line| line.ends_with("\t1"))
            .filter_map(|line| line.split('\t').next())
            .filter(|name| {
                ["memory", "pids", "cpu", "freezer"].contains(name) && machine.exists(&format!("sys/fs/cgroup/{name}"))
            })
            .collect();
        return match (on.len(), machine.is_root()) {
            (4, true) => Check::ok(NAME, "version 1: memory, pids, cpu, freezer"),
            (_, true) => Check::lack(NAME, Verdict::Warning, format!("version 1: only {}", on.join(", ")))
                .without("limits of the absent controllers are not enforced")
                .fix("boot with systemd.unified_cgroup_hierarchy=1"),
            (_, false) => Check::lack(NAME, Verdict::Warning, "version 1, which only root may use")
                .without("limits on memory and processes are watched for an ordinary user, not enforced by the kernel")
                .fix("the lines that 'as root, once' names below; or boot with systemd.unified_cgroup_hierarchy=1"),
        };
    }
    let path = own.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").trim_start_matches('/');
    let mine = machine.read(&format!("sys/fs/cgroup/{path}/cgroup.controllers"));
    let controllers = if machine.is_root() { unified } else { mine };
    let absent: Vec<&str> = ["memory", "pids", "cpu"]
        .into_iter()
        .filter(|name| !controllers.split_whitespace().any(|controller| controller == *name))
        .collect();
    if absent.is_empty() {
        Check::ok(NAME, format!("version 2: {controllers}"))
    } else {
        Check::lack(NAME, Verdict::Warning, format!("version 2, but not delegated here: {}", absent.join(", ")))
            .without("those limits are not enforced")
            .fix("run it as: systemd-run --user --scope -p Delegate=yes ekiden exec …")
    }
}

pub(super) fn firewall(machine: &Machine) -> Check {
    const NAME: &str = "nftables";
    if machine.exists("proc/net/netfilter") || machine.exists("proc/sys/net/netfilter") {
        Check::ok(NAME, "netfilter is in the kernel")
    } else {
        Check::lack(NAME, Verdict::Warning, "netfilter is not loaded")
            .without("--network outbound cannot be made; --network none works")
            .fix("sudo modprobe nf_tables nft_redir nft_chain_nat")
    }
}

pub(super) fn loop_images(machine: &Machine) -> Check {
    const NAME: &str = "disk limit";
    let devices = machine.exists("dev/loop-control");
    let maker = machine.program("mkfs.ext4");
    match (machine.is_root(), devices, maker) {
        (true, true, Some(_)) => Check::ok(NAME, "loop images of ext4"),
        (true, true, None) => Check::lack(NAME, Verdict::Warning, "mkfs.ext4 is not installed")
            .without("the disk limit is watched, not enforced by the kernel")
            .fix("apt-get install e2fsprogs"),
        (true, false, _) => Check::lack(NAME, Verdict::Warning, "/dev/loop-control is absent")
            .without("the disk limit is watched, not enforced by the kernel")
            .fix("modprobe loop"),
        (false, _, _) => Check::ok(NAME, "watched: an ordinary user cannot mount loop images"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Machine, Verdict};

    fn machine(files: &[(&str, &str)], uid: u32) -> (tempfile::TempDir, Machine) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let machine = Machine { root: root.path().to_owned(), uid, user: "me".into(), path: Vec::new() };
        (root, machine)
    }

    #[test]
    fn an_old_kernel_and_switched_off_namespaces_fail_with_a_fix() {
        let (_root, m) = machine(&[("proc/sys/kernel/osrelease", "4.19.0-amd64\n")], 1000);
        assert_eq!(super::version(&m).verdict, Verdict::Failure);
        let files = [
            ("proc/self/ns/user", ""),
            ("proc/sys/user/max_user_namespaces", "15000"),
            ("proc/sys/kernel/unprivileged_userns_clone", "0\n"),
        ];
        let (_root, m) = machine(&files, 1000);
        let check = super::user_namespaces(&m);
        assert_eq!(check.fix.as_deref(), Some("sudo sysctl -w kernel.unprivileged_userns_clone=1"));
        let (_root, m) = machine(&files, 0);
        assert_eq!(super::user_namespaces(&m).verdict, Verdict::Ok);
    }

    #[test]
    fn a_user_without_delegated_controllers_is_told_how_to_get_them() {
        let files = [
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory pids"),
            ("proc/self/cgroup", "0::/user.slice"),
            ("sys/fs/cgroup/user.slice/cgroup.controllers", "pids"),
        ];
        let (_root, m) = machine(&files, 1000);
        let check = super::control_groups(&m);
        assert_eq!(check.fact, "version 2, but not delegated here: memory, cpu");
        assert!(check.fix.unwrap().contains("Delegate=yes"));
        let (_root, m) = machine(&files, 0);
        assert_eq!(super::control_groups(&m).verdict, Verdict::Ok);
    }
}
