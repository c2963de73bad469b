//! What people read of a [`Reason`]: one sentence, and what helps. Used by whoever shows a job that waits.

use crate::hint::Nearest;
use crate::reason::{CapacityLimit, ForgeWait, IdleWait, PermitWait, Reason};

impl Reason {
    /// What helps; `None` where only waiting does.
    #[must_use]
    pub fn fix(&self) -> Option<String> {
        Some(match self {
            Self::Dependency(_)
            | Self::Provisioning(_)
            | Self::NoIdleRunner(IdleWait::Free { .. } | IdleWait::Fleet) => return None,
            Self::WebhookMissing(ForgeWait::Missing(_)) => {
                "look at the hook's deliveries on the forge, and send them again".to_owned()
            }
            Self::WebhookMissing(ForgeWait::Paused(_)) => "resume the project".to_owned(),
            Self::Approval(_) => "approve the run, if you may".to_owned(),
            Self::ConcurrencyGroup { member, .. } => format!("wait for {member}, or cancel it"),
            Self::CredentialInvalid(_) => "give the project a credential that opens its forge".to_owned(),
            Self::NoMatchingLabel { nearest: Some(Nearest { slip: Some((wrote, meant)), .. }), .. } => {
                format!("write `{meant}` for `{wrote}` in `runs-on`")
            }
            Self::NoMatchingLabel { labels, .. } if labels.is_empty() => {
                "name at least one label in `runs-on`".to_owned()
            }
            Self::NoMatchingLabel { .. } => "change `runs-on`, or register a runner with these labels".to_owned(),
            Self::NoPool(PermitWait::NotListed(pool)) => format!("ask who runs pool {pool} to list this project"),
            Self::NoPool(PermitWait::Foreign) => {
                "register a runner for this repository, its owner or the instance".to_owned()
            }
            Self::NoPool(PermitWait::NoSuchPool) => "make the pool, or register the runners without it".to_owned(),
            Self::PoolDisabled(_) => "enable a pool or a runner with these labels".to_owned(),
            Self::QuotaTeam { owner, .. } => format!("end jobs of {owner}, or raise its limit"),
            Self::CapacityMax(CapacityLimit::Runners { .. }) => {
                "add a runner with these labels, or give one more capacity".to_owned()
            }
            Self::CapacityMax(CapacityLimit::Pool { pool, .. }) => format!("raise the limit of pool {pool}"),
            Self::ProvisionFailed(_) => "look at what the fleet says, and mend that".to_owned(),
            Self::NoIdleRunner(IdleWait::Offline { .. }) => "start an agent with these labels".to_owned(),
        })
    }
}

/// One sentence for people.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WebhookMissing(ForgeWait::Missing(seen)) => write!(f, "the forge's webhook does not come: {seen}"),
            Self::WebhookMissing(ForgeWait::Paused(who)) => write!(f, "the forge is paused: {who}"),
            // Whoever holds it back says it whole: `workflow::run`.
            Self::Dependency(on) => f.write_str(on),
            Self::Approval(why) => write!(f, "waits for approval: {why}"),
            Self::ConcurrencyGroup { group, member } => write!(f, "concurrency group {group} belongs to {member}"),
            Self::CredentialInvalid(seen) => write!(f, "the project's credential does not open its forge: {seen}"),
            Self::NoMatchingLabel { labels, .. } if labels.is_empty() => {
                f.write_str("`runs-on` is empty; no runner takes that")
            }
            Self::NoMatchingLabel { labels, nearest } => {
                write!(f, "asks for {labels}; no runner has them all")?;
                let Some(nearest) = nearest else { return Ok(()) };
                let lacks: Vec<String> = nearest.missing.iter().map(|label| format!("`{label}`")).collect();
                write!(f, "; nearest is {} with {}, which lacks {}", nearest.name, nearest.labels, lacks.join(", "))
            }
            Self::NoPool(PermitWait::NotListed(pool)) => {
                write!(f, "pool {pool} has runners with these labels, and its list does not name this project")
            }
            Self::NoPool(PermitWait::Foreign) => {
                f.write_str("runners with these labels belong to other owners or repositories")
            }
            Self::NoPool(PermitWait::NoSuchPool) => {
                f.write_str("the runners with these labels name a pool that does not exist")
            }
            Self::PoolDisabled(who) => write!(f, "all runners with these labels are shut: {who}"),
            Self::QuotaTeam { owner, running, max } => write!(f, "{owner} uses {running} of {max} places"),
            Self::CapacityMax(CapacityLimit::Runners { busy, places }) => {
                write!(f, "{busy} of {places} places are busy")
            }
            Self::CapacityMax(CapacityLimit::Pool { pool, running }) => {
                write!(f, "pool {pool} runs {running} jobs, as many as it may")
            }
            Self::Provisioning(phase) => write!(f, "a runner is being made: {phase}"),
            Self::ProvisionFailed(seen) => write!(f, "no runner could be made: {seen}"),
            Self::NoIdleRunner(IdleWait::Free { .. }) => f.write_str("a runner is free and will take it when it asks"),
            Self::NoIdleRunner(IdleWait::Offline { runners: 1 }) => {
                f.write_str("the one runner with these labels is offline")
            }
            Self::NoIdleRunner(IdleWait::Offline { runners }) => {
                write!(f, "all {runners} runners with these labels are offline")
            }
            Self::NoIdleRunner(IdleWait::Fleet) => {
                f.write_str("the fleet was not heard of yet; it makes a runner when it sees the job")
            }
        }
    }
}
