//! `ekiden agent job`: the process of one job. The agent starts it and speaks to it on stdin.

use crate::exit::Exit;
use crate::failure::Failure;
use sandbox_local::{Zygote, ZygoteError};

/// Runs the job that comes on stdin.
pub(crate) fn run(zygote: Option<Result<Zygote, ZygoteError>>) -> Result<Exit, Failure> {
    let _zygote = zygote
        .transpose()
        .map_err(|error| Failure::platform("could not start the process that makes sandboxes").cause(&error))?;
    Err(Failure::platform("this build takes no jobs yet"))
}
