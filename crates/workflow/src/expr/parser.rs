//! Builds the tree from the tokens: operator precedence with two stacks, as in the reference, so that nesting costs no call stack.

use super::error::{context_help, function_help};
use super::lexer::{Kind, Lexer, Operator, Token};
use super::{Availability, ExpressionError, ExpressionErrorKind, Function, MAX_DEPTH, Node, NodeKind, Value};
use std::ops::Range;

/// Parses a text; `None` when it holds no token.
pub(super) fn parse(text: &str, availability: &Availability) -> Result<Option<Node>, ExpressionError> {
    let mut parser = Parser { text, availability, operands: Vec::new(), operators: Vec::new() };
    let mut lexer = Lexer::new(text);
    let mut last: Option<Token> = None;
    while let Some(token) = lexer.next()? {
        match token.kind {
            Kind::Literal | Kind::Property | Kind::Context | Kind::Function | Kind::Wildcard => {
                parser.operand(&token)?;
            }
            _ => parser.operator(&token, last.as_ref().map(|last| last.kind))?,
        }
        last = Some(token);
    }
    let Some(last) = last else { return Ok(None) };
    let complete = matches!(
        last.kind,
        Kind::EndGroup
            | Kind::EndIndex
            | Kind::EndArguments
            | Kind::Literal
            | Kind::Property
            | Kind::Context
            | Kind::Wildcard
    );
    if !complete || lexer.has_open() {
        return Err(parser.error(ExpressionErrorKind::UnexpectedEnd, last.span, end_help(&lexer)));
    }
    while !parser.operators.is_empty() {
        parser.flush()?;
    }
    Ok(parser.operands.pop().map(|operand| operand.node))
}

fn end_help(lexer: &Lexer<'_>) -> Option<String> {
    lexer.has_open().then(|| "a bracket is not closed".to_owned())
}

/// A tree that waits for its operator, and how deep it is.
struct Operand {
    node: Node,
    depth: usize,
}

struct Parser<'a> {
    text: &'a str,
    availability: &'a Availability,
    operands: Vec<Operand>,
    operators: Vec<(Kind, Range<usize>)>,
}

/// How tightly a token binds.
const fn precedence(kind: Kind) -> u8 {
    use super::Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match kind {
        Kind::StartGroup => 20,
        Kind::StartIndex | Kind::StartArguments | Kind::Dereference => 19,
        Kind::Not => 16,
        Kind::Operator(Operator::Compare(Less | LessOrEqual | Greater | GreaterOrEqual)) => 11,
        Kind::Operator(Operator::Compare(Equal | NotEqual)) => 10,
        Kind::Operator(Operator::And) => 6,
        Kind::Operator(Operator::Or) => 5,
        _ => 1,
    }
}

