//! Routes as edges hand them over: every handler comes with its row of the table.

use std::{collections::HashMap, convert::Infallible};

use axum::{
    Router,
    handler::Handler,
    routing::{MethodFilter, on},
};
use http::Method;
use trimtab_types::Verb;

use crate::Edge;

/// Who may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everybody, without credentials: probes, and the console's own files.
    Public,
    /// Whoever may do that in the workspace.
    Needs(Verb),
}

/// How large a request body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLimit {
    /// At most so many bytes, else 413.
    Bytes(u64),
    /// As long as the handler reads it as a stream.
    Unlimited,
}

/// Without another word from the route: enough for a batch of 1,000 metrics or a tensor of a million floats.
const DEFAULT_LIMIT: BodyLimit = BodyLimit::Bytes(16 << 20);

/// One row of the table of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path pattern, in axum's spelling (`/a/{b}`, `/a/{*rest}`).
    pub path: &'static str,
    /// Who may pass.
    pub gate: Gate,
    /// The kind of object behind it, for messages and the audit trail.
    pub resource: &'static str,
    /// How large the body may be.
    pub body_limit: BodyLimit,
}

impl Route {
    /// A row for any method.
    pub fn new(method: Method, path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self {
            method,
            path,
            gate: Gate::Needs(verb),
            resource,
            body_limit: DEFAULT_LIMIT,
        }
    }

    /// A GET.
    pub fn get(path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self::new(Method::GET, path, verb, resource)
    }

    /// A POST.
    pub fn post(path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self::new(Method::POST, path, verb, resource)
    }

    /// A PUT.
    pub fn put(path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self::new(Method::PUT, path, verb, resource)
    }

    /// A PATCH.
    pub fn patch(path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self::new(Method::PATCH, path, verb, resource)
    }

    /// A DELETE.
    pub fn delete(path: &'static str, verb: Verb, resource: &'static str) -> Self {
        Self::new(Method::DELETE, path, verb, resource)
    }

    /// A GET that needs no credentials.
    pub fn public(path: &'static str, resource: &'static str) -> Self {
        Self {
            gate: Gate::Public,
            ..Self::get(path, Verb::Read, resource)
        }
    }

    /// The same with another limit on the body.
    #[must_use]
    pub fn body_limit(mut self, limit: BodyLimit) -> Self {
        self.body_limit = limit;
        self
    }
}

/// An edge's routes: its part of the table together with the handlers. `S` is the state that handlers want,
/// until [`Routes::with_state`] gives it.
#[derive(Debug)]
pub struct Routes<S = ()> {
    pub(crate) edge: Edge,
    pub(crate) table: Vec<Route>,
    pub(crate) router: Router<S>,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// No routes yet.
    pub fn new(edge: Edge) -> Self {
        Self {
            edge,
            table: Vec::new(),
            router: Router::new(),
        }
    }

    /// Adds a row and its handler.
    #[must_use]
    pub fn route<H, T>(mut self, route: Route, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        if let Ok(filter) = MethodFilter::try_from(route.method.clone()) {
            self.router = self.router.route(route.path, on(filter, handler));
            self.table.push(route);
        }
        self
    }

    /// Adds the routes of another value of the same edge.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.table.extend(other.table);
        self.router = self.router.merge(other.router);
        self
    }

    /// Gives the handlers their state.
    pub fn with_state(self, state: S) -> Routes<()> {
        Routes {
            edge: self.edge,
            table: self.table,
            router: self.router.with_state(state),
        }
    }

    /// The rows, for tests that walk them.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The first row, if any, that another edge owns: each edge's tests assert that there is none.
    pub fn stray(&self) -> Option<&Route> {
        self.table.iter().find(|route| !self.edge.owns(route.path))
    }
}

/// The edges do not fit together; a defect that any start of the program shows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// An edge registers a path outside its own.
    #[error("edge {} registers {path}, which it does not own", edge.as_str())]
    Stray {
        /// The edge.
        edge: Edge,
        /// The path.
        path: &'static str,
    },
    /// A method and path are registered twice.
    #[error("{method} {path} is registered twice")]
    Twice {
        /// The method.
        method: Method,
        /// The path.
        path: &'static str,
    },
}

impl From<Infallible> for MountError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The whole table of a listener: what the guard looks requests up in.
#[derive(Debug, Clone, Default)]
pub struct Table {
    rows: Vec<(Edge, Route)>,
    by_path: HashMap<&'static str, Vec<usize>>,
}

impl Table {
    /// The table of these edges.
    pub fn of(edges: &[Routes]) -> Result<Self, MountError> {
        let mut table = Self::default();
        for routes in edges {
            if let Some(route) = routes.stray() {
                return Err(MountError::Stray {
                    edge: routes.edge,
                    path: route.path,
                });
            }
            for route in &routes.table {
                let rows = table.by_path.entry(route.path).or_default();
                if rows
                    .iter()
                    .any(|row| table.rows[*row].1.method == route.method)
                {
                    return Err(MountError::Twice {
                        method: route.method.clone(),
                        path: route.path,
                    });
                }
                rows.push(table.rows.len());
                table.rows.push((routes.edge, route.clone()));
            }
        }
        Ok(table)
    }

    /// Every row with its edge.
    pub fn rows(&self) -> &[(Edge, Route)] {
        &self.rows
    }

    /// The row for a method and a matched pattern; HEAD is answered by GET.
    pub(crate) fn find(&self, method: &Method, pattern: &str) -> Option<&(Edge, Route)> {
        let rows = self.by_path.get(pattern)?;
        let wanted = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        rows.iter()
            .map(|row| &self.rows[*row])
            .find(|(_, route)| route.method == wanted)
    }

    /// The methods that a pattern answers, as the `allow` header wants them.
    pub(crate) fn allowed(&self, pattern: &str) -> String {
        let rows = self.by_path.get(pattern).map_or(&[][..], Vec::as_slice);
        let mut methods: Vec<&str> = rows
            .iter()
            .map(|row| self.rows[*row].1.method.as_str())
            .collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        methods.join(", ")
    }
}
