//! From templates to values.

use super::{ExpressionText, Template, TemplateKey, TemplateKind};
use crate::expr::{EvaluationError, Object, Scope, TEMPLATE_MEMORY, Value, ValueKind, text_bytes};
use std::sync::Arc;

/// How deep the result of a template may be nested.
pub const MAX_DEPTH: usize = 50;

/// The reference's count for anything that is held.
const OBJECT: usize = 24;

impl ExpressionText {
    /// Evaluates it within the memory of templates.
    ///
    /// # Errors
    /// As [`crate::expr::Expression::evaluate`].
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        self.expression.evaluate_within(scope, TEMPLATE_MEMORY)
    }
}

impl Template {
    /// The value: expressions are replaced by what they give and keep their type; a list that an expression gives as an item of a
    /// sequence takes the item's place; `${{ insert }}` merges a mapping in.
    ///
    /// # Errors
    /// When an expression fails, a key comes twice, or the result grows past 10 MiB or 50 levels.
    pub fn evaluate(&self, scope: &dyn Scope) -> Result<Value, EvaluationError> {
        Evaluation { scope, bytes: 0 }.node(self, 1)
    }

    /// The value as text.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is a list or a mapping.
    pub fn evaluate_text(&self, scope: &dyn Scope) -> Result<Arc<str>, EvaluationError> {
        let value = self.evaluate(scope)?;
        if value.is_primitive() { Ok(value.to_shared_text()) } else { Err(wrong_type("String", &value)) }
    }

    /// The truth of a condition.
    ///
    /// # Errors
    /// As [`Template::evaluate`].
    pub fn evaluate_condition(&self, scope: &dyn Scope) -> Result<bool, EvaluationError> {
        Ok(self.evaluate(scope)?.is_truthy())
    }

    /// The value, which must be a boolean: the text `'true'` is none.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is no boolean.
    pub fn evaluate_bool(&self, scope: &dyn Scope) -> Result<bool, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Bool(value) => Ok(value),
            other => {
                Err(wrong_value("Boolean", "a boolean was expected; fromJSON turns the text 'true' into one", &other))
            }
        }
    }

    /// The value, which must be a number: the text `'5'` is none.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is no number.
    pub fn evaluate_number(&self, scope: &dyn Scope) -> Result<f64, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Number(value) => Ok(value),
            other => Err(wrong_value("Number", "a number was expected; fromJSON turns the text '5' into one", &other)),
        }
    }

    /// The entries of a mapping, in order; `null` has none.
    ///
    /// # Errors
    /// As [`Template::evaluate`], and when the value is no mapping.
    pub fn evaluate_mapping(&self, scope: &dyn Scope) -> Result<Vec<(String, Value)>, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Null => Ok(Vec::new()),
            Value::Object(object) => Ok(object.iter().map(|(key, value)| (key.to_owned(), value.clone())).collect()),
            other => Err(wrong_type("Object", &other)),
        }
    }

    /// The entries of a mapping of texts (`env`, `with`, outputs, secrets), in order; `null` has none.
    ///
    /// # Errors
    /// As [`Template::evaluate_mapping`], and when a value is a list or a mapping, or a key is empty.
    pub fn evaluate_texts(&self, scope: &dyn Scope) -> Result<Vec<(String, Arc<str>)>, EvaluationError> {
        let text = |(key, value): (String, Value)| {
            if key.is_empty() {
                let problem = "a name may not be empty".to_owned();
                return Err(EvaluationError::Value { key, value: String::new(), problem });
            }
            if value.is_primitive() {
                return Ok((key, value.to_shared_text()));
            }
            Err(EvaluationError::Type { key, expected: "String", found: value.kind() })
        };
        self.evaluate_mapping(scope)?.into_iter().map(text).collect()
    }
}

fn wrong_type(expected: &'static str, found: &Value) -> EvaluationError {
    EvaluationError::Type { key: String::new(), expected, found: found.kind() }
}

fn wrong_value(expected: &'static str, problem: &str, found: &Value) -> EvaluationError {
    if found.is_primitive() && found.kind() != ValueKind::Null {
        EvaluationError::Value { key: String::new(), value: found.to_text().into_owned(), problem: problem.to_owned() }
    } else {
        wrong_type(expected, found)
    }
}

struct Evaluation<'a> {
    scope: &'a dyn Scope,
    bytes: usize,
}

