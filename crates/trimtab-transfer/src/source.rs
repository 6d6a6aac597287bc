//! What records are read from.

use trimtab_edge_api::wire::{
    IngestExperiment, IngestLoggedModel, IngestModel, IngestRun, IngestSeries, IngestValue,
};

use crate::{
    Peer, TransferError,
    http_source::{HttpPoints, HttpSource},
    sql_source::{SqlPoints, SqlSource},
};

/// An MLflow database or server.
#[derive(Debug)]
pub enum Source {
    /// Its database.
    Sql(SqlSource),
    /// Its server.
    Http(HttpSource),
}

/// A run at the source. Its `artifact_uri` and `mark` are the source's.
#[derive(Debug, Clone)]
pub(crate) struct SourceRun {
    pub(crate) run: IngestRun,
    /// The names of its metrics, where the source tells.
    pub(crate) metrics: Vec<String>,
}

/// Where a list of runs or logged models stands.
#[derive(Debug, Default)]
pub(crate) struct Cursor {
    /// The last id.
    pub(crate) after: String,
    /// The place in the list of experiments.
    pub(crate) experiment: usize,
    /// The page token.
    pub(crate) token: Option<String>,
}

/// A point at the source.
#[derive(Debug, Clone)]
pub(crate) struct SourcePoint {
    pub(crate) run: String,
    pub(crate) key: String,
    pub(crate) at_ms: i64,
    pub(crate) step: i64,
    pub(crate) value: f64,
}

/// Reads the points of some runs, part by part.
pub(crate) enum Points<'s> {
    Sql(SqlPoints),
    Http(HttpPoints<'s>),
}

impl Points<'_> {
    /// The next part; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<SourcePoint>>, TransferError> {
        match self {
            Self::Sql(points) => points.next().await,
            Self::Http(points) => points.next().await,
        }
    }
}

impl Source {
    /// Opens `sqlite:///FILE`, `postgresql://…` or `http(s)://…` (with a token, if there is one).
    pub async fn open(url: &str, token: Option<String>) -> Result<Self, TransferError> {
        if url.starts_with("http://") || url.starts_with("https://") {
            return Ok(Self::Http(HttpSource::open(Peer::mlflow(url, token)?)));
        }
        let is_database = url.starts_with("sqlite:") || url.starts_with("postgres");
        if !is_database {
            return Err(TransferError::Address {
                source_url: url.split("://").next().unwrap_or_default().to_owned(),
            });
        }
        Ok(Self::Sql(SqlSource::open(url).await?))
    }

    /// A server.
    pub(crate) fn server(peer: Peer) -> Self {
        Self::Http(HttpSource::open(peer))
    }

    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Http(_))
    }

    /// The server that hands out files.
    pub(crate) fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Sql(_) => None,
            Self::Http(source) => Some(source.peer()),
        }
    }

    /// The folder that relative locations are relative to.
    pub(crate) fn folder(&self) -> Option<std::path::PathBuf> {
        match self {
            Self::Sql(source) => source.folder(),
            Self::Http(_) => None,
        }
    }

    pub(crate) async fn experiments(&mut self) -> Result<Vec<IngestExperiment>, TransferError> {
        match self {
            Self::Sql(source) => source.experiments().await,
            Self::Http(source) => source.experiments().await,
        }
    }

    /// Some more runs; none at the end.
    pub(crate) async fn runs(&self, cursor: &mut Cursor) -> Result<Vec<SourceRun>, TransferError> {
        match self {
            Self::Sql(source) => source.runs(cursor).await,
            Self::Http(source) => source.runs(cursor).await,
        }
    }

    /// Adds what the list of runs leaves out.
    pub(crate) async fn complete(&self, runs: &mut [SourceRun]) -> Result<(), TransferError> {
        match self {
            Self::Sql(_) => Ok(()),
            Self::Http(source) => source.complete(runs).await,
        }
    }

    /// Ids of some more runs; none at the end.
    pub(crate) async fn run_ids(&self, cursor: &mut Cursor) -> Result<Vec<String>, TransferError> {
        match self {
            Self::Sql(source) => source.run_ids(cursor).await,
            Self::Http(source) => Ok(source
                .runs(cursor)
                .await?
                .into_iter()
                .map(|run| run.run.id)
                .collect()),
        }
    }

    pub(crate) fn points(&self, runs: &[SourceRun]) -> Points<'_> {
        match self {
            Self::Sql(source) => Points::Sql(source.points(runs)),
            Self::Http(source) => Points::Http(source.points(runs)),
        }
    }

    /// Some more logged models; none at the end.
    pub(crate) async fn logged_models(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Vec<IngestLoggedModel>, TransferError> {
        match self {
            Self::Sql(source) => source.logged_models(cursor).await,
            Self::Http(source) => source.logged_models(cursor).await,
        }
    }

    /// The registered models, without their versions.
    pub(crate) async fn models(&self) -> Result<Vec<IngestModel>, TransferError> {
        match self {
            Self::Sql(source) => source.models().await,
            Self::Http(source) => source.models().await,
        }
    }

    /// Adds the versions, and the mark that they give the model.
    pub(crate) async fn versions(&self, model: &mut IngestModel) -> Result<(), TransferError> {
        match self {
            Self::Sql(source) => source.versions(model).await?,
            Self::Http(source) => source.versions(model).await?,
        }
        model.versions.sort_by_key(|version| version.version);
        model.mark = String::new();
        model.mark = mark(model);
        Ok(())
    }

    /// How many rows of what is not read there are.
    pub(crate) async fn left_behind(
        &self,
    ) -> Result<std::collections::BTreeMap<String, u64>, TransferError> {
        match self {
            Self::Sql(source) => source.left_behind().await,
            Self::Http(_) => Ok(std::collections::BTreeMap::new()),
        }
    }
}

/// How a record is, in 32 hex digits.
pub(crate) fn mark(record: &impl serde::Serialize) -> String {
    let text = serde_json::to_vec(record).unwrap_or_default();
    let hash = blake3::hash(&text).to_hex();
    hash[..32].to_owned()
}

/// MLflow keeps an infinity as the greatest number that there is.
pub(crate) fn finite_or_infinite(value: f64) -> f64 {
    if value >= f64::MAX {
        f64::INFINITY
    } else if value <= f64::MIN {
        f64::NEG_INFINITY
    } else {
        value
    }
}

/// Points as series: one for each run and metric, in the order of their first points.
pub(crate) fn series(points: Vec<SourcePoint>) -> Vec<IngestSeries> {
    let mut places = std::collections::HashMap::new();
    let mut series: Vec<IngestSeries> = Vec::new();
    for point in points {
        let place = *places
            .entry((point.run.clone(), point.key.clone()))
            .or_insert_with(|| {
                series.push(IngestSeries {
                    run: point.run.clone(),
                    key: point.key.clone(),
                    ..IngestSeries::default()
                });
                series.len() - 1
            });
        let one = &mut series[place];
        one.at_ms.push(point.at_ms);
        one.step.push(point.step);
        one.value.push(IngestValue(point.value));
    }
    series
}
