//! Templates and values as nodes of a document.

use super::DocumentError;
use crate::expr::{Value, format_number};
use crate::template::{Template, TemplateKey, TemplateKind, opening};
use crate::yaml::{Node, NodeKind, Span};
use std::borrow::Cow;

/// Characters of an expression, less what stands around the text.
const LONGEST_TEXT: usize = 20_000;

pub(super) fn node(kind: NodeKind<'_>) -> Node<'_> {
    Node { kind, span: Span::default() }
}

/// A text that stands as it is: a key of the language, or one with expressions that are to be evaluated.
pub(super) fn plain<'a>(text: impl Into<Cow<'a, str>>) -> Node<'a> {
    node(NodeKind::String(text.into()))
}

pub(super) fn list(items: Vec<Node<'_>>) -> Node<'_> {
    node(NodeKind::Sequence(items.into()))
}

/// A text that no reader may take for an expression.
pub(super) fn literal<'a>(text: impl Into<Cow<'a, str>>) -> Result<Node<'a>, DocumentError> {
    let text = text.into();
    if opening(&text).is_none() {
        return Ok(plain(text));
    }
    let quoted = text.replace('\'', "''");
    let characters = quoted.chars().count();
    if characters > LONGEST_TEXT {
        return Err(DocumentError::Text { characters, limit: LONGEST_TEXT });
    }
    Ok(plain(format!("${{{{ '{quoted}' }}}}")))
}

/// A number as the language writes it, so that runners which take the text see the same; with more digits where that is another number.
pub(super) fn number<'a>(value: f64, text: Option<&'a str>) -> Node<'a> {
    let canonical = format_number(value);
    let text = if value.is_nan() {
        ".nan".into()
    } else if value.is_infinite() {
        if value > 0.0 { ".inf" } else { "-.inf" }.into()
    } else if canonical.parse() == Ok(value) {
        canonical.into()
    } else {
        text.map_or_else(|| format!("{value:?}").into(), Cow::Borrowed)
    };
    node(NodeKind::Number(value, text))
}

/// A value that was evaluated.
pub(super) fn value(of: &Value) -> Result<Node<'_>, DocumentError> {
    Ok(match of {
        Value::Null => node(NodeKind::Null),
        Value::Bool(value) => node(NodeKind::Bool(*value)),
        Value::Number(value) => number(*value, None),
        Value::String(text) => literal(&**text)?,
        Value::Array(items) => list(items.iter().map(value).collect::<Result<_, _>>()?),
        Value::Object(object) => {
            let pairs = object.iter().map(|(key, item)| Ok((literal(key)?, value(item)?)));
            node(NodeKind::Mapping(pairs.collect::<Result<_, DocumentError>>()?))
        }
    })
}

/// A template as its file has it.
pub(super) fn template(of: &Template) -> Result<Node<'_>, DocumentError> {
    Ok(match &of.kind {
        TemplateKind::Null => node(NodeKind::Null),
        TemplateKind::Bool(value) => node(NodeKind::Bool(*value)),
        TemplateKind::Number(value, text) => number(*value, Some(text)),
        TemplateKind::String(text) => literal(&**text)?,
        TemplateKind::Expression(expression) => plain(expression.as_written()),
        TemplateKind::Insert => plain(INSERT),
        TemplateKind::Sequence(items) => list(items.iter().map(template).collect::<Result<_, _>>()?),
        TemplateKind::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(name, item)| Ok((key(name)?, template(item)?)));
            node(NodeKind::Mapping(pairs.collect::<Result<_, DocumentError>>()?))
        }
    })
}

const INSERT: &str = "${{ insert }}";

pub(super) fn key(of: &TemplateKey) -> Result<Node<'_>, DocumentError> {
    match of {
        TemplateKey::Literal(key) => literal(&*key.value),
        TemplateKey::Expression(key) => Ok(plain(key.value.as_written())),
        TemplateKey::Insert(_) => Ok(plain(INSERT)),
    }
}

/// A mapping in the making.
#[derive(Default)]
pub(super) struct Entries<'a>(Vec<(Node<'a>, Node<'a>)>);

impl<'a> Entries<'a> {
    pub(super) fn put(&mut self, key: impl Into<Cow<'a, str>>, value: Node<'a>) {
        self.0.push((plain(key), value));
    }

    /// What the file says; nothing where it says nothing.
    pub(super) fn written(&mut self, key: &'static str, of: Option<&'a Template>) -> Result<(), DocumentError> {
        if let Some(of) = of
            && !is_nothing(&of.kind)
        {
            self.put(key, template(of)?);
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Node<'a> {
        node(NodeKind::Mapping(self.0.into()))
    }
}

pub(super) fn is_nothing(kind: &TemplateKind) -> bool {
    match kind {
        TemplateKind::Null => true,
        TemplateKind::Sequence(items) => items.is_empty(),
        TemplateKind::Mapping(pairs) => pairs.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_TEXT, literal, number};
    use crate::document::DocumentError;
    use crate::yaml::NodeKind;

    #[test]
    fn numbers_are_written_as_the_language_writes_them() {
        let text = |value: f64, written: Option<&str>| match number(value, written).kind {
            NodeKind::Number(_, text) => text.into_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(text(3.1, Some("3.10")), "3.1");
        assert_eq!(text(255.0, Some("0xff")), "255");
        assert_eq!(text(1e21, None), "1E+21");
        assert_eq!(text(12_345_678_901_234_567.0, Some("12345678901234567")), "12345678901234567");
        assert_eq!(text(0.123_456_789_012_345_68, None), "0.12345678901234568");
        assert_eq!((text(f64::NAN, None), text(f64::NEG_INFINITY, None)), (".nan".into(), "-.inf".into()));
    }

    #[test]
    fn texts_are_kept_from_being_evaluated() {
        let text = |text: &str| literal(text.to_owned()).map(|node| node.as_str().unwrap().to_owned());
        assert_eq!(text("it's {{ x }}").unwrap(), "it's {{ x }}");
        assert_eq!(text("a ${{ 'b' }}").unwrap(), "${{ 'a ${{ ''b'' }}' }}");
        let long = format!("${{{{{}", "x".repeat(LONGEST_TEXT));
        assert_eq!(text(&long), Err(DocumentError::Text { characters: 20_003, limit: LONGEST_TEXT }));
    }
}
