//! What a job gives to the workflow that it calls, checked against what that asks for.

use crate::diagnostic::{Diagnostic, Severity, code};
use crate::model::{CallInput, CallSecret, ReusableJob, SecretsGiven, TriggerKind, Workflow};
use crate::nearest::nearest;
use crate::parse;
use crate::template::{Template, TemplateKey, TemplateKind};
use crate::yaml::Span;

/// Checks inputs and secrets of one call.
pub(super) fn check(job: &ReusableJob, callee: &Workflow, out: &mut Vec<Diagnostic>) {
    let call = callee.on.iter().find_map(|trigger| match &trigger.kind {
        TriggerKind::Call { inputs, secrets, .. } => Some((inputs, secrets)),
        _ => None,
    });
    let Some((inputs, secrets)) = call else {
        let message = "workflow_call key is not defined in the referenced workflow.";
        let help =
            Some(format!("'{}' is called as a reusable workflow: add 'workflow_call:' to its 'on'", job.uses.value));
        return out.push(error(code::NOT_CALLABLE, callee.on_span, message.to_owned(), help));
    };
    check_inputs(job, inputs, out);
    check_secrets(job, secrets, out);
}

fn check_inputs(job: &ReusableJob, declared: &[CallInput], out: &mut Vec<Diagnostic>) {
    let given = job.with.as_ref().map(Given::of).unwrap_or_default();
    for input in declared {
        match given.find(&input.id) {
            Some(value) if !parse::fits(input.kind, value) => {
                let message = format!("Unexpected value '{}'", parse::shown(value));
                let help = Some(format!("the input '{}' is declared as {}", input.id.value, input.kind));
                out.push(error(code::WRONG_TYPE, value.span, message, help));
            }
            Some(_) => {}
            None if input.required && !given.computed => {
                let message = format!("Input {} is required, but not provided while calling.", input.id.value);
                out.push(error(
                    code::CALL_INPUT,
                    job.uses.span,
                    message,
                    Some(format!("add it to 'with': '{}: …'", input.id.value)),
                ));
            }
            None => {}
        }
    }
    for (name, value) in &given.entries {
        if !declared.iter().any(|input| input.id.eq_ignore_ascii_case(name)) {
            let message = format!("Invalid input, {name} is not defined in the referenced workflow.");
            out.push(error(
                code::CALL_INPUT,
                value.span,
                message,
                meant(name, declared.iter().map(|input| input.id.as_str())),
            ));
        }
    }
}

fn check_secrets(job: &ReusableJob, declared: &[CallSecret], out: &mut Vec<Diagnostic>) {
    let given = match &job.secrets {
        SecretsGiven::Inherit(_) => return,
        SecretsGiven::None => Given::default(),
        SecretsGiven::Given(template) => Given::of(template),
    };
    for secret in declared {
        if secret.required && !given.computed && given.find(&secret.id).is_none() {
            let message = format!("Secret {} is required, but not provided while calling.", secret.id.value);
            let help = Some("give it under 'secrets', or write 'secrets: inherit'".to_owned());
            out.push(error(code::CALL_SECRET, job.uses.span, message, help));
        }
    }
    for (name, value) in &given.entries {
        if !declared.iter().any(|secret| secret.id.eq_ignore_ascii_case(name)) {
            let message = format!("Invalid secret, {name} is not defined in the referenced workflow.");
            out.push(error(
                code::CALL_SECRET,
                value.span,
                message,
                meant(name, declared.iter().map(|secret| secret.id.as_str())),
            ));
        }
    }
}

/// What `with` or `secrets` gives.
#[derive(Default)]
struct Given<'a> {
    entries: Vec<(&'a str, &'a Template)>,
    /// Keys are expressions: what is given is known later.
    computed: bool,
}

impl<'a> Given<'a> {
    fn of(template: &'a Template) -> Self {
        let TemplateKind::Mapping(pairs) = &template.kind else {
            return Self { entries: Vec::new(), computed: !matches!(template.kind, TemplateKind::Null) };
        };
        let literal = |(key, value): &'a (TemplateKey, Template)| match key {
            TemplateKey::Literal(key) => Some((&*key.value, value)),
            TemplateKey::Expression(_) | TemplateKey::Insert(_) => None,
        };
        let entries: Vec<_> = pairs.iter().filter_map(literal).collect();
        Self { computed: entries.len() < pairs.len(), entries }
    }

    fn find(&self, name: &str) -> Option<&'a Template> {
        self.entries.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }
}

fn meant<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|near| format!("did you mean '{near}'?"))
}

/// An error of the plan.
pub(super) fn error(code: &'static str, span: Span, message: String, help: Option<String>) -> Diagnostic {
    Diagnostic { code, severity: Severity::Error, message, help, span }
}
