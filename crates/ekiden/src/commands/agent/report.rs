//! What taking over another runner says: what is taken, what is different, what is not, each with its reason. Pure.

use agent::{ImportedSettings, KeyReport, Origin, Registration};
use std::fmt::Write as _;

/// For people, on stdout.
pub(super) fn text(registration: &Registration, settings: &ImportedSettings) -> String {
    let mut out = String::new();
    let whose = match settings.origin {
        Some(Origin::Gitea) => "Gitea's runner",
        Some(Origin::Forgejo) => "Forgejo's runner",
        None => "Gitea's or Forgejo's runner",
    };
    let _never = writeln!(out, "{} of {}, until now of {whose}", registration.name, registration.instance);
    let labels: Vec<String> = registration.labels.iter().map(ToString::to_string).collect();
    let _never = writeln!(out, "  labels: {}", labels.join(", "));
    out + &self::settings(settings)
}

/// The part that says how it was set up.
pub(super) fn settings(settings: &ImportedSettings) -> String {
    let mut taken = Vec::new();
    let mut different: Vec<(String, String)> = settings
        .differences
        .iter()
        .map(|difference| (format!("label {}", difference.label()), difference.to_string()))
        .collect();
    let (mut lost, mut needless, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for report in &settings.keys {
        let key = report.key().to_owned();
        match report {
            KeyReport::Carried { to, .. } => taken.push((key, format!("agent.{to}"))),
            KeyReport::Changed { to, why, .. } => different.push((key, format!("agent.{to}; {why}"))),
            KeyReport::Lost { why, .. } => lost.push((key, (*why).to_owned())),
            KeyReport::Needless { why, .. } => needless.push((key, (*why).to_owned())),
            KeyReport::Unknown { line, meant, .. } => {
                let meant = meant.as_ref().map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
                unknown.push((key, format!("line {line}: neither runner knows it{meant}")));
            }
        }
    }
    let mut out = String::new();
    for (head, lines) in [
        ("taken over as it is", taken),
        ("taken over, but different here", different),
        ("not taken over", lost),
        ("not needed here", needless),
        ("unknown", unknown),
    ] {
        if lines.is_empty() {
            continue;
        }
        let _never = writeln!(out, "{head}:");
        let width = lines.iter().map(|(key, _)| key.chars().count()).max().unwrap_or_default().min(34);
        for (key, what) in lines {
            let _never = writeln!(out, "  {key:width$}  {what}");
        }
    }
    if settings.at_default > 0 {
        let _never = writeln!(out, "{} keys stand at that runner's defaults and are left out", settings.at_default);
    }
    out
}
