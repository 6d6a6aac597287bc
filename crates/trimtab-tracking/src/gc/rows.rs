//! What may be collected, how much it is, and its rows.

use std::{
    collections::{BTreeSet, HashSet},
    ops::Bound,
};

use trimtab_db::{Tx, Value, params};
use trimtab_types::{LoggedModelId, RunId, Scope, Time, WorkspaceId};

use super::{MOST_PARTS, OF_MODEL, OF_RUN, PARTS_OF_CHUNK, STEP};
use crate::{ArtifactPath, ArtifactUri, Lifecycle, Tracking, TrackingError, references};

/// What a model version needs.
#[derive(Debug, Default)]
pub(super) struct InUse {
    pub(super) runs: HashSet<RunId>,
    pub(super) models: HashSet<LoggedModelId>,
    pub(super) paths: BTreeSet<String>,
}

impl InUse {
    pub(super) fn of(uris: &[String]) -> Self {
        let mut in_use = Self::default();
        for uri in uris {
            // What cannot be read names nothing of ours.
            match ArtifactUri::parse(uri) {
                Ok(ArtifactUri::Own(path)) => {
                    in_use.paths.insert(path.as_str().to_owned());
                }
                Ok(ArtifactUri::Run(id, _)) => {
                    in_use.runs.insert(id);
                }
                Ok(ArtifactUri::LoggedModel(id, _)) => {
                    in_use.models.insert(id);
                }
                Ok(ArtifactUri::Foreign(_)) | Err(_) => {}
            }
        }
        in_use
    }

    pub(super) fn is_below(&self, root: &str) -> bool {
        let below = format!("{root}/");
        self.paths.contains(root)
            || self
                .paths
                .range::<str, _>((Bound::Included(below.as_str()), Bound::Unbounded))
                .next()
                .is_some_and(|path| path.starts_with(&below))
    }

