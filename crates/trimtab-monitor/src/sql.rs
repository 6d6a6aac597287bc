//! The tables of monitors. Nobody else reads or writes them.

use serde::{Serialize, de::DeserializeOwned};
use trimtab_db::{DbError, Message, Migration, Row, Tx, params};
use trimtab_types::{AlertId, Duration, MonitorWindowId, Name, Time, WorkspaceId};

use crate::{
    Alert, AlertKind, Monitor, MonitorError, MonitorWindow, incident::Change, performance::Scored,
    state::State,
};

/// The tables of this service.
pub const MIGRATIONS: &[Migration] = &[Migration {
    service: "monitor",
    number: 1,
    sql: "CREATE TABLE monitor (workspace_id TEXT NOT NULL, name TEXT NOT NULL, endpoint TEXT NOT NULL, project TEXT NOT NULL, window_us BIGINT NOT NULL, judged_to BIGINT, turn BIGINT NOT NULL, state TEXT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, name));
CREATE TABLE monitor_window (workspace_id TEXT NOT NULL, monitor TEXT NOT NULL, from_us BIGINT NOT NULL, to_us BIGINT NOT NULL, id TEXT NOT NULL, rescore_at BIGINT, summary TEXT NOT NULL, detail TEXT NOT NULL, scored BYTEA NOT NULL, PRIMARY KEY (workspace_id, monitor, from_us));
CREATE UNIQUE INDEX monitor_window_by_id ON monitor_window (workspace_id, id);
CREATE INDEX monitor_window_by_rescore ON monitor_window (workspace_id, monitor, rescore_at);
CREATE TABLE alert (workspace_id TEXT NOT NULL, id TEXT NOT NULL, monitor TEXT NOT NULL, endpoint TEXT NOT NULL, kind TEXT NOT NULL, opened_at BIGINT NOT NULL, is_open BIGINT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (workspace_id, id));
CREATE INDEX alert_by_time ON alert (workspace_id, opened_at, kind, id);
CREATE INDEX alert_by_endpoint ON alert (workspace_id, endpoint, opened_at, kind, id);
CREATE INDEX alert_by_open ON alert (workspace_id, monitor, is_open);
",
}];

/// A window as it is stored.
#[derive(Debug, Clone)]
pub(crate) struct StoredWindow {
    pub(crate) window: MonitorWindow,
    pub(crate) rescore_at: Option<Time>,
    pub(crate) scored: Scored,
}

pub(crate) fn encode(value: &impl Serialize) -> Result<String, MonitorError> {
    serde_json::to_string(value).map_err(|source| MonitorError::Stored {
        what: "document",
        source,
    })
}

fn decode<T: DeserializeOwned>(what: &'static str, text: &str) -> Result<T, MonitorError> {
    serde_json::from_str(text).map_err(|source| MonitorError::Stored { what, source })
}

const MONITOR: &str = "name, endpoint, project, window_us, judged_to, created_at, turn, state";

/// A monitor with what its judge keeps.
#[derive(Debug, Clone)]
pub(crate) struct StoredMonitor {
    pub(crate) monitor: Monitor,
    pub(crate) turn: i64,
    pub(crate) state: State,
}

fn read_monitor(row: &Row) -> Result<StoredMonitor, MonitorError> {
    let state: String = row.get(7)?;
    Ok(StoredMonitor {
        monitor: Monitor {
            name: row.get(0)?,
            endpoint: row.get(1)?,
            project: row.get(2)?,
            window: Duration::from_micros(row.get(3)?),
            last_judged_to: row.get(4)?,
            created_at: row.get(5)?,
        },
        turn: row.get(6)?,
        state: decode("monitor state", &state)?,
    })
}

pub(crate) fn monitor(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &Name,
) -> Result<Option<StoredMonitor>, MonitorError> {
    tx.query_opt(
        &format!("SELECT {MONITOR} FROM monitor WHERE workspace_id = ?1 AND name = ?2"),
        params![workspace, name],
    )?
    .as_ref()
    .map(read_monitor)
    .transpose()
}

pub(crate) fn monitors(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
) -> Result<Vec<StoredMonitor>, MonitorError> {
    tx.query(
        &format!("SELECT {MONITOR} FROM monitor WHERE workspace_id = ?1 ORDER BY name LIMIT 1000"),
        params![workspace],
    )?
    .iter()
    .map(read_monitor)
    .collect()
}

