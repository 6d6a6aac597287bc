//! The shell: edges in, one router out.

use std::{fmt, sync::Arc};

use axum::{Router, extract::DefaultBodyLimit, middleware, response::Response};
use http::request::Parts;
use trimtab_access::Access;
use trimtab_telemetry::{Metrics, Tasks};

use crate::{
    Edge, Failure, MountError, Routes, Table,
    guard::{self, Guard},
    metrics::EdgeMetrics,
};

/// Which `Host` headers are answered. A page on the internet can make a browser resolve its own name to
/// 127.0.0.1 and then talk to whatever listens there; it cannot forge the header that carries its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostPolicy {
    /// Only loopback names and `allowed` are answered; set on loopback listeners.
    pub loopback_only: bool,
    /// Further names, without port.
    pub allowed: Vec<String>,
    /// Origins (`https://console.example`) that may post beside the server's own.
    pub origins: Vec<String>,
}

/// What answers a browser's GET for a page that no protocol owns: the console.
#[derive(Clone)]
pub struct Fallback(Arc<Answer>);

type Answer = dyn Fn(&Parts) -> Option<Response> + Send + Sync;

impl Fallback {
    /// A fallback; `None` leaves the request to a 404.
    pub fn new(answer: impl Fn(&Parts) -> Option<Response> + Send + Sync + 'static) -> Self {
        Self(Arc::new(answer))
    }

    pub(crate) fn answer(&self, parts: &Parts) -> Option<Response> {
        (self.0)(parts)
    }
}

impl fmt::Debug for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fallback")
    }
}

/// Collects edges and puts the guard before them.
#[derive(Debug)]
pub struct Shell {
    access: Access,
    metrics: Metrics,
    tasks: Tasks,
    host: HostPolicy,
    fallback: Option<Fallback>,
    edges: Vec<Routes>,
}

impl Shell {
    /// A shell without edges.
    pub fn new(access: Access, metrics: Metrics, tasks: Tasks, host: HostPolicy) -> Self {
        Self {
            access,
            metrics,
            tasks,
            host,
            fallback: None,
            edges: Vec::new(),
        }
    }

    /// Mounts an edge.
    #[must_use]
    pub fn mount(mut self, routes: Routes) -> Self {
        self.edges.push(routes);
        self
    }

    /// Sets what answers a browser's GET for a page that no protocol owns.
    #[must_use]
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.fallback = Some(fallback);
        self
    }

    /// The table of everything mounted.
    pub fn table(&self) -> Result<Table, MountError> {
        Table::of(&self.edges)
    }

    /// The router with the guard before every path, known or not.
    pub fn into_router(self) -> Result<Router, MountError> {
        let table = self.table()?;
        let mounted: Vec<Edge> = self.edges.iter().map(|routes| routes.edge).collect();
        let mut router = Router::new();
        for routes in self.edges {
            router = router.merge(routes.router);
        }
        let guard = Arc::new(Guard {
            access: self.access,
            metrics: EdgeMetrics::new(&self.metrics),
            tasks: self.tasks,
            host: self.host,
            fallback: self.fallback,
            table,
            mounted,
        });
        Ok(router
            .fallback(async || Failure::not_found("there is nothing at this path"))
            // The guard limits bodies route by route.
            .layer(DefaultBodyLimit::disable())
            .layer(middleware::from_fn_with_state(guard, guard::guard)))
    }
}
