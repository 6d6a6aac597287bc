//! Which edge owns which paths: one table, so that no two protocols can claim the same and an unknown path is
//! refused in the shape that its caller understands.

/// The protocols on one listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// MLflow's REST API.
    Mlflow,
    /// The Open Inference Protocol V2, and scoring under `/serve/{endpoint}`.
    Oip,
    /// The Open Inference Protocol V2 over gRPC, and gRPC's health check.
    Grpc,
    /// Scoring, SageMaker, Vertex AI and Azure ML paths at the root: only in `trimtab models serve`.
    Scoring,
    /// Our own API, the console, metrics and probes.
    Api,
}

/// A row ends with `/` when it owns everything below, and else owns that path alone.
const OWNED: &[(Edge, &[&str])] = &[
    (
        Edge::Mlflow,
        &[
            "/api/2.0/",
            "/api/3.0/",
            "/ajax-api/",
            "/health",
            "/version",
            "/server-info",
            "/graphql",
            "/get-artifact",
            "/model-versions/get-artifact",
            "/upload-artifact",
        ],
    ),
    (Edge::Oip, &["/v2", "/v2/", "/serve/"]),
    (
        Edge::Grpc,
        &[
            "/inference.GRPCInferenceService/",
            "/grpc.health.v1.Health/",
        ],
    ),
    (
        Edge::Scoring,
        &[
            "/invocations",
            "/ping",
            "/health",
            "/version",
            "/score",
            "/predict",
            "/execution-parameters",
            "/swagger.json",
        ],
    ),
    (
        Edge::Api,
        &[
            "/api/v1/",
            "/metrics",
            "/livez",
            "/readyz",
            "/",
            "/index.html",
            "/assets/",
            "/favicon.ico",
            "/favicon.svg",
            "/robots.txt",
        ],
    ),
];

impl Edge {
    /// The word in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mlflow => "mlflow",
            Self::Oip => "oip",
            Self::Grpc => "grpc",
            Self::Scoring => "scoring",
            Self::Api => "api",
        }
    }

    /// Whether this edge may serve that path or path pattern.
    pub fn owns(self, path: &str) -> bool {
        OWNED
            .iter()
            .filter(|(edge, _)| *edge == self)
            .flat_map(|(_, rows)| rows.iter())
            .any(|row| matches_row(row, path))
    }

    pub(crate) const ALL: [Self; 5] = [
        Self::Mlflow,
        Self::Oip,
        Self::Grpc,
        Self::Scoring,
        Self::Api,
    ];
}

/// The edge that answers for a path, whether or not it serves it; [`Edge::Api`] for what nobody owns.
/// `mounted` breaks the tie between the server's edges and `models serve`'s.
pub fn edge_of(path: &str, mounted: &[Edge]) -> Edge {
    Edge::ALL
        .into_iter()
        .filter(|edge| mounted.contains(edge))
        .chain(Edge::ALL)
        .find(|edge| edge.owns(path))
        .unwrap_or(Edge::Api)
}

/// The console and its files are part of the API edge, but no protocol: a browser that asks for an unknown page
/// below them may get the console.
pub(crate) fn is_protocol_path(path: &str) -> bool {
    path != "/"
        && Edge::ALL.iter().any(|edge| edge.owns(path))
        && path != "/index.html"
        && !path.starts_with("/assets/")
}

fn matches_row(row: &str, path: &str) -> bool {
    if row.len() > 1 && row.ends_with('/') {
        path.starts_with(row)
    } else {
        path == row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_edges_of_one_server_own_a_path() {
        let server = [Edge::Mlflow, Edge::Oip, Edge::Grpc, Edge::Api];
        for (edge, rows) in OWNED.iter().filter(|(edge, _)| server.contains(edge)) {
            for row in *rows {
                for other in server.iter().filter(|other| *other != edge) {
                    assert!(!other.owns(row), "{row} is owned by {edge:?} and {other:?}");
                }
            }
        }
    }

    #[test]
    fn an_unknown_path_belongs_to_the_protocol_of_its_prefix() {
        let server = [Edge::Mlflow, Edge::Oip, Edge::Grpc, Edge::Api];
        for (path, edge) in [
            ("/api/2.0/mlflow/nothing", Edge::Mlflow),
            ("/api/v1/nothing", Edge::Api),
            ("/v2/models/x/nothing", Edge::Oip),
            ("/inference.GRPCInferenceService/Nothing", Edge::Grpc),
            ("/v1/models", Edge::Api),
            ("/health", Edge::Mlflow),
        ] {
            assert_eq!(edge_of(path, &server), edge, "{path}");
        }
        assert_eq!(edge_of("/health", &[Edge::Scoring]), Edge::Scoring);
    }
}
