//! `ekiden root`: root directories for `exec --root`. A file system's owners are many, so an ordinary user's lies in the range of ids
//! that belongs to them.

use crate::args::{RootCommand, RootRemoveArgs, RootUnpackArgs};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::note;

/// Runs one of its verbs.
pub(crate) fn run(command: &RootCommand) -> Result<Exit, Failure> {
    match command {
        RootCommand::Unpack(args) => unpack(args),
        RootCommand::Remove(args) => remove(args),
    }
}

fn unpack(RootUnpackArgs { archive, directory }: &RootUnpackArgs) -> Result<Exit, Failure> {
    sandbox_local::unpack_root(archive, directory)
        .map_err(|error| Failure::platform("could not make the root directory").cause(&error))?;
    note(format!("run jobs on it: ekiden exec --profile root --root {}", directory.display()));
    Ok(Exit::Ok)
}

fn remove(args: &RootRemoveArgs) -> Result<Exit, Failure> {
    for directory in &args.directories {
        sandbox_local::remove_root(directory)
            .map_err(|error| Failure::platform("could not remove the root directory").cause(&error))?;
    }
    Ok(Exit::Ok)
}
