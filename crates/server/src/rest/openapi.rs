//! The description of the API, from the same table as its routes. Called by its route, and by the test that compares it with `docs/openapi.json`.

use super::guard::Need;
use super::route::{Gives, Route, post};
use super::router::{BASE, table};
use api::Fault;
use std::sync::OnceLock;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    ComponentsBuilder, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder, Ref, RefOr, Required,
    ResponseBuilder, ServerBuilder,
};
use utoipa::{PartialSchema as _, ToSchema as _};

/// The whole description, as JSON.
#[must_use]
pub fn openapi() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| serde_json::to_string_pretty(&document()).map(|text| text + "\n").unwrap_or_default())
}

fn document() -> OpenApi {
    let mut paths = PathsBuilder::new();
    let mut components = ComponentsBuilder::new();
    components = components.schema(Fault::name(), Fault::schema());
    for route in table().into_iter().chain(elsewhere()) {
        for (name, schema) in &route.schemas {
            components = components.schema(name, schema.clone());
        }
        let operation = operation(&route);
        let method = match route.method.as_str() {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "PATCH" => HttpMethod::Patch,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Get,
        };
        paths = paths.path(route.path, utoipa::openapi::PathItem::new(method, operation));
    }
    let token = ApiKey::Header(ApiKeyValue::with_description("Authorization", "`token ekiden_user_…`"));
    let components = components
        .security_scheme("token", SecurityScheme::ApiKey(token))
        .security_scheme("bearer", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build()))
        .security_scheme("basic", SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Basic).build()));
    let info = InfoBuilder::new().title("Ekiden").version("1").description(Some(
        "The REST API of an Ekiden server: Gitea's Actions routes in Gitea's shapes, and its own beside them (ours). Changes only add.",
    ));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([ServerBuilder::new().url(BASE).build()]))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// Routes below the same path that other rooms answer.
fn elsewhere() -> Vec<Route> {
    let about = "Hear of a push, as Gitea, Forgejo and GitHub send it: the project's refs are looked at (ours)";
    // `watch` answers it: it needs no more of the plane than the hints.
    vec![post("/repos/{owner}/{repo}/hooks/push", Need::Signature, about).gives::<api::Heard>(202).by(async || ())]
}

fn operation(route: &Route) -> utoipa::openapi::path::Operation {
    let mut operation = OperationBuilder::new()
        .summary(Some(route.about))
        .description(Some(route.need.words()))
        .operation_id(Some(id(route)))
        .tag(tag(route.path));
    for part in route.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
        let kind =
            if ["run", "job", "runner", "token", "attempt"].contains(&part) { Type::Integer } else { Type::String };
        let schema = ObjectBuilder::new().schema_type(SchemaType::new(kind)).build();
        let parameter = ParameterBuilder::new()
            .name(part)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .schema(Some(schema));
        operation = operation.parameter(parameter.build());
    }
    for parameter in &route.query {
        operation = operation.parameter(parameter.clone());
    }
    if let Some(schema) = &route.takes {
        let content = ContentBuilder::new().schema(Some(schema.clone())).build();
        operation =
            operation.request_body(Some(RequestBodyBuilder::new().content("application/json", content).build()));
    }
    for (status, gives) in &route.gives {
        let response = ResponseBuilder::new().description(word(*status));
        let response = match gives {
            Gives::Nothing => response,
            Gives::Text => {
                let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).build();
                response.content("text/plain", ContentBuilder::new().schema(Some(text)).build())
            }
            Gives::Document => {
                let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::Object)).build();
                response.content("application/json", ContentBuilder::new().schema(Some(object)).build())
            }
            Gives::Shape(schema) => response
                .content("application/json", ContentBuilder::new().schema(Some(schema.as_ref().clone())).build()),
        };
        operation = operation.response(status.to_string(), response.build());
    }
    let fault: RefOr<utoipa::openapi::Schema> = RefOr::Ref(Ref::from_schema_name(Fault::name()));
    let fault = ResponseBuilder::new()
        .description("It did nothing, and says why")
        .content("application/json", ContentBuilder::new().schema(Some(fault)).build());
    operation = operation.response("default", fault.build());
    if matches!(route.need, Need::Nothing | Need::Signature) {
        return operation.build();
    }
    operation
        .securities(Some(
            ["token", "bearer", "basic"].map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new())),
        ))
        .build()
}

const fn word(status: u16) -> &'static str {
    match status {
        201 => "Made",
        202 => "Heard",
        204 => "Done",
        _ => "Here it is",
    }
}

/// `get_repos_owner_repo_actions_runs`
fn id(route: &Route) -> String {
    let path = route.path.replace(['{', '}'], "").replace(['/', '-', '.'], "_");
    format!("{}{path}", route.method.as_str().to_ascii_lowercase())
}

/// What a route is about.
fn tag(path: &str) -> &'static str {
    const TAGS: [&str; 12] = [
        "artifacts",
        "workflows",
        "runners",
        "secrets",
        "variables",
        "jobs",
        "runs",
        "tasks",
        "queue",
        "tokens",
        "audit",
        "projects",
    ];
    TAGS.into_iter().find(|tag| path.split('/').any(|part| part == *tag)).unwrap_or("server")
}
