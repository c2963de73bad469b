//! What a job wants before it is known: guessed by the agent from the job before ([`of`]), made ready by a process that waits for its order
//! ([`Bench`]).

use super::super::payload::Outline;
use super::super::{Ahead, JobOrder};
use super::place::{self, MakeBackend, Where};
use super::tier::Cause;
use super::{contexts, request, services};
use sandbox::{Backend, Expected};
use std::path::Path;
use std::sync::Arc;

/// What the next job will probably want: what this one wants. `None` where this one cannot run at all.
pub(crate) fn of(order: &JobOrder, outline: &Outline) -> Option<Ahead> {
    let cause = Cause::of(&order.task.context);
    let services = services::of(order, contexts::token(&order.task).as_ref());
    let place = place::of(order, outline, &cause, &services.reached).ok()?;
    let expected = Expected {
        root: order.settings.root.clone(),
        repository_name: request::repository_name(order),
        profile: place.profile,
        network: place.network,
        limits: order.settings.limits.clone(),
    };
    Some(Ahead { place: place.backend, expected, state: order.settings.state.clone() })
}

/// Makes the backend, ahead of the order or when it is there.
pub(super) struct Bench {
    make: MakeBackend,
    ready: Option<(Where, Arc<dyn Backend>)>,
}

impl Bench {
    pub(super) fn new(make: MakeBackend) -> Self {
        Self { make, ready: None }
    }

    /// Makes ready what will probably be wanted. What fails here, the order that wants it will hear.
    pub(super) fn get_ready(&mut self, ahead: &Ahead) {
        if let Ok(backend) = (self.make)(ahead.place, &ahead.state) {
            backend.expect(&ahead.expected, 1);
            self.ready = Some((ahead.place, backend));
        }
    }

    /// The backend that an order wants.
    pub(super) fn backend(&mut self, place: Where, state: &Path) -> Result<Arc<dyn Backend>, String> {
        match self.ready.take() {
            Some((ready, backend)) if ready == place => Ok(backend),
            _ => (self.make)(place, state),
        }
    }
}
