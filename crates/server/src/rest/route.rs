//! One route as data. Called by the tables of the rooms' routes.

use super::guard::Need;
use crate::plane::Plane;
use api::Right;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{self, MethodFilter, MethodRouter};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// The schemas that a shape needs, by name.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

/// A route.
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// What it does, for people.
    pub(super) about: &'static str,
    pub(super) need: Need,
    pub(super) query: Vec<Parameter>,
    pub(super) takes: Option<RefOr<Schema>>,
    pub(super) gives: Vec<(u16, Gives)>,
    pub(super) schemas: Schemas,
    pub(super) handler: MethodRouter<Plane>,
}

/// What an answer holds.
pub(super) enum Gives {
    /// Nothing: the status says all.
    Nothing,
    /// Text.
    Text,
    /// A document of JSON, which describes itself.
    Document,
    /// A shape.
    Shape(Box<RefOr<Schema>>),
}

/// A route without its answerer.
pub(super) struct Draft(Route);

pub(super) fn get(path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    draft(Method::GET, path, need, about)
}

pub(super) fn post(path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    draft(Method::POST, path, need, about)
}

pub(super) fn put(path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    draft(Method::PUT, path, need, about)
}

pub(super) fn patch(path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    draft(Method::PATCH, path, need, about)
}

pub(super) fn delete(path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    draft(Method::DELETE, path, need, about)
}

fn draft(method: Method, path: &'static str, need: impl Into<Need>, about: &'static str) -> Draft {
    Draft(Route {
        method,
        path,
        about,
        need: need.into(),
        query: Vec::new(),
        takes: None,
        gives: Vec::new(),
        schemas: Vec::new(),
        handler: MethodRouter::new(),
    })
}

impl Draft {
    /// Questions of a shape.
    pub(super) fn query<T: IntoParams>(mut self) -> Self {
        self.0.query.extend(T::into_params(|| Some(utoipa::openapi::path::ParameterIn::Query)));
        self
    }

    /// A body of a shape.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        self.0.takes = Some(self.shape::<T>());
        self
    }

    /// An answer of a shape.
    pub(super) fn gives<T: ToSchema>(mut self, status: u16) -> Self {
        let shape = self.shape::<T>();
        self.0.gives.push((status, Gives::Shape(Box::new(shape))));
        self
    }

    /// An answer that is a bare list of a shape.
    pub(super) fn gives_list<T: ToSchema>(mut self, status: u16) -> Self {
        let shape = self.shape::<T>();
        let list = utoipa::openapi::schema::ArrayBuilder::new().items(shape).build();
        self.0.gives.push((status, Gives::Shape(Box::new(RefOr::T(Schema::Array(list))))));
        self
    }

    /// An answer without a body.
    pub(super) fn gives_nothing(mut self, status: u16) -> Self {
        self.0.gives.push((status, Gives::Nothing));
        self
    }

    /// An answer of text.
    pub(super) fn gives_text(mut self, status: u16) -> Self {
        self.0.gives.push((status, Gives::Text));
        self
    }

    /// A document of JSON.
    pub(super) fn gives_document(mut self, status: u16) -> Self {
        self.0.gives.push((status, Gives::Document));
        self
    }

    /// Who answers.
    pub(super) fn by<H: Handler<T, Plane>, T: 'static>(mut self, handler: H) -> Route {
        // Every method of the builders above is one that axum knows.
        let filter = MethodFilter::try_from(self.0.method.clone()).unwrap_or(MethodFilter::GET);
        self.0.handler = routing::on(filter, handler);
        self.0
    }

    fn shape<T: ToSchema>(&mut self) -> RefOr<Schema> {
        let name = T::name().into_owned();
        self.0.schemas.push((name.clone(), <T as PartialSchema>::schema()));
        T::schemas(&mut self.0.schemas);
        RefOr::Ref(utoipa::openapi::Ref::from_schema_name(name))
    }
}

/// The right that a route of a place needs there.
impl From<Right> for Need {
    fn from(right: Right) -> Self {
        Self::Here(right)
    }
}
