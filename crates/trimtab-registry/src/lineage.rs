//! Lineage: what came from what. A read model: owners report edges, anyone may walk them.

use std::collections::{HashSet, VecDeque};

use trimtab_db::{DbError, Lane, Tx, params};
use trimtab_types::{Name, RevisionId, Scope, Time, WorkspaceId};

use crate::{ModelVersion, Registry, RegistryError};

/// One end of an edge: `prediction`, `revision`, `model_version`, `run`, `dataset_version`, `commit`, `endpoint`,
/// `execution` or `plan`, with its id (of a model version `NAME/VERSION`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeRef {
    /// What it is.
    pub kind: String,
    /// Which.
    pub id: String,
}

/// `from` has `relation` to `to`; `to` is nearer to the origin (run → dataset version, revision → model version).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageEdge {
    /// What came later.
    pub from: NodeRef,
    /// How they hang together, such as `trained_on`.
    pub relation: String,
    /// What it came from.
    pub to: NodeRef,
    /// When it was reported first.
    pub at: Time,
}

impl LineageEdge {
    /// What an endpoint's revision came from: its model version, and the run that made it.
    pub fn of_revision(
        endpoint: &Name,
        revision: RevisionId,
        version: &ModelVersion,
        at: Time,
    ) -> Vec<Self> {
        let node = |kind: &str, id: String| NodeRef {
            kind: kind.to_owned(),
            id,
        };
        let edge = |from: &NodeRef, relation: &str, to: &NodeRef| Self {
            from: from.clone(),
            relation: relation.to_owned(),
            to: to.clone(),
            at,
        };
        let revision = node("revision", revision.to_string());
        let id = format!("{}/{}", version.model, version.version);
        let model_version = node("model_version", id);
        let mut edges = vec![
            edge(&revision, "serves", &model_version),
            edge(&node("endpoint", endpoint.to_string()), "has", &revision),
        ];
        if let Some(run) = version.run_id {
            edges.push(edge(
                &model_version,
                "made_by",
                &node("run", run.to_string()),
            ));
        }
        edges
    }
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Towards origins: from a prediction to its commit.
    Upstream,
    /// Towards effects: from a dataset version to what it touched.
    Downstream,
}

/// How many edges a walk answers at most.
const EDGES: usize = 10_000;
/// How many edges of one node are read at once.
const FAN: u32 = 2_000;

impl Registry {
    /// Records edges; an edge that is known already stays as it was first reported.
    pub async fn record_edges(
        &self,
        scope: &Scope,
        edges: Vec<LineageEdge>,
    ) -> Result<(), RegistryError> {
        let workspace = scope.workspace.clone();
        self.db()
            .write(Lane::Bulk, move |tx| {
                for edge in &edges {
                    insert(tx, &workspace, edge)?;
                }
                Ok(())
            })
            .await
    }

    /// Walks from a node, breadth first, at most `depth` steps and 10,000 edges; nearest edges come first.
    pub async fn lineage(
        &self,
        scope: &Scope,
        node: &NodeRef,
        direction: Direction,
        depth: u32,
    ) -> Result<Vec<LineageEdge>, RegistryError> {
        let (workspace, start) = (scope.workspace.clone(), node.clone());
        self.db()
            .read(move |tx| walk(tx, &workspace, start, direction, depth))
            .await
    }
}

pub(crate) fn insert(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    edge: &LineageEdge,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO lineage_edge (workspace_id, from_kind, from_id, relation, to_kind, to_id, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace_id, from_kind, from_id, relation, to_kind, to_id) DO NOTHING",
        params![
            workspace,
            &edge.from.kind,
            &edge.from.id,
            &edge.relation,
            &edge.to.kind,
            &edge.to.id,
            edge.at
        ],
    )?;
    Ok(())
}

fn walk(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    start: NodeRef,
    direction: Direction,
    depth: u32,
) -> Result<Vec<LineageEdge>, RegistryError> {
    let sql = match direction {
        Direction::Upstream => {
            "SELECT from_kind, from_id, relation, to_kind, to_id, at FROM lineage_edge
             WHERE workspace_id = ?1 AND from_kind = ?2 AND from_id = ?3 ORDER BY relation, to_kind, to_id LIMIT ?4"
        }
        Direction::Downstream => {
            "SELECT from_kind, from_id, relation, to_kind, to_id, at FROM lineage_edge
             WHERE workspace_id = ?1 AND to_kind = ?2 AND to_id = ?3 ORDER BY relation, from_kind, from_id LIMIT ?4"
        }
    };
    let mut edges = Vec::new();
    let mut seen = HashSet::from([start.clone()]);
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((node, distance)) = queue.pop_front() {
        if distance == depth {
            continue;
        }
        for row in tx.query(sql, params![workspace, &node.kind, &node.id, FAN])? {
            let edge = LineageEdge {
                from: NodeRef {
                    kind: row.get(0)?,
                    id: row.get(1)?,
                },
                relation: row.get(2)?,
                to: NodeRef {
                    kind: row.get(3)?,
                    id: row.get(4)?,
                },
                at: row.get(5)?,
            };
            let next = match direction {
                Direction::Upstream => &edge.to,
                Direction::Downstream => &edge.from,
            };
            if seen.insert(next.clone()) {
                queue.push_back((next.clone(), distance + 1));
            }
            edges.push(edge);
            if edges.len() == EDGES {
                return Ok(edges);
            }
        }
    }
    Ok(edges)
}
