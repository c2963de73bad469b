//! Findings as SARIF 2.1.0, which code scanning of forges reads.

use super::Checked;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use workflow::diagnostic::Severity;

/// The document.
pub(crate) fn sarif(checked: &[Checked]) -> Value {
    let mut codes = BTreeSet::new();
    let mut results = Vec::new();
    for file in checked {
        for finding in &file.diagnostics {
            codes.insert(finding.code);
            let mut text = finding.message.clone();
            if let Some(help) = &finding.help {
                text.push_str(&format!(" ({help})"));
            }
            results.push(json!({
                "ruleId": finding.code,
                "level": match finding.severity { Severity::Error => "error", Severity::Warning => "warning" },
                "message": { "text": text },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": uri(&file.file.to_string_lossy()) },
                        "region": { "startLine": finding.span.line.max(1), "startColumn": finding.span.column.max(1) },
                    },
                }],
            }));
        }
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "ekiden",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": codes.iter().map(|code| json!({ "id": code })).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a relative reference: what is not allowed in one is escaped.
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/@+".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_references() {
        assert_eq!(uri("./.github/workflows/a b.yml"), ".github/workflows/a%20b.yml");
    }
}