pub(crate) fn insert_monitor(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Monitor,
    by: &str,
) -> Result<(), MonitorError> {
    tx.execute(
        "INSERT INTO monitor (workspace_id, name, endpoint, project, window_us, judged_to, turn, state, created_at, created_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8, ?9)",
        params![
            workspace,
            &monitor.name,
            &monitor.endpoint,
            &monitor.project,
            monitor.window.as_micros(),
            monitor.last_judged_to,
            encode(&State::default())?,
            monitor.created_at,
            by
        ],
    )?;
    Ok(())
}

/// Changes what a monitor is; its judge begins anew where it stands.
pub(crate) fn change_monitor(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Monitor,
) -> Result<(), MonitorError> {
    tx.execute(
        "UPDATE monitor SET endpoint = ?3, window_us = ?4, judged_to = ?5, state = ?6, turn = turn + 1
         WHERE workspace_id = ?1 AND name = ?2",
        params![
            workspace,
            &monitor.name,
            &monitor.endpoint,
            monitor.window.as_micros(),
            monitor.last_judged_to,
            encode(&State::default())?
        ],
    )?;
    Ok(())
}

pub(crate) fn delete_monitor(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    name: &Name,
) -> Result<(), MonitorError> {
    tx.execute(
        "DELETE FROM monitor WHERE workspace_id = ?1 AND name = ?2",
        params![workspace, name],
    )?;
    tx.execute(
        "DELETE FROM monitor_window WHERE workspace_id = ?1 AND monitor = ?2",
        params![workspace, name],
    )?;
    Ok(())
}

/// Moves a monitor on, unless another process has done so meanwhile: then `false`, and nothing may be written.
pub(crate) fn turn(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    stored: &StoredMonitor,
    judged_to: Option<Time>,
    state: &State,
) -> Result<bool, MonitorError> {
    let changed = tx.execute(
        "UPDATE monitor SET judged_to = ?4, state = ?5, turn = turn + 1 WHERE workspace_id = ?1 AND name = ?2 AND turn = ?3",
        params![workspace, &stored.monitor.name, stored.turn, judged_to, encode(state)?],
    )?;
    Ok(changed == 1)
}

/// Writes a window, new or judged again.
pub(crate) fn put_window(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    stored: &StoredWindow,
) -> Result<(), MonitorError> {
    let window = &stored.window;
    tx.execute(
        "INSERT INTO monitor_window (workspace_id, monitor, from_us, to_us, id, rescore_at, summary, detail, scored)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
         ON CONFLICT (workspace_id, monitor, from_us) DO UPDATE
         SET rescore_at = excluded.rescore_at, summary = excluded.summary, detail = excluded.detail, scored = excluded.scored",
        params![
            workspace,
            &window.monitor,
            window.from,
            window.to,
            window.id,
            stored.rescore_at,
            encode(&window.summary())?,
            encode(window)?,
            stored.scored.to_bytes()
        ],
    )?;
    Ok(())
}

/// Says when a window is judged again.
pub(crate) fn put_rescore(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
    from: Time,
    rescore_at: Option<Time>,
) -> Result<(), MonitorError> {
    tx.execute(
        "UPDATE monitor_window SET rescore_at = ?4 WHERE workspace_id = ?1 AND monitor = ?2 AND from_us = ?3",
        params![workspace, monitor, from, rescore_at],
    )?;
    Ok(())
}

/// A monitor's next window to judge again.
pub(crate) fn next_rescore(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
) -> Result<Option<(Time, Time)>, MonitorError> {
    let row = tx.query_opt(
        "SELECT rescore_at, from_us FROM monitor_window WHERE workspace_id = ?1 AND monitor = ?2 AND rescore_at IS NOT NULL
         ORDER BY rescore_at, from_us LIMIT 1",
        params![workspace, monitor],
    )?;
    row.map(|row| Ok((row.get(0)?, row.get(1)?))).transpose()
}

/// One window by its begin, with its histograms.
pub(crate) fn window_at(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
    from: Time,
) -> Result<Option<StoredWindow>, MonitorError> {
    let row = tx.query_opt(
        "SELECT detail, rescore_at, scored FROM monitor_window WHERE workspace_id = ?1 AND monitor = ?2 AND from_us = ?3",
        params![workspace, monitor, from],
    )?;
    row.as_ref().map(read_window).transpose()
}

fn read_window(row: &Row) -> Result<StoredWindow, MonitorError> {
    let (window, scored): (String, Vec<u8>) = (row.get(0)?, row.get(2)?);
    Ok(StoredWindow {
        window: decode("monitor window", &window)?,
        rescore_at: row.get(1)?,
        scored: Scored::from_bytes(&scored)?,
    })
}