    pub(super) fn holds(&self, candidate: &Candidate) -> bool {
        let by_id = match candidate.id {
            Id::Run(id) => self.runs.contains(&id),
            Id::Model(id) => self.models.contains(&id),
        };
        by_id
            || candidate
                .root
                .as_ref()
                .is_some_and(|root| self.is_below(root.as_str()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Id {
    Run(RunId),
    Model(LoggedModelId),
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Run(id) => write!(f, "run {id}"),
            Self::Model(id) => write!(f, "logged model m-{id}"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Run,
    Model,
}

impl Kind {
    pub(super) fn table(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Model => "logged_model",
        }
    }

    pub(super) fn deleted_at(self) -> &'static str {
        match self {
            Self::Run => "deleted_at",
            Self::Model => "updated_at",
        }
    }

    pub(super) fn began_at(self) -> &'static str {
        match self {
            Self::Run => "start_at",
            Self::Model => "created_at",
        }
    }
}

/// A run or a logged model that may go.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) key: i64,
    pub(super) id: Id,
    /// Its folder in our store; `None` where its files are elsewhere.
    pub(super) root: Option<ArtifactPath>,
    /// The folder of ours that refers to its files, where those are elsewhere.
    pub(super) reference: ArtifactPath,
    pub(super) deleted_at: Option<Time>,
    pub(super) began_at: Time,
    pub(super) lifecycle: Lifecycle,
}

pub(super) fn columns(kind: Kind) -> String {
    format!(
        "SELECT key, id, artifact_uri, {}, {}, stage, (SELECT e.id FROM experiment e WHERE e.key = {table}.experiment) AS number FROM {table}",
        kind.deleted_at(),
        kind.began_at(),
        table = kind.table()
    )
}

pub(super) fn read(kind: Kind, row: &trimtab_db::Row) -> Result<Candidate, TrackingError> {
    let (id, name) = match kind {
        Kind::Run => {
            let id: RunId = row.get(1)?;
            (Id::Run(id), id.to_string())
        }
        Kind::Model => {
            let id: LoggedModelId = row.get(1)?;
            (Id::Model(id), format!("m-{id}"))
        }
    };
    let uri: String = row.get(2)?;
    let root = match ArtifactUri::parse(&uri) {
        // A folder that does not bear its owner's id might be another's too.
        Ok(ArtifactUri::Own(path)) if path.as_str().split('/').any(|part| part == name) => {
            Some(path)
        }
        Ok(_) | Err(_) => None,
    };
    let folder = match kind {
        Kind::Run => name,
        Kind::Model => format!("models/{name}"),
    };
    let experiment: i64 = row.get(6)?;
    Ok(Candidate {
        key: row.get(0)?,
        id,
        root,
        reference: ArtifactPath::parse(&format!("{experiment}/{folder}/artifacts"))?,
        deleted_at: row.get(3)?,
        began_at: row.get(4)?,
        lifecycle: Lifecycle::from_number(row.get(5)?),
    })
}

/// The candidates of an experiment, in the order of its index, after a place.
pub(super) fn page(
    tx: &mut Tx<'_>,
    kind: Kind,
    experiment: i64,
    stage: i64,
    after: Option<(Time, Id)>,
) -> Result<Vec<Candidate>, TrackingError> {
    let began = kind.began_at();
    let sql = match after {
        None => format!(
            "{} WHERE experiment = ?1 AND stage = ?2 ORDER BY {began} DESC, id LIMIT ?3",
            columns(kind)
        ),
        Some(_) => format!(
            "{} WHERE experiment = ?1 AND stage = ?2 AND {began} <= ?4 AND ({began} < ?4 OR id > ?5) ORDER BY {began} DESC, id LIMIT ?3",
            columns(kind)
        ),
    };
    let mut values = vec![
        Value::from(experiment),
        Value::from(stage),
        Value::from(STEP),
    ];
    if let Some((began_at, id)) = after {
        values.push(began_at.into());
        values.push(match id {
            Id::Run(id) => id.into(),
            Id::Model(id) => id.into(),
        });
    }
    tx.query(&sql, &values)?
        .iter()
        .map(|row| read(kind, row))
        .collect()
}

/// How many points and files a candidate has; counted no further than it takes to know that they are too many.
pub(super) fn parts(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    candidate: &Candidate,
) -> Result<u64, TrackingError> {
    let most = MOST_PARTS + 1;
    let mut count: u64 = 0;
    if let Some(root) = &candidate.root {
        count += tx
            .query_one(
                "SELECT COUNT(*) FROM (SELECT 1 FROM artifact WHERE workspace_id = ?1 AND path >= ?2 AND path < ?3 LIMIT ?4) AS counted",
                params![workspace, format!("{root}/"), format!("{root}0"), most],
            )?
            .get::<u64>(0)?;
    }
    if matches!(candidate.id, Id::Run(_)) {
        count += tx
            .query_one(
                "SELECT COUNT(*) FROM (SELECT 1 FROM metric WHERE run = ?1 LIMIT ?2) AS counted",
                params![candidate.key, most],
            )?
            .get::<u64>(0)?;
        let chunks = tx.query_one(
            "SELECT COUNT(*) FROM (SELECT 1 FROM metric_chunk WHERE run = ?1 LIMIT ?2) AS counted",
            params![candidate.key, most],
        )?;
        count += chunks.get::<u64>(0)?.saturating_mul(PARTS_OF_CHUNK);
    }
    Ok(count)
}

/// `(?N, ?N+1, …)`.
pub(super) fn places(from: usize, count: usize) -> String {
    let places: Vec<String> = (from..from + count)
        .map(|place| format!("?{place}"))
        .collect();
    format!("({})", places.join(", "))
}

/// Removes some candidates with all that is theirs; answers how many that were, how many files, and the keys of
/// blobs that nothing refers to any more.
pub(super) fn remove(
    tx: &mut Tx<'_>,
    tracking: &Tracking,
    scope: &Scope,
    kind: Kind,
    is_forced: bool,
    chunk: &[Candidate],
) -> Result<(u64, u64, Vec<String>), TrackingError> {
    let keys: Vec<Value> = chunk.iter().map(|candidate| candidate.key.into()).collect();
    // Somebody may have restored one since it was read.
    let still = if is_forced { "" } else { " AND stage = 1" };
    let gone: HashSet<i64> = tx
        .query(
            &format!(
                "SELECT key FROM {} WHERE key IN {}{still}",
                kind.table(),
                places(1, keys.len())
            ),
            &keys,
        )?
        .iter()
        .map(|row| row.get(0))
        .collect::<Result<_, _>>()?;
    if gone.is_empty() {
        return Ok((0, 0, Vec::new()));
    }
    let mut hashes: Vec<String> = Vec::new();
    for candidate in chunk
        .iter()
        .filter(|candidate| gone.contains(&candidate.key))
    {
        references::forget(tx, &scope.workspace, &candidate.reference)?;
        let Some(root) = &candidate.root else {
            continue;
        };
        let removed = tx.query(
            "DELETE FROM artifact WHERE workspace_id = ?1 AND path >= ?2 AND path < ?3 RETURNING hash",
            params![&scope.workspace, format!("{root}/"), format!("{root}0")],
        )?;
        for row in removed {
            hashes.push(row.get(0)?);
        }
    }
    hashes.sort_unstable();
    let files = hashes.len() as u64;
    let mut unused = Vec::new();
    for hash in &hashes {
        unused.extend(tracking.0.blobs.release_in(tx, scope, hash)?);
    }
    let keys: Vec<Value> = gone.iter().map(|key| Value::from(*key)).collect();
    let places = places(1, keys.len());
    let (tables, column) = match kind {
        Kind::Run => (OF_RUN, "run"),
        Kind::Model => (OF_MODEL, "model"),
    };
    for table in tables {
        tx.execute(
            &format!("DELETE FROM {table} WHERE {column} IN {places}"),
            &keys,
        )?;
    }
    tx.execute(
        &format!("DELETE FROM {} WHERE key IN {places}", kind.table()),
        &keys,
    )?;
    Ok((gone.len() as u64, files, unused))
}

/// Removes a slice of a run's points; says whether there may be more.
pub(super) fn remove_points(tx: &mut Tx<'_>, run: i64) -> Result<bool, TrackingError> {
    let rows = tx.query(
        "SELECT key, at_ms, step FROM metric WHERE run = ?1 AND EXISTS (SELECT 1 FROM run WHERE key = ?1 AND stage = 1) ORDER BY key, at_ms, step LIMIT ?2",
        params![run, MOST_PARTS],
    )?;
    let Some(last) = rows.last() else {
        let chunks = tx.execute(
            "DELETE FROM metric_chunk WHERE no IN (SELECT no FROM metric_chunk WHERE run = ?1 AND EXISTS (SELECT 1 FROM run WHERE key = ?1 AND stage = 1) ORDER BY key, min_at LIMIT ?2)",
            params![run, MOST_PARTS / PARTS_OF_CHUNK],
        )?;
        return Ok(chunks > 0);
    };
    let (key, at, step): (i64, i64, i64) = (last.get(0)?, last.get(1)?, last.get(2)?);
    tx.execute(
        "DELETE FROM metric WHERE run = ?1 AND (key, at_ms, step) <= (?2, ?3, ?4)",
        params![run, key, at, step],
    )?;
    Ok(true)
}
