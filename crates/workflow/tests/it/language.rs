//! The expression language as the C# reference has it, where the public cases say nothing or follow the TypeScript port; and what must
//! hold for any text.

use proptest::prelude::*;
use std::time::{Duration, Instant};
use workflow::expr::{
    Availability, EvaluationError, Expression, ExpressionErrorKind, MapScope, Value, availability, format_number,
    parse_json, write_json,
};

fn scope() -> MapScope {
    let contexts = r#"{"github":{"ref":"refs/heads/main","list":[1,"b",null,{"k":[10,20]},{"k":null},{"K":"c"},[7,8]],"Empty":{}},
        "inputs":{"a":"x","nested":{"b":{"c":true}}},"vars":{"json":"{\"a\":1,\"A\":2}"}}"#;
    MapScope::from_object(parse_json(contexts).unwrap().as_object().unwrap())
}

fn evaluate(text: &str) -> Result<Value, String> {
    let expression = Expression::parse(text).map_err(|error| error.to_string())?;
    expression.evaluate(&scope()).map_err(|error| error.to_string())
}

/// The value as JSON without white space at line starts.
fn json(text: &str) -> String {
    write_json(&evaluate(text).unwrap_or_else(|error| panic!("{text}: {error}"))).replace('\n', "").replace("  ", "")
}

