//! Walks a tree of nodes along its shape: finds expressions, coerces scalars, refuses what may not stand there. What comes out
//! has the shape wherever nothing was reported.

use super::candidates::Candidates;
use super::findings::Findings;
use super::fit::{as_text, expected, matches};
use super::schema::{Mapping, Need, Others, Rule, Shape, Text};
use super::seen::Seen;
use crate::diagnostic::code;
use crate::expr::Availability;
use crate::nearest::nearest;
use crate::template::{self, Template, TemplateKey, TemplateKind};
use crate::yaml::{Node, NodeKind, Span, Spanned};
use std::sync::Arc;

/// Reads a document along a shape.
pub(super) fn read(source: &str, node: &Node<'_>, shape: &'static Shape, findings: &mut Findings) -> Template {
    Reader { source, findings }.value(node, shape, None)
}

type Allows = Option<&'static Availability>;

struct Reader<'a> {
    source: &'a str,
    findings: &'a mut Findings,
}

/// Anything, for values whose key is an expression.
static ANYTHING: Shape = Shape {
    allows: None,
    of: &[
        Rule::Null,
        Rule::Bool,
        Rule::Number,
        Rule::Text(Text::Any),
        Rule::Sequence(&ANYTHING),
        Rule::Mapping(&Mapping { keys: &[], others: Others::Allowed(&ANYTHING) }),
    ],
};

