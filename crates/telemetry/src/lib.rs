//! Logs of the program itself (not of jobs): `tracing` to stderr, chosen by `EKIDEN_LOG`; and [`metrics`].
//!
//! Called once by the binary, before anything else logs. Any crate but the pure ones may write `tracing` events.

pub mod metrics;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

/// The variable that chooses what is logged, in the syntax of `tracing_subscriber::EnvFilter`: `info`, `source=debug`, …
pub const LOG_VARIABLE: &str = "EKIDEN_LOG";

/// The text of [`LOG_VARIABLE`] is not a filter.
#[derive(Debug, thiserror::Error)]
#[error(
    "{LOG_VARIABLE}='{value}' is not a log filter; write a level (error, warn, info, debug, trace) or target=level pairs"
)]
pub struct InvalidFilter {
    value: String,
    #[source]
    source: tracing_subscriber::filter::ParseError,
}

/// Sends events that pass the filter to stderr. Without a filter nothing is installed, so that every `tracing` call ends in one
/// relaxed load. Calling it again changes nothing.
///
/// # Errors
/// When the filter does not parse.
pub fn init(filter: Option<&str>) -> Result<(), InvalidFilter> {
    let Some(text) = filter.map(str::trim).filter(|text| !text.is_empty()) else { return Ok(()) };
    let filter = EnvFilter::try_new(text).map_err(|source| InvalidFilter { value: text.to_owned(), source })?;
    let colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::io::IsTerminal::is_terminal(&std::io::stderr());
    // A second start in the same process (tests) keeps the first subscriber.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(colours)
        .with_span_events(FmtSpan::CLOSE)
        .try_init();
    Ok(())
}

/// [`init`] with the value of [`LOG_VARIABLE`].
///
/// # Errors
/// When the filter does not parse.
pub fn init_from_env() -> Result<(), InvalidFilter> {
    init(std::env::var(LOG_VARIABLE).ok().as_deref())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_wrong_filter_is_named() {
        let error = super::init(Some("source=loud")).unwrap_err();
        assert!(error.to_string().contains("EKIDEN_LOG='source=loud'"), "{error}");
        assert!(super::init(None).is_ok() && super::init(Some("source=debug")).is_ok());
    }
}
