//! The tables of projects and executions.

use trimtab_db::{DbError, Migration, Row, Tx, params};
use trimtab_types::{ExecutionId, Name, Time, WorkspaceId};

use crate::{ExecutionStatus, PipelineError, Project, StageStatus};

/// The schema, in order.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "pipeline",
    number: 1,
    sql: "CREATE TABLE project (workspace_id TEXT NOT NULL, name TEXT NOT NULL, git TEXT NOT NULL, subfolder TEXT NOT NULL, commit_id TEXT NOT NULL, updated_at BIGINT NOT NULL, updated_by TEXT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE TABLE execution (workspace_id TEXT NOT NULL, id TEXT NOT NULL, project TEXT NOT NULL, commit_id TEXT NOT NULL, subfolder TEXT NOT NULL, spec TEXT NOT NULL, status TEXT NOT NULL, message TEXT, lock TEXT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, ended_at BIGINT, PRIMARY KEY (workspace_id, id));
CREATE INDEX execution_by_project ON execution (workspace_id, project, id);
CREATE INDEX execution_by_status ON execution (workspace_id, status, id);
CREATE TABLE execution_stage (workspace_id TEXT NOT NULL, execution_id TEXT NOT NULL, name TEXT NOT NULL, position BIGINT NOT NULL, status TEXT NOT NULL, seconds DOUBLE PRECISION NOT NULL, message TEXT NOT NULL, PRIMARY KEY (workspace_id, execution_id, name));
",
}];

/// A row of `execution`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExecutionRow {
    pub(crate) id: ExecutionId,
    pub(crate) project: Name,
    pub(crate) commit: String,
    pub(crate) subfolder: String,
    pub(crate) spec: String,
    pub(crate) status: ExecutionStatus,
    pub(crate) message: Option<String>,
    pub(crate) lock: String,
    pub(crate) created_at: Time,
    pub(crate) created_by: String,
    pub(crate) ended_at: Option<Time>,
}

/// A row of `execution_stage`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StageRow {
    pub(crate) name: String,
    pub(crate) position: i64,
    pub(crate) status: StageStatus,
    pub(crate) seconds: f64,
    pub(crate) message: String,
}

pub(crate) fn put_project(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    project: &Project,
    at: Time,
    by: &str,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO project (workspace_id, name, git, subfolder, commit_id, updated_at, updated_by) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace_id, name) DO UPDATE SET git = excluded.git, subfolder = excluded.subfolder, commit_id = excluded.commit_id, updated_at = excluded.updated_at, updated_by = excluded.updated_by",
        params![workspace, &project.name, &project.git, &project.subfolder, &project.commit, at, by],
    )?;
    Ok(())
}

fn project(row: &Row) -> Result<Project, DbError> {
    Ok(Project {
        name: row.get(0)?,
        git: row.get(1)?,
        subfolder: row.get(2)?,
        commit: row.get(3)?,
    })
}

pub(crate) fn get_project(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &Name,
) -> Result<Option<Project>, DbError> {
    let row = tx.query_opt(
        "SELECT name, git, subfolder, commit_id FROM project WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, name],
    )?;
    row.as_ref().map(project).transpose()
}

pub(crate) fn list_projects(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
) -> Result<Vec<Project>, DbError> {
    let rows = tx.query(
        "SELECT name, git, subfolder, commit_id FROM project WHERE workspace_id = ?1 ORDER BY name LIMIT 1000",
        params![workspace],
    )?;
    rows.iter().map(project).collect()
}

const COLUMNS: &str = "id, project, commit_id, subfolder, spec, status, message, lock, created_at, created_by, ended_at";

