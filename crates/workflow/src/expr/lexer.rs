//! Tokens of an expression. What a token may follow is decided here, by its predecessor alone, as in the reference.

use super::{ExpressionError, ExpressionErrorKind, Value, number::parse_number};
use std::ops::Range;

/// The kinds of tokens; legality depends on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    StartGroup,
    EndGroup,
    StartIndex,
    EndIndex,
    StartArguments,
    EndArguments,
    Separator,
    Dereference,
    Wildcard,
    Not,
    Operator(Operator),
    Literal,
    Property,
    Context,
    Function,
}

/// Operators between two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    And,
    Or,
    Compare(super::Comparison),
}

/// A token; a literal has its value.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Range<usize>,
    pub(super) literal: Value,
}

impl Kind {
    /// Whether an operand ends with this token, so that an operator, `,` or a closing bracket may follow.
    const fn ends_operand(self) -> bool {
        matches!(
            self,
            Self::EndGroup
                | Self::EndArguments
                | Self::EndIndex
                | Self::Wildcard
                | Self::Literal
                | Self::Property
                | Self::Context
        )
    }

    /// Whether an operand may begin after this token.
    const fn precedes_operand(self) -> bool {
        matches!(
            self,
            Self::Separator
                | Self::StartGroup
                | Self::StartArguments
                | Self::StartIndex
                | Self::Not
                | Self::Operator(_)
        )
    }