#[test]
fn all_quotes_of_a_string_are_unescaped() {
    assert_eq!(json("'it''s a ''b'''"), r#""it's a 'b'""#);
    assert_eq!(json("''''"), r#""'""#);
}

#[test]
fn numbers_are_those_of_the_reference() {
    for (text, value) in [
        ("0xFFFFFFFF", "-1"),
        ("0x0000000000FF", "255"),
        ("0o17", "15"),
        ("1E3", "1000"),
        ("+.5", "0.5"),
        ("-0", "0"),
        ("1e20", "1E+20"),
        ("100000000000000000000", "1E+20"),
        ("1e21", "1E+21"),
        ("0.00001", "1E-05"),
        ("0.1", "0.1"),
        ("1e999", "Infinity"),
        ("-Infinity", "-Infinity"),
        ("format('{0}', 1e21)", "\"1E+21\""),
        ("toJSON(100000000000000000000)", "\"1E+20\""),
        ("toJSON(NaN)", "\"NaN\""),
        ("'0xFFFFFFFF' == -1", "true"),
        ("'0X1' == 1", "false"),
        ("'0b1' == 1", "false"),
        ("'' == 0", "true"),
        ("' 12 ' == 12", "true"),
        ("'1,000' == 1000", "false"),
    ] {
        assert_eq!(json(text), value, "{text}");
    }
    for text in ["0X1", "0b1", "1_000", "1-2", "1.2.3", "5*2", "-", "1..2", "0x100000000", "1e", "--1", "1a"] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn comparison_folds_one_character_to_one() {
    for (text, value) in [
        ("'straße' == 'STRASSE'", "false"),
        ("'ÄÖ' == 'äö'", "true"),
        ("'ı' == 'I'", "false"),
        ("'ſ' == 's'", "false"),
        ("'a' < 'B'", "true"),
        ("'_' < 'a'", "false"),
        ("null < 1", "true"),
        ("null == false", "true"),
        ("null == ''", "true"),
        ("null < null", "false"),
        ("null <= null", "true"),
        ("true > false", "true"),
        ("true == 'true'", "false"),
        ("true == '1'", "true"),
        ("NaN == NaN", "false"),
        ("NaN != NaN", "true"),
        ("NaN <= NaN", "false"),
        ("github == github", "true"),
        ("github.list == github.list", "true"),
        ("github.list.* == github.list.*", "false"),
        ("fromJSON('[]') == fromJSON('[]')", "false"),
        ("github == 'Object'", "false"),
    ] {
        assert_eq!(json(text), value, "{text}");
    }
}

#[test]
fn lookups() {
    for (text, value) in [
        ("github.list[3].K[1]", "20"),
        ("github.list['0']", "1"),
        ("github.list[1.9]", "\"b\""),
        ("github.list[-1]", "null"),
        ("github.list['x']", "null"),
        ("github.list[99]", "null"),
        ("github.list[github]", "null"),
        ("github['REF']", "\"refs/heads/main\""),
        ("github.ref.x.y[0].*", "[]"),
        ("github.nothing.x", "null"),
        ("github.list.*.k", "[[10,20],null,\"c\"]"),
        ("github.list.*.k[0]", "[10]"),
        ("github.list.*[1]", "[8]"),
        ("github.list.*.*", "[[10,20],null,\"c\",7,8]"),
        ("(github.list.*).k", "[[10,20],null,\"c\"]"),
        ("(false || github.list.*).k", "[[10,20],null,\"c\"]"),
        ("(github.list.* && github.list).k", "null"),
        ("case(true, github.list.*, 1).k", "[[10,20],null,\"c\"]"),
        ("fromJSON(toJSON(github.list.*)).k", "null"),
        ("inputs.nested.*.c", "[true]"),
        ("github.true", "null"),
        ("fromJSON(vars.json)", "{\"a\": 2}"),
    ] {
        assert_eq!(json(text), value, "{text}");
    }
    for text in [
        "'abc'.x",
        "1[0]",
        "github..x",
        "github.",
        "github.'x'",
        "github.x y",
        "github[]",
        "*",
        "github.*x",
        "true.x",
        "fromJSON('1')(2)",
    ] {
        assert!(Expression::parse(text).is_err(), "{text}");
    }
}

#[test]
fn functions_evaluate_lazily_and_only_once() {
    // `fromJSON('')` is an error when it is evaluated.
    for (text, value) in [
        ("false && fromJSON('')", "false"),
        ("1 || fromJSON('')", "1"),
        ("format('a', fromJSON(''))", "\"a\""),
        ("join(fromJSON('[\"a\"]'), fromJSON(''))", "\"a\""),
        ("contains(fromJSON('[]'), fromJSON(''))", "false"),
        ("contains(github, fromJSON(''))", "false"),
        ("case(true, 1, fromJSON(''))", "1"),
        ("case(false, fromJSON(''), true, 2, fromJSON(''))", "2"),
        ("join(github, '-')", "\"\""),
        ("join('a', '-')", "\"a\""),
        ("join(github.list, '-')", "\"1-b--Object-Object-Object-Array\""),
        ("join(github.list, github)", "\"1,b,,Object,Object,Object,Array\""),
        ("contains('ABC', 'b')", "true"),
        ("contains(github.list, '1')", "true"),
        ("contains('', '')", "true"),
        ("startsWith(123, '12')", "true"),
        ("startsWith(github, 'O')", "false"),
        ("endsWith('abc', '')", "true"),
        ("format('{0}{1}{0}', 'a', true)", "\"atruea\""),
        ("format('{{{0}}}', 1)", "\"{1}\""),
        ("format('{0:}', 1)", "\"1\""),
    ] {
        assert_eq!(json(text), value, "{text}");
    }
    for (text, message) in [
        ("format('{0:x}', 1)", "The format specifiers 'x' are not valid for objects of type 'Number'"),
        ("format('{256}', 1)", "The following format string is invalid: {256}"),
        ("fromJSON('[1,]')", "Error parsing fromJSON: unexpected character ']'"),
        ("fromJSON('')", "Error parsing fromJSON: the text is empty"),
        ("fromJSON('// x')", "Error parsing fromJSON"),
        ("fromJSON(github)", "Error parsing fromJSON"),
        ("hashFiles('--wrong', 'a')", "Invalid glob option '--wrong'"),
    ] {
        let error = evaluate(text).unwrap_err();
        assert!(error.starts_with(message), "{text}: {error}");
    }
}

#[test]
fn digests_are_asked_for() {
    let expression = Expression::parse("hashFiles('a', github.ref)").unwrap();
    let wanted = vec!["a".to_owned(), "refs/heads/main".to_owned()];
    assert_eq!(expression.evaluate(&scope()), Err(EvaluationError::NeedsHash { patterns: wanted }));
}

#[test]
fn what_a_key_does_not_have_is_named_with_what_it_has() {
    let error = Expression::parse_for("github.x == secret.y", &availability::JOB_IF).unwrap_err();
    assert_eq!((error.kind.clone(), error.position, error.end), (ExpressionErrorKind::UnknownContext, 12, 18));
    assert_eq!(error.help.as_deref(), Some("contexts available at 'jobs.<id>.if': github, inputs, vars, needs"));
    let error = Expression::parse_for("neds.x", &availability::JOB_IF).unwrap_err();
    assert_eq!(
        error.help.as_deref(),
        Some("did you mean 'needs'? contexts available at 'jobs.<id>.if': github, inputs, vars, needs")
    );
    let error = Expression::parse_for("hashFiles('x')", &availability::JOB_IF).unwrap_err();
    assert!(error.help.unwrap().starts_with("'hashFiles' is not available at 'jobs.<id>.if'"));
    let error = Expression::parse_for("sucess()", &availability::STEP_IF).unwrap_err();
    assert!(error.help.unwrap().starts_with("did you mean 'success'?"));
    assert!(Expression::parse_for("success('a')", &availability::JOB_IF).is_ok());
    let error = Expression::parse_for("success('a')", &availability::STEP_IF).unwrap_err();
    assert_eq!(error.kind, ExpressionErrorKind::TooManyArguments);
    assert!(Expression::parse_for("secrets.x", &availability::STEP).is_ok());
    assert!(Expression::parse_for("secrets.x", &availability::STEP_IF).is_err());
    assert!(Expression::parse_for("secrets.x", &availability::ACTION_STEP).is_err());
    assert!(Expression::parse_for("always()", &availability::STEP).is_err());
}

#[test]
fn common_mistakes_get_a_hint() {
    for (text, hint) in [
        ("github.ref == \"main\"", "single quotes"),
        ("github.ref = 'main'", "=="),
        ("a & b", "'and' is written &&"),
        ("'open", "not closed"),
        ("1 + 2", "no arithmetic"),
        ("${{ github.ref }}", "do not nest"),
        ("github.a ? 1 : 2", "case("),
        ("(github.a", "not closed"),
    ] {
        let availability = Availability::of_contexts(["github", "a", "b"].map(str::to_owned));
        let error = Expression::parse_for(text, &availability).unwrap_err();
        assert!(error.help.as_deref().is_some_and(|help| help.contains(hint)), "{text}: {error:?}");
    }
}

/// 49 operators deep is fine, 50 is not: the reference counts nodes from 1 to 50.
#[test]
fn depth_is_counted_as_in_the_reference() {
    let not = |n: usize| format!("{}true", "!".repeat(n));
    assert!(Expression::parse(&not(49)).is_ok());
    assert_eq!(Expression::parse(&not(50)).unwrap_err().kind, ExpressionErrorKind::TooDeep);
    let chain = vec!["true"; 5000].join("&&");
    assert!(chain.len() > 21_000 && Expression::parse(&chain).is_err());
    assert!(Expression::parse(&vec!["true"; 3000].join("&&")).is_ok(), "a chain is one level");
    assert!(
        Expression::parse(&format!("{}1{}", "(".repeat(10_000), ")".repeat(10_000))).is_ok(),
        "parentheses are no level"
    );
    assert!(Expression::parse(&"a".repeat(21_001)).is_err());
    assert_eq!(Expression::parse(&format!("'{}'", "é".repeat(20_998))).map(|_| ()), Ok(()));
}

#[test]
fn memory_is_bounded() {
    let doubled = (0..20).fold("'xxxxxxxxxx'".to_owned(), |inner, _| format!("format('{{0}}{{0}}{{0}}', {inner})"));
    assert!(matches!(Expression::parse(&doubled).unwrap().evaluate(&scope()), Err(EvaluationError::Memory { .. })));
}

#[test]
fn hostile_texts_end_quickly() {
    let texts = [
        "(".repeat(120_000),
        "format(".repeat(18_000),
        format!("fromJSON('{}')", "[".repeat(100_000)),
        format!("fromJSON('{}')", "[".repeat(20_000)),
        "!".repeat(100_000),
        "!".repeat(21_000),
        "a.".repeat(10_000),
        "a[".repeat(10_000),
        "format(".repeat(2_999),
        "''".repeat(10_000),
        format!("{}1", "1==".repeat(6_999)),
        format!("{}1", "1||1&&".repeat(3_499)),
        "\u{1F60A}".repeat(10_000),
        format!("contains({}, 'x')", vec!["'y'"; 5_000].join("||")),
        " ".repeat(20_999),
        "{".repeat(20_999),
    ];
    for text in texts {
        let start = Instant::now();
        if let Ok(expression) = Expression::parse_for(&text, &Availability::of_contexts(["a".to_owned()])) {
            let _ = expression.evaluate(&scope());
        }
        let took = start.elapsed();
        assert!(
            took < Duration::from_millis(if cfg!(debug_assertions) { 1000 } else { 100 }),
            "{took:?}: {}",
            &text[..20.min(text.len())]
        );
    }
}

/// Texts that often parse.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("NaN".to_owned()),
        Just("github.list".to_owned()),
        Just("github.list.*".to_owned()),
        Just("inputs.nested".to_owned()),
        Just("vars.json".to_owned()),
        Just("github".to_owned()),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
        "[0-9]{1,3}",
        "'[a-c{}0: ]{0,6}'",
    ];
    leaf.prop_recursive(6, 40, 3, |inner| {
        let operator = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">=", "&&", "||"]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(a, o, b)| format!("({a} {o} {b})")),
            inner.clone().prop_map(|a| format!("!{a}")),
            (inner.clone(), inner.clone()).prop_map(|(a, i)| format!("github[{a}][{i}]")),
            inner.clone().prop_map(|a| format!("({a}).x.*")),
            (
                prop::sample::select(vec!["contains", "startsWith", "endsWith", "format", "join"]),
                inner.clone(),
                inner.clone()
            )
                .prop_map(|(f, a, b)| format!("{f}({a}, {b})")),
            (prop::sample::select(vec!["toJSON", "fromJSON"]), inner.clone()).prop_map(|(f, a)| format!("{f}({a})")),
            (inner.clone(), inner.clone(), inner).prop_map(|(p, a, b)| format!("case({p} == 1, {a}, {b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_taken_or_refused_at_a_place_within_it(text in "\\PC{0,40}") {
        if let Err(error) = Expression::parse(&text) {
            prop_assert!(error.position <= error.end && error.end <= text.len());
            prop_assert!(text.is_char_boundary(error.position) && text.is_char_boundary(error.end));
        }
    }

    #[test]
    fn any_tokens_are_taken_or_refused(tokens in prop::collection::vec(prop::sample::select(vec![
        "(", ")", "[", "]", ".", ",", "*", "!", "!=", "<", "==", "&&", "||", "'a'", "1", "-", "x", "github", "format", "case", " ", "null", "'", "="
    ]), 0..24)) {
        let text = tokens.concat();
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(&scope());
            for node in expression.nodes() {
                prop_assert!(node.span.start <= node.span.end && node.span.end as usize <= text.len());
                prop_assert!(text.get(node.span.start as usize..node.span.end as usize).is_some());
            }
            prop_assert_eq!(expression.root().is_none(), text.trim().is_empty());
        }
    }

    #[test]
    fn valid_expressions_evaluate_without_panic_and_deterministically(text in expression()) {
        if let Ok(expression) = Expression::parse(&text) {
            let first = expression.evaluate(&scope());
            prop_assert_eq!(&first, &expression.evaluate(&scope()));
            if let Ok(value) = first {
                let again = parse_json(&write_json(&value));
                let finite = !write_json(&value).contains("NaN") && !write_json(&value).contains("Infinity");
                prop_assert!(!finite || again.is_ok(), "{:?}", again);
                let _ = value.to_json();
            }
        }
    }

    #[test]
    fn and_or_not_agree_with_truth(a in expression(), b in expression()) {
        let (Ok(left), Ok(right)) = (evaluate(&a), evaluate(&b)) else { return Ok(()) };
        let truth = |text: String| evaluate(&text).map(|value| value.is_truthy());
        let (l, r) = (left.is_truthy(), right.is_truthy());
        // Deep operands may pass the limit of depth when they are joined.
        if let Ok(and) = truth(format!("({a}) && ({b})")) { prop_assert_eq!(and, l && r); }
        if let Ok(or) = truth(format!("({a}) || ({b})")) { prop_assert_eq!(or, l || r); }
        if let Ok(not) = truth(format!("!({a})")) { prop_assert_eq!(not, !l); }
    }

    #[test]
    fn a_number_that_is_written_and_read_is_the_same_to_15_digits(number: f64) {
        prop_assume!(number.is_finite());
        let again = workflow::expr::parse_number(&format_number(number));
        prop_assert!(again == number || ((again - number) / number).abs() < 1e-14 || again.is_infinite() || number.abs() < 1e-300, "{} {}", number, again);
        prop_assert_eq!(format_number(again), format_number(number));
    }

    #[test]
    fn json_that_is_written_is_read_again(text in "\\PC{0,30}") {
        let value = Value::array(vec![Value::from(text.as_str())]);
        prop_assert_eq!(parse_json(&write_json(&value)).unwrap(), value);
    }

    #[test]
    fn json_is_read_as_serde_reads_it(text in "[\\[\\]{}:,\" 0-9eE.+-truefalsn\\\\]{0,24}") {
        let ours = parse_json(&text).is_ok();
        let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        // Numbers past the range of a double are infinite for us, an error there.
        prop_assert!(ours == theirs || text.contains(['e', 'E']), "{}: {} {}", text, ours, theirs);
    }
}