impl Reader<'_> {
    fn value(&mut self, node: &Node<'_>, shape: &'static Shape, around: Allows) -> Template {
        let allows = shape.allows.or(around);
        let kind = match &node.kind {
            NodeKind::Sequence(items) => self.sequence(items, node.span, shape, allows),
            NodeKind::Mapping(pairs) => self.mapping(pairs, node.span, shape, allows),
            _ => self.scalar(node, shape, allows),
        };
        Template { kind, span: node.span }
    }

    fn sequence(&mut self, items: &[Node<'_>], span: Span, shape: &'static Shape, allows: Allows) -> TemplateKind {
        let item = shape.of.iter().find_map(|rule| match rule {
            Rule::Sequence(item) => Some(*item),
            _ => None,
        });
        let Some(item) = item else {
            self.findings.error_with(code::WRONG_TYPE, span, "A sequence was not expected", expected(shape));
            return TemplateKind::Sequence(Vec::new());
        };
        TemplateKind::Sequence(items.iter().map(|node| self.value(node, item, allows)).collect())
    }

    fn mapping(
        &mut self,
        pairs: &[(Node<'_>, Node<'_>)],
        span: Span,
        shape: &'static Shape,
        allows: Allows,
    ) -> TemplateKind {
        let mut candidates = Candidates::of(shape);
        let Some(others) = candidates.others() else {
            self.findings.error_with(code::WRONG_TYPE, span, "A mapping was not expected", expected(shape));
            return TemplateKind::Mapping(Vec::new());
        };
        let mut seen = Seen::new(pairs.len());
        let mut entries = Vec::with_capacity(pairs.len());
        let mut computed_key = false;
        for (key, value) in pairs {
            let name = match self.key(key, allows) {
                MappingKey::Literal(name) => name,
                MappingKey::Computed(key) => {
                    computed_key = true;
                    let value_shape = candidates.free_values().unwrap_or(&ANYTHING);
                    entries.push((key, self.value(value, value_shape, allows)));
                    continue;
                }
                MappingKey::Refused => continue,
            };
            if &*name == "<<" && matches!(value.kind, NodeKind::Mapping(_) | NodeKind::Sequence(_)) {
                let help = Some("write the entries out, or use the anchor for the whole value".to_owned());
                self.findings.error_with(code::UNKNOWN_KEY, key.span, "Merge keys are not supported: '<<'", help);
                continue;
            }
            if !seen.insert(&name, &entries) {
                self.findings.error(code::DUPLICATE_KEY, key.span, format!("'{name}' is already defined"));
                continue;
            }
            let value_shape = match candidates.narrow(&name) {
                Some(known) => known.value,
                None => match others {
                    Others::Allowed(value) => {
                        if name.is_empty() {
                            self.findings.error(code::WRONG_TYPE, key.span, "Unexpected value ''");
                        }
                        value
                    }
                    Others::Refused | Others::Ignored => {
                        // A key in the wrong case does not make the right one a duplicate.
                        seen.forget(&name);
                        self.unknown_key(candidates, &name, key.span);
                        self.excluded(shape, &name, &entries);
                        continue;
                    }
                },
            };
            let value = self.value(value, value_shape, allows);
            entries.push((TemplateKey::Literal(Spanned::new(name, key.span)), value));
        }
        self.missing(candidates, &seen, &entries, computed_key, span);
        TemplateKind::Mapping(entries)
    }

    fn missing(
        &mut self,
        candidates: Candidates,
        seen: &Seen,
        entries: &[(TemplateKey, Template)],
        computed_key: bool,
        span: Span,
    ) {
        let message = if let Some(only) = candidates.only() {
            for key in only.keys {
                if key.need == Need::Required && !computed_key && !seen.contains(key.name, entries) {
                    self.findings.error(code::MISSING_KEY, span, format!("Required property is missing: {}", key.name));
                }
            }
            return;
        } else if self.findings.is_full() {
            String::new()
        } else {
            format!(
                "There's not enough info to determine what you meant. Add one of these properties: {}",
                candidates.telling_keys().join(", ")
            )
        };
        self.findings.error(code::MISSING_KEY, span, message);
    }

    fn unknown_key(&mut self, candidates: Candidates, name: &str, span: Span) {
        let (message, help) = if !self.findings.helps() {
            (format!("Unexpected value '{name}'"), None)
        } else {
            let help = nearest(name, candidates.keys()).map(|near| format!("did you mean '{near}'?")).or_else(|| {
                let mut known: Vec<&str> = candidates.keys().collect();
                known.sort_unstable();
                known.dedup();
                (!known.is_empty()).then(|| format!("known here: {}", known.join(", ")))
            });
            (format!("Unexpected value '{name}'"), help)
        };
        match candidates.others() {
            Some(Others::Ignored) => self.findings.warning(code::UNKNOWN_KEY, span, message, help),
            _ => self.findings.error_with(code::UNKNOWN_KEY, span, message, help),
        }
    }

    /// A key that one of the other mappings of the shape knows: says at the key before it that the two exclude each other.
    fn excluded(&mut self, shape: &'static Shape, name: &str, entries: &[(TemplateKey, Template)]) {
        let Some(other) = Candidates::of(shape).knowing(name) else { return };
        let against = entries.iter().find_map(|(key, _)| match key {
            TemplateKey::Literal(key) if other.keys.iter().all(|known| known.name != &*key.value) => Some(key),
            _ => None,
        });
        if let Some(against) = against {
            let message = format!("'{}' and '{name}' exclude each other", against.value);
            self.findings.warning(code::EXCLUSIVE, against.span, message, None);
        }
    }

    fn key(&mut self, key: &Node<'_>, allows: Allows) -> MappingKey {
        let text = match &key.kind {
            NodeKind::String(text) => text,
            NodeKind::Sequence(_) | NodeKind::Mapping(_) => {
                self.findings.error(
                    code::WRONG_TYPE,
                    key.span,
                    "Expected a scalar value: a key cannot be a sequence or mapping",
                );
                return MappingKey::Refused;
            }
            _ => return MappingKey::Literal(as_text(&key.kind).into()),
        };
        if template::opening(text).is_none() {
            return MappingKey::Literal(text.as_ref().into());
        }
        match (self.scan(text, key.span, allows), allows) {
            (None, _) => MappingKey::Refused,
            (Some(TemplateKind::String(text)), _) => MappingKey::Literal(text),
            (Some(_), None) => {
                self.not_allowed(key.span);
                MappingKey::Refused
            }
            (Some(TemplateKind::Expression(expression)), Some(_)) => {
                MappingKey::Computed(TemplateKey::Expression(Spanned::new(expression, key.span)))
            }
            (Some(TemplateKind::Insert), Some(_)) => MappingKey::Computed(TemplateKey::Insert(key.span)),
            (Some(_), Some(_)) => MappingKey::Refused,
        }
    }

    fn scalar(&mut self, node: &Node<'_>, shape: &'static Shape, allows: Allows) -> TemplateKind {
        if let NodeKind::String(text) = &node.kind
            && template::opening(text).is_some()
        {
            return match (self.scan(text, node.span, allows), allows) {
                (None, _) => TemplateKind::Null,
                (Some(TemplateKind::String(text)), _) => {
                    self.literal(&NodeKind::String(text.as_ref().into()), node.span, shape)
                }
                (Some(TemplateKind::Insert), _) => {
                    self.findings.error(code::EXPRESSION, node.span, "Unexpected value '${{ insert }}'");
                    TemplateKind::Null
                }
                (Some(_), None) => {
                    self.not_allowed(node.span);
                    TemplateKind::Null
                }
                (Some(kind), Some(_)) => kind,
            };
        }
        self.literal(&node.kind, node.span, shape)
    }

    fn literal(&mut self, kind: &NodeKind<'_>, span: Span, shape: &'static Shape) -> TemplateKind {
        for rule in shape.of {
            match (rule, kind) {
                (Rule::Null, NodeKind::Null) => return TemplateKind::Null,
                (Rule::Bool, NodeKind::Bool(value)) => return TemplateKind::Bool(*value),
                (Rule::Number, NodeKind::Number(value, text)) => {
                    return TemplateKind::Number(*value, text.as_ref().into());
                }
                (Rule::Text(text), NodeKind::String(value)) if matches(text, value) => {
                    return TemplateKind::String(value.as_ref().into());
                }
                _ => {}
            }
        }
        let text = as_text(kind);
        let is_string = matches!(kind, NodeKind::String(_));
        if !is_string && shape.of.iter().any(|rule| matches!(rule, Rule::Text(wanted) if matches(wanted, &text))) {
            return TemplateKind::String(text.into());
        }
        let helps = self.findings.helps();
        let help = shape.of.iter().filter(|_| helps).find_map(|rule| match rule {
            Rule::Text(Text::OneOf(words)) => Some(
                nearest(&text, words.iter().copied())
                    .map_or_else(|| format!("one of: {}", words.join(", ")), |near| format!("did you mean '{near}'?")),
            ),
            _ => None,
        });
        self.findings.error_with(
            code::WRONG_TYPE,
            span,
            format!("Unexpected value '{text}'"),
            help.or_else(|| expected(shape)),
        );
        TemplateKind::Null
    }

    /// The kind of a text that holds `${{`; reports what is wrong with it.
    fn scan(&mut self, text: &str, span: Span, allows: Allows) -> Option<TemplateKind> {
        if !self.findings.admits_expression(template::expression_length(text), span) {
            return None;
        }
        match template::scan(text, allows.unwrap_or(&Availability::ALL)) {
            Ok(kind) => Some(kind),
            Err(error) => {
                super::expression::report_scan(self.findings, self.source, span, text, &error);
                None
            }
        }
    }

    fn not_allowed(&mut self, span: Span) {
        self.findings.error(code::EXPRESSION_NOT_ALLOWED, span, "A template expression is not allowed in this context");
    }
}

enum MappingKey {
    Literal(Arc<str>),
    Computed(TemplateKey),
    Refused,
}