    /// Whether a token of this kind may come after `last`.
    fn may_follow(self, last: Option<Self>) -> bool {
        match self {
            Self::StartGroup | Self::Literal | Self::Function | Self::Context | Self::Not => {
                last.is_none_or(Self::precedes_operand)
            }
            Self::StartArguments => last == Some(Self::Function),
            Self::StartIndex | Self::Dereference => {
                last.is_some_and(|last| last.ends_operand() && last != Self::Literal)
            }
            Self::EndArguments => last.is_some_and(|last| last.ends_operand() || last == Self::StartArguments),
            Self::EndGroup | Self::EndIndex | Self::Separator | Self::Operator(_) => {
                last.is_some_and(Self::ends_operand)
            }
            Self::Wildcard => matches!(last, Some(Self::StartIndex | Self::Dereference)),
            Self::Property => last == Some(Self::Dereference),
        }
    }
}

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    last: Option<Kind>,
    /// Open brackets, innermost last.
    open: Vec<Kind>,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, last: None, open: Vec::new() }
    }

    /// Whether a bracket is open.
    pub(super) const fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// The next token; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Token>, ExpressionError> {
        self.at += self.text[self.at..].len() - self.text[self.at..].trim_start().len();
        let Some(first) = self.text[self.at..].chars().next() else { return Ok(None) };
        let start = self.at;
        let token = match first {
            '(' if self.last == Some(Kind::Function) => self.symbol(Kind::StartArguments),
            '(' => self.symbol(Kind::StartGroup),
            '[' => self.symbol(Kind::StartIndex),
            ')' if self.open.last() == Some(&Kind::StartArguments) => self.symbol(Kind::EndArguments),
            ')' => self.symbol(Kind::EndGroup),
            ']' => self.symbol(Kind::EndIndex),
            ',' => self.symbol(Kind::Separator),
            '*' => self.symbol(Kind::Wildcard),
            '\'' => self.string()?,
            '!' | '<' | '>' | '=' | '&' | '|' => self.operator()?,
            '.' if self.last.is_none_or(Kind::precedes_operand) => self.number()?,
            '.' => self.symbol(Kind::Dereference),
            '-' | '+' | '0'..='9' => self.number()?,
            _ => self.keyword()?,
        };
        if !token.kind.may_follow(self.last) || !self.pair(token.kind) {
            return Err(self.unexpected(start));
        }
        self.last = Some(token.kind);
        Ok(Some(token))
    }

    /// Keeps the open brackets; false when this one does not fit.
    fn pair(&mut self, kind: Kind) -> bool {
        let opener = match kind {
            Kind::StartGroup | Kind::StartIndex | Kind::StartArguments => {
                self.open.push(kind);
                return true;
            }
            Kind::EndGroup => Kind::StartGroup,
            Kind::EndIndex => Kind::StartIndex,
            Kind::EndArguments => Kind::StartArguments,
            Kind::Separator => return self.open.last() == Some(&Kind::StartArguments),
            _ => return true,
        };
        self.open.pop() == Some(opener)
    }

    fn symbol(&mut self, kind: Kind) -> Token {
        self.token(kind, self.at, 1)
    }

    fn token(&mut self, kind: Kind, start: usize, length: usize) -> Token {
        self.at = start + length;
        Token { kind, span: start..self.at, literal: Value::Null }
    }

    fn unexpected(&self, start: usize) -> ExpressionError {
        ExpressionError {
            kind: ExpressionErrorKind::UnexpectedSymbol,
            position: start,
            end: self.at,
            token: self.text[start..self.at].to_owned(),
            expression: self.text.to_owned(),
            help: self.hint(start),
        }
    }

    /// What people often mean instead.
    fn hint(&self, start: usize) -> Option<String> {
        let token = &self.text[start..self.at];
        match token.chars().next()? {
            '"' | '`' => Some("strings are written in single quotes: 'text'".to_owned()),
            '\'' if token.len() == 1 || !token.ends_with('\'') => {
                Some("the string is not closed; a quote within it is written ''".to_owned())
            }
            '=' => Some("comparing for equality is written ==".to_owned()),
            '&' => Some("'and' is written &&".to_owned()),
            '|' => Some("'or' is written ||".to_owned()),
            '-' | '+' | '/' | '%' => Some("the language has no arithmetic".to_owned()),
            '?' | ':' => {
                Some("a choice is written condition && value || other, or case(condition, value, other)".to_owned())
            }
            '$' | '{' | '}' => Some("'${{' and '}}' do not nest".to_owned()),
            _ => None,
        }
    }

    fn string(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        let mut value = String::new();
        let mut rest = start + 1;
        loop {
            let Some(quote) = self.text[rest..].find('\'').map(|offset| rest + offset) else {
                self.at = self.text.len();
                return Err(self.unexpected(start));
            };
            value.push_str(&self.text[rest..quote]);
            rest = quote + 1;
            if !self.text[rest..].starts_with('\'') {
                break;
            }
            value.push('\'');
            rest += 1;
        }
        let token = self.token(Kind::Literal, start, rest - start);
        Ok(Token { literal: Value::from(value), ..token })
    }

    fn operator(&mut self) -> Result<Token, ExpressionError> {
        use super::Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        let bytes = &self.text.as_bytes()[self.at..];
        let (kind, length) = match bytes {
            [b'!', b'=', ..] => (Kind::Operator(Operator::Compare(NotEqual)), 2),
            [b'>', b'=', ..] => (Kind::Operator(Operator::Compare(GreaterOrEqual)), 2),
            [b'<', b'=', ..] => (Kind::Operator(Operator::Compare(LessOrEqual)), 2),
            [b'=', b'=', ..] => (Kind::Operator(Operator::Compare(Equal)), 2),
            [b'&', b'&', ..] => (Kind::Operator(Operator::And), 2),
            [b'|', b'|', ..] => (Kind::Operator(Operator::Or), 2),
            [b'!', ..] => (Kind::Not, 1),
            [b'>', ..] => (Kind::Operator(Operator::Compare(Greater)), 1),
            [b'<', ..] => (Kind::Operator(Operator::Compare(Less)), 1),
            _ => {
                let start = self.at;
                self.at += 1;
                self.run(is_boundary);
                return Err(self.unexpected(start));
            }
        };
        Ok(self.token(kind, self.at, length))
    }

    fn number(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        self.at += 1;
        self.run(|c| c != '.' && is_boundary(c));
        let number = parse_number(&self.text[start..self.at]);
        if number.is_nan() {
            return Err(self.unexpected(start));
        }
        let token = self.token(Kind::Literal, start, self.at - start);
        Ok(Token { literal: Value::Number(number), ..token })
    }

    fn keyword(&mut self) -> Result<Token, ExpressionError> {
        let start = self.at;
        self.at += self.text[start..].chars().next().map_or(1, char::len_utf8);
        self.run(is_boundary);
        let word = &self.text[start..self.at];
        if !is_keyword(word) {
            return Err(self.unexpected(start));
        }
        let (kind, literal) = if self.last == Some(Kind::Dereference) {
            (Kind::Property, Value::from(word))
        } else {
            match word {
                "null" => (Kind::Literal, Value::Null),
                "true" => (Kind::Literal, Value::Bool(true)),
                "false" => (Kind::Literal, Value::Bool(false)),
                "NaN" => (Kind::Literal, Value::Number(f64::NAN)),
                "Infinity" => (Kind::Literal, Value::Number(f64::INFINITY)),
                _ if self.text[self.at..].trim_start().starts_with('(') => (Kind::Function, Value::Null),
                _ => (Kind::Context, Value::Null),
            }
        };
        Ok(Token { kind, span: start..self.at, literal })
    }

    /// Moves on to the next character that ends the run.
    fn run(&mut self, ends: impl Fn(char) -> bool) {
        self.at = self.text[self.at..].find(ends).map_or(self.text.len(), |offset| self.at + offset);
    }
}

fn is_boundary(c: char) -> bool {
    matches!(c, '(' | '[' | ')' | ']' | ',' | '.' | '!' | '>' | '<' | '=' | '&' | '|') || c.is_whitespace()
}

/// Whether a text may stand as a name: `[A-Za-z_][A-Za-z0-9_-]*`.
pub(super) fn is_keyword(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}
