//! From a spec to a sandbox that stands: over a spare that was made ahead, or over an init of its own. Called by `Namespaces::prepare` and
//! by whoever enters a sandbox that was kept.

use super::link::{Link, error_of, io_error};
use super::spare::{Fit, Spare, Spares};
use super::{Namespaces, Shared, mask, sandbox, spec};
use crate::disk::Disk;
use ::sandbox::{Root, SandboxError, SandboxSpec};
use egress::Policy;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

impl Namespaces {
    /// Makes a sandbox, on a disk of its own or on one that was kept.
    pub(super) async fn prepare_over(
        &self,
        spec: SandboxSpec,
        kept: Option<Disk>,
    ) -> Result<sandbox::NamespaceSandbox, SandboxError> {
        let asked = Instant::now();
        let spares = self.spares.spares().clone();
        let begun = match self.shared.work(move |shared| shared.begin(spec, kept, &spares)).await?? {
            Start::Now(begun) => *begun,
            Start::Ahead(begun, spec) => match begun.finish(self.shared.clone(), asked).await {
                Ok(sandbox) => return Ok(sandbox),
                Err(_) => self.shared.work(move |shared| shared.begin_now(*spec, None)).await??,
            },
        };
        begun.finish(self.shared.clone(), asked).await
    }
}

/// A sandbox whose init is on its way.
struct Begun {
    spec: SandboxSpec,
    layout: ::sandbox::Layout,
    spare: Spare,
    policy: Option<Policy>,
}

/// How a sandbox was begun.
enum Start {
    /// Over a spare. It may have ended while it waited, at any moment: that is no trouble of the job, which gets another one.
    Ahead(Box<Begun>, Box<SandboxSpec>),
    /// With an init of its own.
    Now(Box<Begun>),
}

/// What a spec comes to.
struct Wanted {
    layout: ::sandbox::Layout,
    fit: Fit,
    policy: Option<Policy>,
}

impl Shared {
    fn begin(
        self: &Arc<Self>,
        spec: SandboxSpec,
        kept: Option<Disk>,
        spares: &Arc<Spares>,
    ) -> Result<Start, SandboxError> {
        if kept.is_none() {
            let wanted = self.wanted(&spec)?;
            let built = spares.take(self, &wanted.fit).map(|spare| self.build(spec.clone(), wanted, spare));
            if let Some(Ok(begun)) = built {
                return Ok(Start::Ahead(Box::new(begun), Box::new(spec)));
            }
        }
        self.begin_now(spec, kept).map(|begun| Start::Now(Box::new(begun)))
    }

    fn begin_now(self: &Arc<Self>, spec: SandboxSpec, kept: Option<Disk>) -> Result<Begun, SandboxError> {
        let wanted = self.wanted(&spec)?;
        let spare = Spare::make(self, &wanted.fit, kept)?;
        self.build(spec, wanted, spare)
    }

    fn wanted(&self, spec: &SandboxSpec) -> Result<Wanted, SandboxError> {
        check(spec)?;
        let mut layout = spec::places(spec).map_err(error_of)?;
        let on_host_root = spec.root == Root::Host;
        layout.path = self.environment.path_inside(&spec.path, &spec.expose);
        layout.env = self.environment.variables(&spec.expose, on_host_root);
        let root = if let Root::Dir(root) = &spec.root { root } else { Path::new("/") };
        // As after a login; where it lacks, every bash looks first who its user is.
        layout.env.push(("SHELL".to_owned(), mask::shell(root).to_owned()));
        let (fit, policy) = self.fit(&spec.expected(), &layout.env)?;
        Ok(Wanted { layout, fit, policy })
    }

    fn build(&self, spec: SandboxSpec, wanted: Wanted, spare: Spare) -> Result<Begun, SandboxError> {
        let Wanted { layout, policy, .. } = wanted;
        let assembled = spec::assemble(&spec, &layout, self.caller, spare.sources).map_err(error_of)?;
        spare.build(assembled)?;
        Ok(Begun { spec, layout, spare, policy })
    }
}

impl Begun {
    async fn finish(self, shared: Arc<Shared>, asked: Instant) -> Result<sandbox::NamespaceSandbox, SandboxError> {
        let Spare { held, socket, ids, .. } = self.spare;
        let (link, mut ready) = Link::open(socket).await?;
        let start = asked.elapsed();
        let relay = match self.policy {
            Some(policy) => relay(std::mem::take(&mut ready.sockets), policy)?,
            None => None,
        };
        sandbox::NamespaceSandbox::new(sandbox::Parts {
            shared,
            spec: self.spec,
            layout: self.layout,
            ids,
            held,
            link,
            ready,
            relay,
            start,
        })
    }
}

/// Serves the sandbox's sockets, in the order in which the init sends them.
fn relay(sockets: Vec<OwnedFd>, policy: Policy) -> Result<Option<egress::Handle>, SandboxError> {
    let mut sockets = sockets.into_iter();
    let (Some(tcp4), Some(udp4)) = (sockets.next(), sockets.next()) else { return Ok(None) };
    let sockets = egress::Sockets { tcp4, udp4, tcp6: sockets.next(), udp6: sockets.next() };
    egress::serve(sockets, policy).map(Some).map_err(|error| io_error("serve the sandbox's network", error))
}

fn check(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let sane = |name: &str| {
        !name.is_empty() && name.len() < 100 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if !sane(&spec.name) {
        let text = format!("the sandbox name {:?} must hold only letters, digits and -", spec.name);
        return Err(SandboxError::Invalid(text));
    }
    let relative = spec.expose.iter().chain(spec.mounts.iter().flat_map(|mount| [&mount.host, &mount.inside]));
    if let Some(path) = relative.into_iter().find(|path| !path.is_absolute()) {
        return Err(SandboxError::Invalid(format!("the path {} must be absolute", path.display())));
    }
    Ok(())
}
