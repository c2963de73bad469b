//! `[skip ci]` and its kin.

const TOKENS: [&str; 5] = ["[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]"];

/// The token of a commit message that keeps `push` and `pull_request` from starting anything, when it has one.
#[must_use]
pub fn skip_token(message: &str) -> Option<&'static str> {
    if let Some(token) = TOKENS.into_iter().find(|token| message.contains(token)) {
        return Some(token);
    }
    // A trailer stands at the end, after two empty lines.
    let message = message.replace("\r\n", "\n");
    let (_, trailers) = message.trim_end().rsplit_once("\n\n\n")?;
    trailers
        .lines()
        .filter_map(|line| line.split_once(':'))
        .any(|(name, value)| {
            name.trim().eq_ignore_ascii_case("skip-checks") && value.trim().eq_ignore_ascii_case("true")
        })
        .then_some("skip-checks: true")
}

#[cfg(test)]
mod tests {
    use super::skip_token;

    #[test]
    fn tokens_and_trailers() {
        assert_eq!(skip_token("fix: x [skip ci]"), Some("[skip ci]"));
        assert_eq!(skip_token("a\n\nlong [actions skip] text"), Some("[actions skip]"));
        assert_eq!(skip_token("a\n\n\nskip-checks: true\n"), Some("skip-checks: true"));
        assert_eq!(skip_token("a\r\n\r\n\r\nSigned-off-by: x\r\nskip-checks:true"), Some("skip-checks: true"));
        assert_eq!(skip_token("a\n\nskip-checks: true"), None);
        assert_eq!(skip_token("skip ci"), None);
        assert_eq!(skip_token("[SKIP CI]"), None);
    }
}
