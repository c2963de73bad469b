//! `ekiden agent job`: the process of one job. The agent starts it and speaks to it on stdin.

use crate::exit::Exit;
use crate::failure::Failure;
use agent::job::child::{self, MakeBackend, ServeError, Where};
use sandbox::Backend;
use sandbox_local::{Host, HostVariables, Namespaces, Options, Ready, Zygote, ZygoteError};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::sync::Arc;

/// Runs the job that comes on stdin. `ready`: what the process was born with.
pub(crate) fn run(zygote: Option<Result<Zygote, ZygoteError>>, ready: Option<Ready>) -> Result<Exit, Failure> {
    let (mut zygote, mut ready) = (zygote, ready);
    let make: MakeBackend = Box::new(move |place, state| backend(place, state, (&mut zygote, &mut ready)));
    let of_its_own = |stdio: BorrowedFd<'_>| stdio.try_clone_to_owned();
    let (input, output) = (of_its_own(std::io::stdin().as_fd()), of_its_own(std::io::stdout().as_fd()));
    let (Ok(input), Ok(output)) = (input, output) else {
        return Err(Failure::platform("the job's process has no room for its pipes"));
    };
    match child::serve(input, output, make) {
        Ok(()) => Ok(Exit::Ok),
        Err(error @ (ServeError::NoOrder(_) | ServeError::NotAnOrder(_) | ServeError::CancelledFirst)) => {
            Err(Failure::usage(error.to_string()))
        }
        Err(error) => Err(Failure::platform("the job's process ended early").cause(&error)),
    }
}

/// The backend of this machine.
fn backend(
    place: Where,
    state: &Path,
    (zygote, ready): (&mut Option<Result<Zygote, ZygoteError>>, &mut Option<Ready>),
) -> Result<Arc<dyn Backend>, String> {
    let text = |error: &dyn std::error::Error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("this machine could not get ready to run the job: {error}{cause}; `ekiden doctor` says what is missing")
    };
    let variables = HostVariables::Listed;
    match place {
        Where::Host => Ok(Arc::new(Host::new(state, variables).map_err(|error| text(&error))?)),
        Where::Sandbox => {
            let zygote = zygote.take().ok_or_else(|| "the process that makes sandboxes was not started".to_owned())?;
            let zygote = zygote.map_err(|error| text(&error))?;
            let options = Options { state: state.to_owned(), variables };
            Ok(Arc::new(Namespaces::with(zygote, &options, ready.take()).map_err(|error| text(&error))?))
        }
    }
}
