//! One segment of a pattern, between two slashes. Used by `pattern`.

/// What a segment matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// `**`, alone in its segment: any number of segments.
    Globstar,
    /// Exactly this text.
    Text(String),
    /// A glob.
    Glob(Vec<Token>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Letter(char),
    One,
    Any,
    Class { negated: bool, ranges: Vec<(char, char)> },
}

impl Segment {
    pub(super) fn parse(text: &str) -> Self {
        if text == "**" {
            return Self::Globstar;
        }
        let letters: Vec<char> = text.chars().collect();
        let mut tokens = Vec::new();
        let mut at = 0;
        while at < letters.len() {
            let token = match letters[at] {
                '\\' if at + 1 < letters.len() => {
                    at += 1;
                    Token::Letter(letters[at])
                }
                '*' => Token::Any,
                '?' => Token::One,
                '[' => match class(&letters[at + 1..]) {
                    Some((token, length)) => {
                        at += length;
                        token
                    }
                    None => Token::Letter('['),
                },
                letter => Token::Letter(letter),
            };
            // Two stars in a row match no more than one.
            if token != Token::Any || tokens.last() != Some(&Token::Any) {
                tokens.push(token);
            }
            at += 1;
        }
        let text: Option<String> =
            tokens.iter().map(|token| if let Token::Letter(letter) = token { Some(*letter) } else { None }).collect();
        text.map_or(Self::Glob(tokens), Self::Text)
    }

    /// Whether it matches one segment of a path; never true of [`Segment::Globstar`].
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            Self::Globstar => false,
            Self::Text(own) => own == text,
            Self::Glob(tokens) => !text.is_empty() && glob(tokens, text),
        }
    }
}

/// A class after its `[`, and its length with the `]`. None when it does not end or is no valid class.
fn class(letters: &[char]) -> Option<(Token, usize)> {
    let mut at = 0;
    let negated = matches!(letters.first(), Some('!' | '^'));
    if negated {
        at += 1;
    }
    let mut members: Vec<(char, bool)> = Vec::new();
    let first = at;
    loop {
        match *letters.get(at)? {
            // First in the list, it loses its meaning; after a negation it does not.
            ']' if at == first && !negated => members.push((']', true)),
            ']' => break,
            '\\' => {
                at += 1;
                members.push((*letters.get(at)?, true));
            }
            letter => members.push((letter, false)),
        }
        at += 1;
    }
    let mut ranges = Vec::new();
    let mut index = 0;
    while index < members.len() {
        let (from, _) = members[index];
        match (members.get(index + 1), members.get(index + 2)) {
            (Some(('-', false)), Some((to, _))) => {
                if from > *to {
                    return None;
                }
                ranges.push((from, *to));
                index += 3;
            }
            _ => {
                ranges.push((from, from));
                index += 1;
            }
        }
    }
    Some((Token::Class { negated, ranges }, at + 1))
}

/// Goes back to the last star only, so the time is at most the product of the lengths.
fn glob(tokens: &[Token], text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    let (mut token, mut letter) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while letter < letters.len() {
        let hit = match tokens.get(token) {
            Some(Token::Any) => {
                star = Some((token, letter));
                token += 1;
                continue;
            }
            Some(Token::One) => true,
            Some(Token::Letter(own)) => *own == letters[letter],
            Some(Token::Class { negated, ranges }) => {
                ranges.iter().any(|(from, to)| (*from..=*to).contains(&letters[letter])) != *negated
            }
            None => false,
        };
        if hit {
            token += 1;
            letter += 1;
        } else if let Some((at, from)) = star {
            token = at + 1;
            letter = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    tokens[token..].iter().all(|token| *token == Token::Any)
}