impl Evaluation<'_> {
    fn add(&mut self, bytes: usize) -> Result<(), EvaluationError> {
        self.bytes += bytes;
        if self.bytes > TEMPLATE_MEMORY { Err(EvaluationError::Memory { limit: TEMPLATE_MEMORY }) } else { Ok(()) }
    }

    fn enter(depth: usize) -> Result<(), EvaluationError> {
        if depth > MAX_DEPTH { Err(EvaluationError::Depth { limit: MAX_DEPTH }) } else { Ok(()) }
    }

    /// Counts a value that an expression gave.
    fn count(&mut self, value: &Value, depth: usize) -> Result<(), EvaluationError> {
        Self::enter(depth)?;
        match value {
            Value::String(text) => self.add(OBJECT + text_bytes(text)),
            Value::Array(items) => {
                self.add(OBJECT)?;
                items.iter().try_for_each(|item| self.count(item, depth + 1))
            }
            Value::Object(object) => {
                self.add(OBJECT)?;
                object.iter().try_for_each(|(key, item)| {
                    self.add(OBJECT + text_bytes(key))?;
                    self.count(item, depth + 1)
                })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.add(OBJECT),
        }
    }

    fn expression(&mut self, expression: &ExpressionText, depth: usize) -> Result<Value, EvaluationError> {
        let value = expression.evaluate(self.scope)?;
        self.count(&value, depth)?;
        Ok(value)
    }

    fn node(&mut self, node: &Template, depth: usize) -> Result<Value, EvaluationError> {
        Self::enter(depth)?;
        match &node.kind {
            TemplateKind::Null | TemplateKind::Insert => Ok(Value::Null),
            TemplateKind::Bool(value) => Ok(Value::Bool(*value)),
            TemplateKind::Number(value, _) => Ok(Value::Number(*value)),
            TemplateKind::String(text) => {
                self.add(OBJECT + text_bytes(text))?;
                Ok(Value::String(Arc::clone(text)))
            }
            TemplateKind::Expression(expression) => self.expression(expression, depth),
            TemplateKind::Sequence(items) => {
                self.add(OBJECT)?;
                let mut values = Vec::with_capacity(items.len());
                for item in items {
                    match (&item.kind, self.node(item, depth + 1)?) {
                        (TemplateKind::Expression(_), Value::Array(inner)) => values.extend(inner.iter().cloned()),
                        (_, value) => values.push(value),
                    }
                }
                Ok(Value::array(values))
            }
            TemplateKind::Mapping(pairs) => {
                self.add(OBJECT)?;
                let mut object = Object::new();
                for (key, value) in pairs {
                    self.pair(&mut object, key, value, depth)?;
                }
                Ok(Value::object(object))
            }
        }
    }

    fn pair(
        &mut self,
        object: &mut Object,
        key: &TemplateKey,
        value: &Template,
        depth: usize,
    ) -> Result<(), EvaluationError> {
        let key: Arc<str> = match key {
            TemplateKey::Literal(key) => Arc::clone(&key.value),
            TemplateKey::Expression(key) => {
                let key = self.expression(&key.value, depth + 1)?;
                if !key.is_primitive() {
                    return Err(wrong_type("String", &key));
                }
                key.to_shared_text()
            }
            TemplateKey::Insert(_) => {
                let value = self.node(value, depth)?;
                let Value::Object(inserted) = &value else { return Err(wrong_type("Object", &value)) };
                return inserted.entries().try_for_each(|(key, value)| insert(object, Arc::clone(key), value.clone()));
            }
        };
        self.add(OBJECT + text_bytes(&key))?;
        let value = self.node(value, depth + 1)?;
        insert(object, key, value)
    }
}