impl Parser<'_> {
    fn error(&self, kind: ExpressionErrorKind, span: Range<usize>, help: Option<String>) -> ExpressionError {
        ExpressionError {
            kind,
            position: span.start,
            end: span.end,
            token: self.text[span].to_owned(),
            expression: self.text.to_owned(),
            help,
        }
    }

    fn push(&mut self, kind: NodeKind, span: Range<u32>, depth: usize) -> Result<(), ExpressionError> {
        if depth > MAX_DEPTH {
            return Err(ExpressionError {
                token: String::new(),
                ..self.error(ExpressionErrorKind::TooDeep, 0..self.text.len(), None)
            });
        }
        self.operands.push(Operand { node: Node { kind, span }, depth });
        Ok(())
    }

    fn operand(&mut self, token: &Token) -> Result<(), ExpressionError> {
        let name = &self.text[token.span.clone()];
        let span = small(&token.span);
        let kind = match token.kind {
            Kind::Function => {
                let function = Function::by_name(name).filter(|function| self.availability.arity(*function).is_some());
                let Some(function) = function else {
                    let help = function_help(name, self.availability);
                    return Err(self.error(ExpressionErrorKind::UnknownFunction, token.span.clone(), Some(help)));
                };
                NodeKind::Call { function, name: span.clone(), arguments: Vec::new() }
            }
            Kind::Context => {
                if !self.availability.allows_context(name) {
                    let help = context_help(name, self.availability);
                    return Err(self.error(ExpressionErrorKind::UnknownContext, token.span.clone(), Some(help)));
                }
                NodeKind::Context(name.into())
            }
            Kind::Wildcard => NodeKind::Wildcard,
            _ => NodeKind::Literal(token.literal.clone()),
        };
        self.push(kind, span, 1)
    }

    fn operator(&mut self, token: &Token, last: Option<Kind>) -> Result<(), ExpressionError> {
        if !matches!(token.kind, Kind::Not | Kind::StartGroup) {
            while self.operators.last().is_some_and(|(top, _)| {
                precedence(token.kind) <= precedence(*top)
                    && !matches!(top, Kind::StartGroup | Kind::StartIndex | Kind::StartArguments | Kind::Separator)
            }) {
                self.flush()?;
            }
        }
        match token.kind {
            Kind::EndGroup => {
                self.operators.pop();
                Ok(())
            }
            Kind::EndIndex => {
                self.operators.pop();
                let end = small(&token.span).end;
                self.index(end)
            }
            Kind::EndArguments => self.call(token, last),
            _ => {
                self.operators.push((token.kind, token.span.clone()));
                Ok(())
            }
        }
    }

    /// Makes the node of the topmost operator.
    fn flush(&mut self) -> Result<(), ExpressionError> {
        let Some((kind, span)) = self.operators.pop() else { return Ok(()) };
        match kind {
            Kind::Dereference => {
                let end = self.operands.last().map_or(0, |index| index.node.span.end);
                self.index(end)
            }
            Kind::Not => {
                let Some(Operand { node, depth }) = self.operands.pop() else { return Ok(()) };
                let span = small(&span).start..node.span.end;
                self.push(NodeKind::Not(Box::new(node)), span, depth + 1)
            }
            Kind::Operator(operator) => {
                let (Some(right), Some(left)) = (self.operands.pop(), self.operands.pop()) else { return Ok(()) };
                let span = left.node.span.start..right.node.span.end;
                let depth = left.depth.max(right.depth) + 1;
                match operator {
                    Operator::Compare(operator) => {
                        let (left, right) = (Box::new(left.node), Box::new(right.node));
                        self.push(NodeKind::Compare { operator, left, right }, span, depth)
                    }
                    Operator::And | Operator::Or => {
                        let mut operands = Vec::new();
                        let depth = chain(operator, left, &mut operands).max(chain(operator, right, &mut operands));
                        let kind =
                            if operator == Operator::And { NodeKind::And(operands) } else { NodeKind::Or(operands) };
                        self.push(kind, span, depth)
                    }
                }
            }
            _ => Ok(()),
        }
    }

    fn index(&mut self, end: u32) -> Result<(), ExpressionError> {
        let (Some(index), Some(target)) = (self.operands.pop(), self.operands.pop()) else { return Ok(()) };
        let span = target.node.span.start..end;
        let depth = target.depth.max(index.depth) + 1;
        self.push(NodeKind::Index { target: Box::new(target.node), index: Box::new(index.node) }, span, depth)
    }

    /// Gives the call its arguments at its closing parenthesis.
    fn call(&mut self, token: &Token, last: Option<Kind>) -> Result<(), ExpressionError> {
        let mut count = usize::from(last != Some(Kind::StartArguments));
        while self.operators.pop().is_some_and(|(kind, _)| kind == Kind::Separator) {
            count += 1;
        }
        let first = self.operands.len().saturating_sub(count);
        let given = self.operands.split_off(first);
        let depth = given.iter().map(|argument| argument.depth).max().unwrap_or(0) + 1;
        let Some(Operand { node: Node { kind: NodeKind::Call { function, name, .. }, .. }, .. }) = self.operands.pop()
        else {
            return Ok(());
        };
        let (least, most) = self.availability.arity(function).unwrap_or_else(|| function.arity());
        let kind = match count {
            _ if count < least => Some(ExpressionErrorKind::TooFewArguments),
            _ if count > most => Some(ExpressionErrorKind::TooManyArguments),
            _ if function == Function::Case && count.is_multiple_of(2) => Some(ExpressionErrorKind::EvenArguments),
            _ => None,
        };
        if let Some(kind) = kind {
            let wanted = match (least, most) {
                _ if least == most => least.to_string(),
                (_, usize::MAX) => format!("at least {least}"),
                _ => format!("{least} to {most}"),
            };
            let help = format!("{} takes {wanted} arguments, {count} were given", function.name());
            return Err(self.error(kind, name.start as usize..name.end as usize, Some(help)));
        }
        let span = name.start..small(&token.span).end;
        let arguments = given.into_iter().map(|argument| argument.node).collect();
        self.push(NodeKind::Call { function, name, arguments }, span, depth)
    }
}

/// Adds an operand to a chain of `&&` or `||`, taking apart a chain of the same operator; gives the depth of the chain so far.
fn chain(operator: Operator, operand: Operand, operands: &mut Vec<Node>) -> usize {
    match (operator, operand.node.kind) {
        (Operator::And, NodeKind::And(nested)) | (Operator::Or, NodeKind::Or(nested)) => {
            // The left one is taken as it is, so that a long chain is not copied with each of its operands.
            if operands.is_empty() {
                *operands = nested;
            } else {
                operands.extend(nested);
            }
            operand.depth
        }
        (_, kind) => {
            operands.push(Node { kind, span: operand.node.span });
            operand.depth + 1
        }
    }
}

/// Expressions have at most [`super::MAX_LENGTH`] characters, so that offsets fit.
fn small(span: &Range<usize>) -> Range<u32> {
    let fit = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    fit(span.start)..fit(span.end)
}

/// A literal of the language for a text.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl Value {
    /// The text that parses to this primitive; collections have none.
    #[must_use]
    pub fn to_literal(&self) -> Option<String> {
        match self {
            Self::Null => Some("null".to_owned()),
            Self::String(text) => Some(quote(text)),
            Self::Bool(_) | Self::Number(_) => Some(self.to_text().into_owned()),
            Self::Array(_) | Self::Object(_) => None,
        }
    }
}