fn execution(row: &Row) -> Result<ExecutionRow, PipelineError> {
    let id: ExecutionId = row.get(0)?;
    let status: String = row.get(5)?;
    Ok(ExecutionRow {
        id,
        project: row.get(1)?,
        commit: row.get(2)?,
        subfolder: row.get(3)?,
        spec: row.get(4)?,
        status: status.parse().map_err(|status| PipelineError::Damaged {
            id,
            what: format!("status `{status}`"),
        })?,
        message: row.get(6)?,
        lock: row.get(7)?,
        created_at: row.get(8)?,
        created_by: row.get(9)?,
        ended_at: row.get(10)?,
    })
}

pub(crate) fn insert_execution(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    row: &ExecutionRow,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO execution (workspace_id, id, project, commit_id, subfolder, spec, status, message, lock, created_at, created_by, ended_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        params![
            workspace,
            row.id,
            &row.project,
            &row.commit,
            &row.subfolder,
            &row.spec,
            row.status.as_str(),
            row.message.clone(),
            &row.lock,
            row.created_at,
            &row.created_by,
            row.ended_at
        ],
    )?;
    Ok(())
}

pub(crate) fn get_execution(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: ExecutionId,
) -> Result<Option<ExecutionRow>, PipelineError> {
    let sql = format!("SELECT {COLUMNS} FROM execution WHERE workspace_id = ?1 AND id = ?2");
    let row = tx.query_opt(&sql, params![workspace, id])?;
    row.as_ref().map(execution).transpose()
}

pub(crate) fn list_executions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    project: &Name,
    before: &str,
    limit: u32,
) -> Result<Vec<ExecutionRow>, PipelineError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM execution WHERE workspace_id = ?1 AND project = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4"
    );
    tx.query(&sql, params![workspace, project, before, limit])?
        .iter()
        .map(execution)
        .collect()
}

pub(crate) fn running_executions(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
) -> Result<Vec<ExecutionId>, DbError> {
    let rows = tx.query(
        "SELECT id FROM execution WHERE workspace_id = ?1 AND status = 'running' ORDER BY id LIMIT 1000",
        params![workspace],
    )?;
    rows.iter().map(|row| row.get(0)).collect()
}

/// Ends an execution that is still running; says whether it was.
pub(crate) fn end_execution(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: ExecutionId,
    status: ExecutionStatus,
    message: Option<&str>,
    lock: &str,
    at: Time,
) -> Result<bool, DbError> {
    let changed = tx.execute(
        "UPDATE execution SET status = ?3, message = ?4, lock = ?5, ended_at = ?6 WHERE workspace_id = ?1 AND id = ?2 AND status = 'running'",
        params![workspace, id, status.as_str(), message, lock, at],
    )?;
    Ok(changed > 0)
}

/// Notes a stage. That it ran stays noted when a second attempt finds nothing left to do.
pub(crate) fn put_stage(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: ExecutionId,
    row: &StageRow,
) -> Result<(), DbError> {
    tx.execute(
        "INSERT INTO execution_stage (workspace_id, execution_id, name, position, status, seconds, message) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (workspace_id, execution_id, name) DO UPDATE SET status = excluded.status, seconds = excluded.seconds, message = excluded.message
         WHERE NOT (execution_stage.status = 'ran' AND excluded.status = 'skipped')",
        params![workspace, id, &row.name, row.position, row.status.as_str(), row.seconds, &row.message],
    )?;
    Ok(())
}

pub(crate) fn stages(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: ExecutionId,
) -> Result<Vec<StageRow>, PipelineError> {
    let rows = tx.query(
        "SELECT name, position, status, seconds, message FROM execution_stage WHERE workspace_id = ?1 AND execution_id = ?2 ORDER BY position LIMIT 10000",
        params![workspace, id],
    )?;
    rows.iter()
        .map(|row| {
            let status: String = row.get(2)?;
            Ok(StageRow {
                name: row.get(0)?,
                position: row.get(1)?,
                status: status.parse().map_err(|status| PipelineError::Damaged {
                    id,
                    what: format!("stage status `{status}`"),
                })?,
                seconds: row.get(3)?,
                message: row.get(4)?,
            })
        })
        .collect()
}
