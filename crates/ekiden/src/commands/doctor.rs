//! `ekiden doctor`: what this machine can isolate, how its agent stands, and what to run to fix what is wrong.

use crate::args::{DoctorArgs, PlainFormat};
use crate::doctor::{self, Check, Machine, Verdict, checks, live};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::style::{Ink, Palette, data};
use sandbox_local::{Zygote, ZygoteError};
use std::fmt::Write as _;

/// Prints the checks; exit 1 when one of them failed.
pub(crate) fn run(args: &DoctorArgs, zygote: Option<Result<Zygote, ZygoteError>>) -> Result<Exit, Failure> {
    let mut checks = checks(&Machine::this());
    checks.extend(zygote.map(live).unwrap_or_default());
    match super::agent::for_doctor(args) {
        None => {}
        Some(Err(failure)) => checks.push(doctor::agent::from_failure("agent", &failure)),
        Some(Ok(settled)) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            checks.extend(runtime.block_on(doctor::agent::checks(&settled)));
        }
    }
    let text = match args.output {
        PlainFormat::Text => text(Palette::stdout(), &checks),
        PlainFormat::Json => {
            let json = serde_json::json!({ "checks": checks });
            serde_json::to_string_pretty(&json).map_err(|e| Failure::platform("could not write JSON").cause(&e))? + "\n"
        }
    };
    data(&text)?;
    Ok(if count(&checks, Verdict::Failure) > 0 { Exit::Failed } else { Exit::Ok })
}

fn count(checks: &[Check], verdict: Verdict) -> usize {
    checks.iter().filter(|check| check.verdict == verdict).count()
}

fn text(palette: Palette, checks: &[Check]) -> String {
    let mut out = String::new();
    for check in checks {
        let head = match check.verdict {
            Verdict::Ok => palette.paint(Ink::Good, " ok  "),
            Verdict::Warning => palette.paint(Ink::Warn, " warn"),
            Verdict::Failure => palette.paint(Ink::Bad, " FAIL"),
        };
        let _never = writeln!(out, "{head}  {:16} {}", check.name, check.fact);
        for (word, line) in [("but", &check.without), ("fix", &check.fix)] {
            if let Some(line) = line {
                let _never = writeln!(out, "       {:16} {word}  {line}", "");
            }
        }
    }
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (warnings, failures) = (count(checks, Verdict::Warning), count(checks, Verdict::Failure));
    let _never = writeln!(
        out,
        "{} ok, {warnings} warning{}, {failures} failure{}",
        count(checks, Verdict::Ok),
        plural(warnings),
        plural(failures)
    );
    out
}
