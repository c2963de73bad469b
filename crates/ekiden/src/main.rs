//! The `ekiden` binary: the composition root. It reads the command line, hands it to one command and turns its end into an exit
//! code; no domain logic lies here.

mod args;
mod commands;
mod config;
mod doctor;
mod excerpt;
mod exec;
mod exit;
mod failure;
mod hidden;
mod lint;
mod planning;
mod style;
mod text;
mod view;
mod workflows;

use args::{Cli, Command};
use exit::Exit;
use failure::Failure;
use std::process::ExitCode;

/// Of the memory that ten thousand waiting runners take, the C library's allocator held a fifth for nobody.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // First of all, before any thread and before anything secret is read: jobs' processes and sandboxes are forked from this process. The
    // zygote itself comes here too, with no argument, and does not go on.
    if std::env::args_os().skip(1).eq(commands::agent::FORK_SERVER) {
        return ended(commands::agent::serve_forks());
    }
    let makes_sandboxes =
        |argument: std::ffi::OsString| argument == "exec" || argument == "doctor" || argument == "enter";
    let is_job = std::env::args_os().skip(1).take(2).eq(["agent", "job"]);
    let wanted = std::env::args_os().len() < 2 || is_job || std::env::args_os().skip(1).any(makes_sandboxes);
    let zygote = wanted.then(sandbox_local::Zygote::start);
    let cli = match Cli::read() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are data on stdout, exit 0; the rest is talk on stderr, exit 2. A closed pipe is nobody's fault.
            let _closed = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage.code()));
        }
    };
    style::choose(cli.global.color);
    ended(dispatch(cli.command, zygote))
}

fn ended(outcome: Result<Exit, Failure>) -> ExitCode {
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            style::report(&failure);
            failure.exit.into()
        }
    }
}

fn dispatch(
    command: Command,
    zygote: Option<Result<sandbox_local::Zygote, sandbox_local::ZygoteError>>,
) -> Result<Exit, Failure> {
    match command {
        Command::Agent(command) => commands::agent::run(&command, zygote),
        Command::Up(args) => commands::up::run(&args),
        Command::Server(args) => commands::server::run(&args),
        Command::Project(command) => commands::client::project(&command),
        Command::Run(command) => commands::client::run(&command),
        Command::Job(command) => commands::client::job(&command),
        Command::Runner(command) => commands::client::runner(&command),
        Command::Secret(command) => commands::client::secret(&command),
        Command::Var(command) => commands::client::var(&command),
        Command::Token(command) => commands::client::token(&command),
        Command::Audit(command) => commands::client::audit(&command),
        Command::Top(args) => commands::top::run(&args),
        Command::Completion(args) => commands::completion::run(&args),
        Command::Lint(args) => commands::lint::run(&args),
        Command::Action(command) => commands::action::run(&command),
        Command::Doctor(args) => commands::doctor::run(&args, zygote),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Sandbox(command) => commands::sandbox::run(&command, zygote),
        Command::Root(command) => commands::root::run(&command),
        Command::Whoami(args) => commands::whoami::run(&args),
        Command::Exec(args) => {
            let zygote = zygote
                .transpose()
                .map_err(|error| Failure::platform("could not start the process that makes sandboxes").cause(&error))?;
            commands::exec::run(&args, zygote)
        }
    }
}
