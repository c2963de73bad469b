//! `ekiden up`: its flags, and what one can do next.

use super::{ReachArgs, RuleArgs};
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// What `up --help` ends with.
pub(crate) const NEXT: &str = "\
While it runs, in another terminal (commands find it by themselves):
   1. commit something: its workflows run by themselves
   2. what ran:                   ekiden run list
   3. follow a run:               ekiden run watch RUN
   4. the log of a job:           ekiden job log JOB
   5. why a job waits:            ekiden job why JOB
   6. run what failed again:      ekiden run rerun RUN --failed
   7. start a workflow by hand:   ekiden run dispatch OWNER/NAME ci.yml --watch
   8. give jobs a secret:         printf %s \"$KEY\" | ekiden secret set KEY --scope OWNER/NAME
   9. add another repository:     ekiden project add OWNER/NAME --git PATH-OR-URL
  10. add another machine:        start this with --url https://ci.example.org --behind-proxy, where a proxy ends TLS;
                                  then ekiden runner token, and there: ekiden agent register, ekiden agent start
Ctrl-C lets running jobs end and stops; the next `up` goes on where this one was.";

/// `ekiden up`.
#[derive(Debug, Args)]
#[command(after_help = NEXT)]
pub(crate) struct UpArgs {
    /// The checkout whose workflows run: its folder or one below.
    #[arg(value_name = "PATH", default_value = ".", value_hint = ValueHint::DirPath)]
    pub(crate) path: PathBuf,
    /// The folder of everything that is remembered [default: ekiden/up in the user's state folder].
    #[arg(long, value_name = "DIR", env = "EKIDEN_UP_DATA", value_hint = ValueHint::DirPath)]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) reach: ReachArgs,
    #[command(flatten)]
    pub(crate) rules: RuleArgs,
    /// Jobs at once [default: the number of processors].
    #[arg(long, value_name = "N", env = "EKIDEN_UP_CAPACITY", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) capacity: Option<u32>,
    /// End when the runs of the newest commit have; exit code 1 when one failed, 5 when there are none.
    #[arg(long)]
    pub(crate) once: bool,
}
