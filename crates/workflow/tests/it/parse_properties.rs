//! Whatever the text, parsing ends without a panic and every finding has a place in it.

use proptest::prelude::*;
use workflow::diagnostic::{Colours, Diagnostic, Severity, render};
use workflow::parse;
use workflow::yaml::FileId;

fn check(text: &str, value: bool, diagnostics: &[Diagnostic]) -> Result<(), TestCaseError> {
    let errors = diagnostics.iter().any(|finding| finding.severity == Severity::Error);
    prop_assert_eq!(value, !errors);
    for finding in diagnostics {
        let (start, end) = (finding.span.start as usize, finding.span.end as usize);
        prop_assert!(start <= end && end <= text.len(), "{finding:?}");
        prop_assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{finding:?}");
        prop_assert!(finding.span.line >= 1 && finding.span.column >= 1);
        prop_assert!(!render(finding, "f.yml", text, Colours::None).is_empty());
    }
    prop_assert!(diagnostics.windows(2).all(|pair| pair[0].span.start <= pair[1].span.start));
    Ok(())
}

/// Pieces that workflow files are made of, in any order.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("on: push\n"),
        Just("jobs:\n"),
        Just("  a:\n"),
        Just("    runs-on: x\n"),
        Just("    steps:\n"),
        Just("      - run: echo ${{ github.sha }}\n"),
        Just("      - uses: a/b@c\n"),
        Just("        with: {a: b}\n"),
        Just("    uses: ./x.yml\n"),
        Just("    needs: [a, b]\n"),
        Just("    strategy: {matrix: {x: [1], include: [{}]}}\n"),
        Just("&a "),
        Just("*a "),
        Just("!!int "),
        Just("? "),
        Just("- "),
        Just(": "),
        Just("|\n"),
        Just(">-\n"),
        Just("\""),
        Just("'"),
        Just("#"),
        Just("]#x\n"),
        Just("["),
        Just("]"),
        Just("{"),
        Just("}"),
        Just(","),
        Just("${{ insert }}: "),
        Just("${{"),
        Just("}}"),
        Just("é😀"),
        Just("\u{feff}"),
        Just("\r\n"),
        Just("\t"),
        Just("---\n"),
        Just("%YAML 1.2\n"),
        Just("  "),
        Just("\n"),
    ];
    proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn any_text(text in "\\PC{0,200}") {
        let parsed = parse::workflow(FileId::default(), "f.yml", &text);
        check(&text, parsed.value.is_some(), &parsed.diagnostics)?;
    }

    #[test]
    fn any_workflow_like_text(text in pieces()) {
        let parsed = parse::workflow(FileId::default(), "f.yml", &text);
        check(&text, parsed.value.is_some(), &parsed.diagnostics)?;
    }

    #[test]
    fn any_action_like_text(text in pieces(), using in "(node20|docker|composite|x)") {
        let text = format!("runs:\n  using: {using}\n  main: x\n{text}");
        let parsed = parse::action(FileId::default(), &text);
        check(&text, parsed.value.is_some(), &parsed.diagnostics)?;
    }
}