/// The latest windows that begin before a time, newest first, without histograms.
pub(crate) fn windows_before(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
    before: Time,
    limit: usize,
) -> Result<Vec<StoredWindow>, MonitorError> {
    tx.query(
        "SELECT summary, rescore_at, scored FROM monitor_window
         WHERE workspace_id = ?1 AND monitor = ?2 AND from_us < ?3 ORDER BY from_us DESC LIMIT ?4",
        params![workspace, monitor, before, limit as u64],
    )?
    .iter()
    .map(read_window)
    .collect()
}

/// Summaries of windows that begin in a span, newest first.
pub(crate) fn windows(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
    from: Time,
    to: Time,
    limit: u32,
) -> Result<Vec<MonitorWindow>, MonitorError> {
    tx.query(
        "SELECT summary FROM monitor_window
         WHERE workspace_id = ?1 AND monitor = ?2 AND from_us >= ?3 AND from_us < ?4 ORDER BY from_us DESC LIMIT ?5",
        params![workspace, monitor, from, to, limit],
    )?
    .iter()
    .map(|row| decode("monitor window", &row.get::<String>(0)?))
    .collect()
}

pub(crate) fn window(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: MonitorWindowId,
) -> Result<Option<MonitorWindow>, MonitorError> {
    let row = tx.query_opt(
        "SELECT detail FROM monitor_window WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id],
    )?;
    row.map(|row| decode("monitor window", &row.get::<String>(0)?))
        .transpose()
}

fn read_alert(row: &Row) -> Result<Alert, MonitorError> {
    decode("alert", &row.get::<String>(0)?)
}

pub(crate) fn open_alerts(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    monitor: &Name,
) -> Result<Vec<Alert>, MonitorError> {
    tx.query(
        "SELECT body FROM alert WHERE workspace_id = ?1 AND monitor = ?2 AND is_open = 1 ORDER BY opened_at, kind, id",
        params![workspace, monitor],
    )?
    .iter()
    .map(read_alert)
    .collect()
}

pub(crate) fn alert(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    id: AlertId,
) -> Result<Option<Alert>, MonitorError> {
    tx.query_opt(
        "SELECT body FROM alert WHERE workspace_id = ?1 AND id = ?2",
        params![workspace, id],
    )?
    .as_ref()
    .map(read_alert)
    .transpose()
}

pub(crate) fn alerts(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    endpoint: Option<&Name>,
    open_only: bool,
    limit: u32,
) -> Result<Vec<Alert>, MonitorError> {
    let least_open = i64::from(open_only);
    let rows = match endpoint {
        None => tx.query(
            "SELECT body FROM alert WHERE workspace_id = ?1 AND is_open >= ?2
             ORDER BY opened_at DESC, kind DESC, id DESC LIMIT ?3",
            params![workspace, least_open, limit],
        )?,
        Some(endpoint) => tx.query(
            "SELECT body FROM alert WHERE workspace_id = ?1 AND endpoint = ?4 AND is_open >= ?2
             ORDER BY opened_at DESC, kind DESC, id DESC LIMIT ?3",
            params![workspace, least_open, limit, endpoint],
        )?,
    };
    rows.iter().map(read_alert).collect()
}

/// Writes an alert and tells of it.
pub(crate) fn put_alert(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    change: Change,
    alert: &Alert,
    at: Time,
) -> Result<(), MonitorError> {
    tx.execute(
        "INSERT INTO alert (workspace_id, id, monitor, endpoint, kind, opened_at, is_open, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (workspace_id, id) DO UPDATE SET is_open = excluded.is_open, body = excluded.body",
        params![
            workspace,
            alert.id,
            &alert.monitor,
            &alert.endpoint,
            kind_key(alert.kind),
            alert.opened_at,
            alert.closed_at.is_none(),
            encode(alert)?
        ],
    )?;
    publish(tx, workspace, change.topic(), alert, at)?;
    Ok(())
}

/// Kinds sort as they are judged.
fn kind_key(kind: AlertKind) -> String {
    let place = AlertKind::ALL
        .iter()
        .position(|known| *known == kind)
        .unwrap_or(0);
    format!("{place} {}", kind.as_str())
}

pub(crate) fn publish(
    tx: &mut Tx<'_>,
    workspace: &WorkspaceId,
    topic: &'static str,
    payload: &impl Serialize,
    at: Time,
) -> Result<(), MonitorError> {
    let payload = serde_json::to_value(payload).map_err(|source| MonitorError::Stored {
        what: "message",
        source,
    })?;
    tx.publish(&Message {
        workspace: workspace.clone(),
        topic,
        version: 1,
        payload,
        at,
    })
    .map_err(|source: DbError| source.into())
}
