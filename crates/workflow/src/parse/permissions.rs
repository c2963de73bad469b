//! `permissions`.

use super::entries::{Entries, literal};
use crate::model::{PermissionLevel, Permissions};
use crate::template::{Template, TemplateKind};
use crate::yaml::Spanned;

/// The permissions of a value that has the shape.
pub(super) fn permissions(template: Template) -> Option<Permissions> {
    let span = template.span;
    match &template.kind {
        TemplateKind::String(text) => {
            let level = match &**text {
                "read-all" => PermissionLevel::Read,
                "write-all" => PermissionLevel::Write,
                _ => return None,
            };
            Some(Permissions::All(Spanned::new(level, span)))
        }
        TemplateKind::Mapping(_) => {
            let scopes = Entries::of(template).into_list().filter_map(|(scope, value)| {
                let level = match literal(&value)? {
                    "read" => PermissionLevel::Read,
                    "write" => PermissionLevel::Write,
                    "none" => PermissionLevel::None,
                    _ => return None,
                };
                Some((scope.map(|scope| scope.to_string()), Spanned::new(level, value.span)))
            });
            Some(Permissions::Scopes(scopes.collect(), span))
        }
        _ => None,
    }
}