fn insert(object: &mut Object, key: Arc<str>, value: Value) -> Result<(), EvaluationError> {
    if object.contains_key(&key) {
        return Err(EvaluationError::DuplicateKey { key: key.to_string() });
    }
    object.insert(key, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Template, TemplateKey, TemplateKind};
    use crate::expr::{Availability, EvaluationError, MapScope, Value, parse_json, write_json};
    use crate::template::scan;
    use crate::yaml::{Span, Spanned};

    fn scalar(text: &str) -> Template {
        Template { kind: scan(text, &Availability::ALL).unwrap(), span: Span::default() }
    }

    fn mapping(pairs: Vec<(&str, Template)>) -> Template {
        let pairs = pairs.into_iter().map(|(key, value)| {
            let key = match scan(key, &Availability::ALL).unwrap() {
                TemplateKind::String(key) => TemplateKey::Literal(Spanned::new(key, Span::default())),
                TemplateKind::Insert => TemplateKey::Insert(Span::default()),
                TemplateKind::Expression(key) => TemplateKey::Expression(Spanned::new(key, Span::default())),
                _ => panic!("{key}"),
            };
            (key, value)
        });
        Template { kind: TemplateKind::Mapping(pairs.collect()), span: Span::default() }
    }

    fn scope(json: &str) -> MapScope {
        MapScope::from_object(parse_json(json).unwrap().as_object().unwrap())
    }

    fn compact(value: &Value) -> String {
        write_json(value).replace("\n", "").replace("  ", "")
    }

    #[test]
    fn expressions_keep_their_type_and_lists_flatten_one_level() {
        let scope = scope(r#"{"inputs":{"list":["a",["b"]],"n":2,"o":{"k":true}}}"#);
        let list = Template {
            kind: TemplateKind::Sequence(vec![scalar("x"), scalar("${{ inputs.list }}"), scalar("${{ inputs.n }}")]),
            span: Span::default(),
        };
        let template = mapping(vec![("l", list), ("o", scalar("${{ inputs.o }}")), ("t", scalar("n=${{ inputs.n }}"))]);
        assert_eq!(
            compact(&template.evaluate(&scope).unwrap()),
            r#"{"l": ["x","a",["b"],2],"o": {"k": true},"t": "n=2"}"#
        );
    }

    #[test]
    fn keys_are_evaluated_and_mappings_inserted() {
        let scope = scope(r#"{"inputs":{"k":"key","o":{"a":1,"b":2}}}"#);
        let template = mapping(vec![
            ("x", scalar("0")),
            ("${{ insert }}", scalar("${{ inputs.o }}")),
            ("my-${{ inputs.k }}", scalar("1")),
        ]);
        assert_eq!(compact(&template.evaluate(&scope).unwrap()), r#"{"x": "0","a": 1,"b": 2,"my-key": "1"}"#);
        let twice = mapping(vec![("A", scalar("0")), ("${{ insert }}", scalar("${{ inputs.o }}"))]);
        assert_eq!(twice.evaluate(&scope), Err(EvaluationError::DuplicateKey { key: "a".to_owned() }));
        let wrong = mapping(vec![("${{ insert }}", scalar("${{ inputs.k }}"))]);
        assert!(wrong.evaluate(&scope).is_err());
    }

    #[test]
    fn typed_results() {
        let scope = scope(r#"{"inputs":{"t":true,"n":5,"s":"true","o":{"a":1}}}"#);
        assert_eq!(scalar("${{ inputs.t }}").evaluate_bool(&scope), Ok(true));
        let message = scalar("${{ inputs.s }}").evaluate_bool(&scope).unwrap_err().to_string();
        assert!(message.starts_with("Unexpected value 'true'"), "{message}");
        assert_eq!(scalar("${{ inputs.n }}").evaluate_number(&scope), Ok(5.0));
        assert!(scalar("5").evaluate_number(&scope).is_err());
        assert_eq!(scalar("${{ inputs.n }}").evaluate_text(&scope).as_deref(), Ok("5"));
        assert!(scalar("${{ inputs.o }}").evaluate_text(&scope).is_err());
        assert_eq!(scalar("${{ inputs.o }}").evaluate_mapping(&scope), Ok(vec![("a".to_owned(), Value::Number(1.0))]));
    }

    #[test]
    fn a_mapping_of_texts_holds_no_lists() {
        let scope = scope(r#"{"inputs":{"list":["a"],"o":{"k":true},"n":1.5,"none":null}}"#);
        let fine = mapping(vec![("n", scalar("${{ inputs.n }}")), ("none", scalar("${{ inputs.none }}"))]);
        let texts = fine.evaluate_texts(&scope).unwrap();
        assert_eq!(texts, [("n".to_owned(), "1.5".into()), ("none".to_owned(), "".into())]);
        for (value, kind) in [("${{ inputs.list }}", "Array"), ("${{ inputs.o }}", "Object")] {
            let message = mapping(vec![("A", scalar(value))]).evaluate_texts(&scope).unwrap_err().to_string();
            assert!(message.starts_with(&format!("Unexpected type '{kind}'")) && message.contains("'A'"), "{message}");
        }
        let nameless = mapping(vec![("${{ inputs.none }}", scalar("x"))]);
        assert!(nameless.evaluate_texts(&scope).unwrap_err().to_string().starts_with("Unexpected value ''"));
    }

    #[test]
    fn results_are_bounded() {
        let wide = Value::array(vec![Value::from("x".repeat(1000)); 1000]);
        let scope = MapScope::new().with("inputs", [("a", wide)].into_iter().collect::<crate::expr::Object>());
        let item = || scalar("${{ inputs.a }}");
        let one = mapping(vec![("a", item())]);
        assert!(one.evaluate(&scope).is_ok());
        let many =
            mapping(vec![("a", item()), ("b", item()), ("c", item()), ("d", item()), ("e", item()), ("f", item())]);
        assert!(matches!(many.evaluate(&scope), Err(EvaluationError::Memory { .. })));
        let deep = scalar(&format!("${{{{ fromJSON('{}{}') }}}}", "[".repeat(60), "]".repeat(60)));
        assert!(matches!(deep.evaluate(&scope), Err(EvaluationError::Depth { .. })));
    }
}
