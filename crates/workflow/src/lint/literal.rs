//! Types of values that a file states literally.

use super::types::Type;
use crate::template::{Template, TemplateKey, TemplateKind};

/// The type of a JSON text.
pub(super) fn json(value: &serde_json::Value) -> Type {
    match value {
        serde_json::Value::Null => Type::Null,
        serde_json::Value::Bool(_) => Type::Bool,
        serde_json::Value::Number(_) => Type::Number,
        serde_json::Value::String(_) => Type::String,
        serde_json::Value::Array(items) => Type::array(items.iter().map(json).reduce(Type::join).unwrap_or(Type::Any)),
        serde_json::Value::Object(entries) => {
            Type::strict(entries.iter().map(|(name, value)| (name.to_lowercase(), json(value))))
        }
    }
}

/// The type of a literal node; `any` where an expression stands, whose type `of_expression` may know.
pub(super) fn template(node: &Template, of_expression: &mut dyn FnMut(&Template) -> Type) -> Type {
    match &node.kind {
        TemplateKind::Null => Type::Null,
        TemplateKind::Bool(_) => Type::Bool,
        TemplateKind::Number(..) => Type::Number,
        TemplateKind::String(_) => Type::String,
        TemplateKind::Expression(_) => of_expression(node),
        TemplateKind::Insert => Type::Any,
        TemplateKind::Sequence(items) => {
            let item = items.iter().map(|item| template(item, of_expression)).reduce(Type::join);
            Type::array(item.unwrap_or(Type::Any))
        }
        TemplateKind::Mapping(pairs) => {
            let mut literal = true;
            let known: Vec<(String, Type)> = pairs
                .iter()
                .filter_map(|(key, value)| match key {
                    TemplateKey::Literal(key) => Some((key.value.to_lowercase(), template(value, of_expression))),
                    TemplateKey::Expression(_) | TemplateKey::Insert(_) => {
                        literal = false;
                        None
                    }
                })
                .collect();
            if literal { Type::strict(known) } else { Type::open(known) }
        }
    }
}
