//! Routes with their documentation: one call adds the row, the handler and the operation of the OpenAPI document,
//! so that none can be forgotten.

use axum::handler::Handler;
use serde_json::{Value, json};
use trimtab_edge::{Edge, Gate, Route, Routes};
use utoipa::{
    ToSchema,
    openapi::{RefOr, Schema},
};

use crate::state::Api;

/// A parameter of the query string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    name: &'static str,
    schema: &'static str,
    about: &'static str,
}

/// A text parameter.
pub(crate) const fn text(name: &'static str, about: &'static str) -> Param {
    Param {
        name,
        schema: "string",
        about,
    }
}

/// A whole number.
pub(crate) const fn integer(name: &'static str, about: &'static str) -> Param {
    Param {
        name,
        schema: "integer",
        about,
    }
}

/// A yes or no.
pub(crate) const fn flag(name: &'static str, about: &'static str) -> Param {
    Param {
        name,
        schema: "boolean",
        about,
    }
}

/// One operation, about to be added.
pub(crate) struct Operation {
    route: Route,
    id: &'static str,
    summary: &'static str,
    params: Vec<Param>,
    body: Option<Value>,
    answer: Option<Value>,
    schemas: Vec<(String, RefOr<Schema>)>,
}

/// An operation: its route, its id (for generated clients) and one sentence.
pub(crate) fn operation(route: Route, id: &'static str, summary: &'static str) -> Operation {
    Operation {
        route,
        id,
        summary,
        params: Vec::new(),
        body: None,
        answer: None,
        schemas: Vec::new(),
    }
}

impl Operation {
    /// Its query parameters.
    pub(crate) fn query<const N: usize>(mut self, params: [Param; N]) -> Self {
        self.params = params.into();
        self
    }

    /// Its JSON body.
    pub(crate) fn body<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.body = Some(json!({ "application/json": { "schema": schema } }));
        self
    }

    /// Its body of another kind.
    pub(crate) fn raw_body(mut self, media: &'static str) -> Self {
        self.body = Some(json!({ media: { "schema": { "type": "string", "format": "binary" } } }));
        self
    }

    /// Its JSON answer.
    pub(crate) fn answers<T: ToSchema>(mut self) -> Self {
        let schema = self.schema::<T>();
        self.answer = Some(json!({ "application/json": { "schema": schema } }));
        self
    }

    /// Its JSON answer: a page of these.
    pub(crate) fn answers_list<T: ToSchema>(mut self) -> Self {
        self.schema::<T>();
        self.answers::<crate::wire::List<T>>()
    }

    /// Its answer of another kind.
    pub(crate) fn raw_answer(mut self, media: &'static str) -> Self {
        self.answer = Some(json!({ media: { "schema": { "type": "string" } } }));
        self
    }

    fn schema<T: ToSchema>(&mut self) -> Value {
        let name = T::name().into_owned();
        let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
        self.schemas.push((name, T::schema()));
        T::schemas(&mut self.schemas);
        reference
    }
}

/// Routes and their document, growing together.
pub(crate) struct Documented {
    pub(crate) routes: Routes<Api>,
    operations: Vec<Operation>,
}

impl Documented {
    pub(crate) fn new() -> Self {
        Self {
            routes: Routes::new(Edge::Api),
            operations: Vec::new(),
        }
    }

    pub(crate) fn add<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        self.routes = self.routes.route(operation.route.clone(), handler);
        self.operations.push(operation);
        self
    }

    /// The OpenAPI 3.1 document.
    pub(crate) fn document(&self) -> Value {
        let mut paths = serde_json::Map::new();
        let mut schemas = std::collections::BTreeMap::new();
        let refusal = operation(Route::public("", ""), "", "").answers::<crate::wire::ErrorBody>();
        for operation in self.operations.iter().chain([&refusal]) {
            for (name, schema) in &operation.schemas {
                schemas.insert(
                    name.clone(),
                    serde_json::to_value(schema).unwrap_or_default(),
                );
            }
        }
        for operation in &self.operations {
            let path = paths
                .entry(operation.route.path.replace("{*", "{"))
                .or_insert_with(|| json!({}));
            let method = operation.route.method.as_str().to_ascii_lowercase();
            path[method] = describe(operation, refusal.answer.as_ref());
        }
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Trimtab",
                "version": "v1",
                "description": "Trimtab's own API. Times are RFC 3339 in UTC, ids are 32 hexadecimal digits. Lists answer `items` and, when there is more, `next`, to be given as `page`.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "security": [{}, { "token": [] }],
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        })
    }
}

fn describe(operation: &Operation, refusal: Option<&Value>) -> Value {
    let path = operation.route.path;
    let in_path = path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let name = name.trim_start_matches('*');
        Some(
            json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }),
        )
    });
    let in_query = operation.params.iter().map(|param| {
        json!({
            "name": param.name, "in": "query", "required": false, "description": param.about,
            "schema": { "type": param.schema },
        })
    });
    let parameters: Vec<Value> = in_path.chain(in_query).collect();
    let role = match operation.route.gate {
        Gate::Public => "none",
        Gate::Needs(trimtab_types::Verb::Read) => "viewer",
        Gate::Needs(trimtab_types::Verb::Write) => "editor",
        Gate::Needs(trimtab_types::Verb::Operate) => "operator",
        Gate::Needs(trimtab_types::Verb::Admin) => "admin",
    };
    let mut answer = json!({ "description": "Done." });
    if let Some(content) = &operation.answer {
        answer["content"] = content.clone();
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.route.resource],
        "x-role": role,
        "parameters": parameters,
        "responses": {
            "200": answer,
            "default": { "description": "Refused, or failed.", "content": refusal },
        },
    });
    if let Some(content) = &operation.body {
        described["requestBody"] = json!({ "required": true, "content": content });
    }
    described
}
