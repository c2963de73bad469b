//! The forge's own authority for the programs of a job: a bundle of the machine's certificates and those of `ca_file`, shown to the job, and
//! the variables by which programs find it. Made anew whenever one of the two changed.

use super::super::JobOrder;
use super::place::Where;
use sandbox::Mount;
use std::io;
use std::path::{Path, PathBuf};

/// Where the folder lies inside a sandbox.
const INSIDE: &str = "/opt/certificates";
/// The bundle in it.
const BUNDLE: &str = "bundle.pem";
/// What programs read instead of the machine's bundle.
const VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "CARGO_HTTP_CAINFO",
    "NODE_EXTRA_CA_CERTS",
];
/// Where distributions keep their bundle.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What a job gets of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Certificates {
    /// On the machine.
    pub(super) bundle: Option<PathBuf>,
    pub(super) mount: Option<Mount>,
    pub(super) environment: Vec<(String, String)>,
}

/// For the job of an order; nothing where no authority is configured.
pub(super) fn of(order: &JobOrder, place: Where) -> Result<Certificates, String> {
    let Some(ca) = &order.settings.trust.ca else { return Ok(Certificates::default()) };
    let folder = order.settings.data.join("certificates");
    write(&folder, ca)
        .map_err(|error| format!("could not show the job the certificates of {}: {error}", ca.display()))?;
    let on_machine = folder.join(BUNDLE);
    let (mount, shown) = match place {
        Where::Sandbox => (Some(Mount { host: folder, inside: PathBuf::from(INSIDE) }), PathBuf::from(INSIDE)),
        Where::Host => (None, folder),
    };
    let bundle = shown.join(BUNDLE).to_string_lossy().into_owned();
    let environment = VARIABLES.iter().map(|name| ((*name).to_owned(), bundle.clone())).collect();
    Ok(Certificates { bundle: Some(on_machine), mount, environment })
}

fn write(folder: &Path, ca: &Path) -> io::Result<()> {
    // What the machine's owner gave the agent stands for the machine's.
    let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let machine = given.iter().map(PathBuf::as_path).chain(BUNDLES.iter().map(Path::new)).find(|path| path.is_file());
    let mut bundle = machine.map(fs_err::read).transpose()?.unwrap_or_default();
    if bundle.last().is_some_and(|last| *last != b'\n') {
        bundle.push(b'\n');
    }
    bundle.extend(fs_err::read(ca)?);
    let path = folder.join(BUNDLE);
    if fs_err::read(&path).is_ok_and(|known| known == bundle) {
        return Ok(());
    }
    fs_err::create_dir_all(folder)?;
    // Other jobs may read it, or be at the same.
    let mut file = tempfile::Builder::new().prefix(".bundle").tempfile_in(folder)?;
    io::Write::write_all(&mut file, &bundle)?;
    fs_err::set_permissions(file.path(), std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.persist(&path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BUNDLE, write};

    #[test]
    fn the_bundle_holds_the_machines_certificates_and_the_given_ones_and_follows_a_change() {
        let top = tempfile::tempdir().unwrap();
        let (folder, ca) = (top.path().join("certificates"), top.path().join("ca.pem"));
        for text in ["first authority\n", "second authority\n"] {
            std::fs::write(&ca, text).unwrap();
            write(&folder, &ca).unwrap();
            let bundle = std::fs::read_to_string(folder.join(BUNDLE)).unwrap();
            assert!(bundle.ends_with(&format!("\n{text}")) || bundle == text, "{bundle}");
        }
        assert!(write(&folder, &top.path().join("absent")).is_err());
    }
}
