//! The text of a token: `ekiden_KIND_RANDOM_CHECK`. Used by whoever makes tokens and by whoever is shown one, before anything is looked up.
//!
//! Rule: `security` R1. The prefix names the product and the kind, for people and for scanners of leaked secrets; the check finds slips of the
//! pen without a database. All tokens match `ekiden_(reg|run|job|user|fleet|hook)_[0-9A-Za-z]{27,1000}_[0-9A-Za-z]{6}`.

use crate::Secret;

const PRODUCT: &str = "ekiden";
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// So many digits of base 62 hold 160 bits.
const RANDOM: usize = 27;
/// Longer ones may come one day; longer than this is none of ours.
const LONGEST: usize = 1000;
/// So many digits of base 62 hold 32 bits.
const CHECK: usize = 6;

/// What a token is for, as its text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TokenUse {
    /// Registers runners.
    Registration,
    /// Signs a runner's calls.
    Runner,
    /// Signs the calls of one attempt of a job.
    Job,
    /// A person's.
    User,
    /// A fleet manager's.
    Fleet,
    /// Signs what a forge sends.
    Hook,
}

/// A text that is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoToken {
    /// It does not look like one.
    #[error("this is no token of Ekiden: they look like ekiden_user_…")]
    Form,
    /// It looks like one, with a slip somewhere.
    #[error("the token has a slip in it: its last six characters do not fit the rest; copy it again, whole")]
    Check,
}

impl TokenUse {
    /// All there are.
    pub const ALL: [Self; 6] = [Self::Registration, Self::Runner, Self::Job, Self::User, Self::Fleet, Self::Hook];

    /// The word in the text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Registration => "reg",
            Self::Runner => "run",
            Self::Job => "job",
            Self::User => "user",
            Self::Fleet => "fleet",
            Self::Hook => "hook",
        }
    }

    /// The text of a token, from 160 random bits that nobody else knows.
    #[must_use]
    pub fn text(self, random: [u8; 20]) -> Secret {
        let mut digits = [0_u8; RANDOM];
        let mut number = random;
        for digit in digits.iter_mut().rev() {
            let mut rest = 0_u32;
            for byte in &mut number {
                let value = rest << 8 | u32::from(*byte);
                // The rest is below 62, so the quotient is below 256.
                *byte = (value / 62).to_le_bytes()[0];
                rest = value % 62;
            }
            *digit = DIGITS[rest as usize];
        }
        let digits = String::from_utf8_lossy(&digits);
        let text = format!("{PRODUCT}_{}_{digits}", self.word());
        let check = check(text.as_bytes());
        Secret::new(format!("{text}_{check}"))
    }

    /// The twenty bytes that [`Self::text`] made a token of; `None` for a text of another length. Its check is not looked at: that is [`Self::of`]'s.
    #[must_use]
    pub fn bytes(text: &str) -> Option<[u8; 20]> {
        let digits = text.rsplit('_').nth(1).filter(|digits| digits.len() == RANDOM)?;
        let mut bytes = [0_u8; 20];
        for digit in digits.bytes() {
            let mut carry = u32::try_from(DIGITS.iter().position(|known| *known == digit)?).ok()?;
            for byte in bytes.iter_mut().rev() {
                let value = u32::from(*byte) * 62 + carry;
                *byte = value.to_le_bytes()[0];
                carry = value >> 8;
            }
        }
        Some(bytes)
    }

    /// What a text is a token for.
    ///
    /// # Errors
    /// When it is none, or has a slip.
    pub fn of(text: &str) -> Result<Self, NoToken> {
        let (body, shown) = text.rsplit_once('_').ok_or(NoToken::Form)?;
        let (head, random) = body.rsplit_once('_').ok_or(NoToken::Form)?;
        let word = head.strip_prefix(PRODUCT).and_then(|rest| rest.strip_prefix('_')).ok_or(NoToken::Form)?;
        let token = Self::ALL.into_iter().find(|token| token.word() == word).ok_or(NoToken::Form)?;
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !(RANDOM..=LONGEST).contains(&random.len()) || !is_plain(random) || shown.len() != CHECK || !is_plain(shown)
        {
            return Err(NoToken::Form);
        }
        if check(body.as_bytes()) == shown { Ok(token) } else { Err(NoToken::Check) }
    }
}

/// CRC-32 (the one of gzip) in base 62. It guards against slips, not against people: what opens is looked up.
fn check(text: &[u8]) -> String {
    let mut crc = u32::MAX;
    for byte in text {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
        }
    }
    let mut number = !crc;
    let mut digits = [0_u8; CHECK];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(number % 62) as usize];
        number /= 62;
    }
    String::from_utf8_lossy(&digits).into_owned()
}

#[cfg(test)]
mod tests {
    use super::{NoToken, TokenUse, check};
    use proptest::prelude::*;

    fn token() -> impl Strategy<Value = TokenUse> {
        prop::sample::select(TokenUse::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn each_token_is_known_and_none_is_another(kind in token(), one in any::<[u8; 20]>(), other in any::<[u8; 20]>()) {
            let text = kind.text(one);
            prop_assert_eq!(TokenUse::of(text.expose()), Ok(kind));
            prop_assert_eq!(TokenUse::bytes(text.expose()), Some(one));
            prop_assert_eq!(text.expose() == kind.text(other).expose(), one == other);
            prop_assert_eq!(text.expose().len(), "ekiden__".len() + kind.word().len() + 27 + "_".len() + 6);
        }

        #[test]
        fn one_other_character_is_a_slip(kind in token(), random in any::<[u8; 20]>(), at in any::<prop::sample::Index>(), by in 1_u8..94) {
            let text = kind.text(random);
            let mut bytes = text.expose().as_bytes().to_vec();
            let at = at.index(bytes.len());
            // Another printable one.
            bytes[at] = (bytes[at] - b'!' + by) % 94 + b'!';
            prop_assert!(TokenUse::of(std::str::from_utf8(&bytes).unwrap()).is_err());
        }

        #[test]
        fn no_text_is_too_odd(text in ".{0,80}") {
            let _unused = TokenUse::of(&text);
        }
    }

    #[test]
    fn the_form_stays() {
        assert_eq!(check(b"123456789"), "3jZRME");
        let text = TokenUse::Registration.text([0xFF; 20]);
        assert_eq!(text.expose().rsplit_once('_').unwrap().0, "ekiden_reg_aWgEPTl1tmebfsQzFP4bxwgy80V");
        for (text, why) in [
            ("", NoToken::Form),
            ("ekiden_user_short_000000", NoToken::Form),
            ("ghp_0000000000000000000000000000_000000", NoToken::Form),
            ("ekiden_root_000000000000000000000000000_000000", NoToken::Form),
            ("ekiden_user_000000000000000000000000000_000000", NoToken::Check),
        ] {
            assert_eq!(TokenUse::of(text), Err(why), "{text}");
        }
        // There is room for longer ones.
        let longer = format!("ekiden_hook_{}", "a".repeat(600));
        assert_eq!(TokenUse::of(&format!("{longer}_{}", check(longer.as_bytes()))), Ok(TokenUse::Hook));
    }
}
