//! The labels of `runs-on` that this machine serves.

/// By itself: what GitHub calls its Ubuntu machines, what self-hosted runners are called by default, and what Forgejo's and
/// Gitea's runners answer to. Others (`windows-latest`, `gpu`, …) are somebody else's machines.
pub(crate) fn own() -> Vec<String> {
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
    let mut labels: Vec<String> = ["self-hosted", "linux", machine, "docker", "native"].map(str::to_owned).into();
    let releases = ["latest", "26.04", "24.04", "22.04", "20.04", "18.04", "slim"];
    for release in releases {
        let label = format!("ubuntu-{release}");
        if cfg!(target_arch = "aarch64") {
            labels.push(format!("{label}-arm"));
        }
        labels.push(label);
    }
    labels.extend(["debian-latest", "debian-12", "debian-13"].map(str::to_owned));
    labels
}
