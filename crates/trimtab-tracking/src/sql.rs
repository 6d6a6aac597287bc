//! The tables.

use trimtab_db::Migration;

/// The tables of this crate. Rows below an experiment or a run carry its integer key, which belongs to one workspace.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        service: "tracking",
        number: 1,
        sql: FIRST,
    },
    Migration {
        service: "tracking",
        number: 2,
        sql: NAMES_AND_ORDERS,
    },
    Migration {
        service: "tracking",
        number: 3,
        sql: CHUNKS,
    },
    Migration {
        service: "tracking",
        number: 4,
        sql: POINTS_OF_LOGGED_MODELS,
    },
    Migration {
        service: "tracking",
        number: 5,
        sql: IDS_FOR_EVER,
    },
    Migration {
        service: "tracking",
        number: 6,
        sql: REFERENCES,
    },
];

const FIRST: &str = "CREATE TABLE experiment (key SERIAL_KEY, workspace_id TEXT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL, artifact_location TEXT NOT NULL, stage BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, created_by TEXT NOT NULL, UNIQUE (workspace_id, id), UNIQUE (workspace_id, name));
CREATE INDEX experiment_by_creation ON experiment (workspace_id, stage, created_at, id);
CREATE TABLE experiment_tag (experiment BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (experiment, key)) CLUSTERED;
CREATE TABLE run (key SERIAL_KEY, workspace_id TEXT NOT NULL, id TEXT NOT NULL, experiment BIGINT NOT NULL, name TEXT NOT NULL, user_id TEXT NOT NULL, status TEXT NOT NULL, start_at BIGINT NOT NULL, end_at BIGINT, artifact_uri TEXT NOT NULL, stage BIGINT NOT NULL, deleted_at BIGINT, received_at BIGINT NOT NULL, created_by TEXT NOT NULL, UNIQUE (workspace_id, id));
CREATE INDEX run_by_start ON run (experiment, stage, start_at DESC, id);
CREATE TABLE param (run BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, key)) CLUSTERED;
CREATE TABLE tag (run BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (run, key)) CLUSTERED;
CREATE TABLE metric_key (key SERIAL_KEY, experiment BIGINT NOT NULL, name TEXT NOT NULL, UNIQUE (experiment, name));
CREATE TABLE metric (run BIGINT NOT NULL, key BIGINT NOT NULL, at_ms BIGINT NOT NULL, step BIGINT NOT NULL, class BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, key, at_ms, step, class, value)) CLUSTERED;
CREATE TABLE latest_metric (run BIGINT NOT NULL, key BIGINT NOT NULL, step BIGINT NOT NULL, at_ms BIGINT NOT NULL, class BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (run, key)) CLUSTERED;
CREATE INDEX latest_metric_by_value ON latest_metric (key, class, value, run);
CREATE TABLE dataset (key SERIAL_KEY, experiment BIGINT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, source_type TEXT NOT NULL, source TEXT NOT NULL, schema_text TEXT, profile TEXT, UNIQUE (experiment, name, digest));
CREATE TABLE run_dataset (run BIGINT NOT NULL, dataset BIGINT NOT NULL, context TEXT, tags TEXT NOT NULL, seq BIGINT NOT NULL, PRIMARY KEY (run, dataset)) CLUSTERED;
CREATE INDEX run_dataset_by_dataset ON run_dataset (dataset, run);
CREATE TABLE run_model (run BIGINT NOT NULL, role BIGINT NOT NULL, model TEXT NOT NULL, step BIGINT NOT NULL, PRIMARY KEY (run, role, model)) CLUSTERED;
CREATE TABLE logged_model (key SERIAL_KEY, workspace_id TEXT NOT NULL, id TEXT NOT NULL, experiment BIGINT NOT NULL, name TEXT NOT NULL, artifact_uri TEXT NOT NULL, status BIGINT NOT NULL, status_message TEXT, model_type TEXT, source_run TEXT, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, stage BIGINT NOT NULL, created_by TEXT NOT NULL, UNIQUE (workspace_id, id));
CREATE INDEX logged_model_by_creation ON logged_model (experiment, stage, created_at DESC, id);
CREATE INDEX logged_model_by_run ON logged_model (workspace_id, source_run);
CREATE TABLE logged_model_param (model BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (model, key)) CLUSTERED;
CREATE TABLE logged_model_tag (model BIGINT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (model, key)) CLUSTERED;
CREATE TABLE logged_model_metric (model BIGINT NOT NULL, key TEXT NOT NULL, dataset_name TEXT NOT NULL, dataset_digest TEXT NOT NULL, run TEXT NOT NULL, step BIGINT NOT NULL, at_ms BIGINT NOT NULL, class BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, key, dataset_name, dataset_digest, run)) CLUSTERED;
CREATE TABLE artifact (workspace_id TEXT NOT NULL, path TEXT NOT NULL, hash TEXT NOT NULL, size BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL, PRIMARY KEY (workspace_id, path)) CLUSTERED;
";

/// A deleted experiment frees its name, and searches walk indexes: `start_neg` (the run's start, negated, so that one
/// direction gives "newest first" within a value) and `experiment` are copies of what never changes after a run is made.
/// Values are cut to 200 characters in the indexes, because PostgreSQL refuses longer rows there: conditions test
/// `substr(value, 1, 200)` for the index and then the whole value.
const NAMES_AND_ORDERS: &str = "postgres: ALTER TABLE experiment DROP CONSTRAINT experiment_workspace_id_name_key;
sqlite: CREATE TABLE experiment_new (key SERIAL_KEY, workspace_id TEXT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL, artifact_location TEXT NOT NULL, stage BIGINT NOT NULL, created_at BIGINT NOT NULL, updated_at BIGINT NOT NULL, created_by TEXT NOT NULL, UNIQUE (workspace_id, id));
sqlite: INSERT INTO experiment_new (key, workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by) SELECT key, workspace_id, id, name, artifact_location, stage, created_at, updated_at, created_by FROM experiment;
sqlite: DROP TABLE experiment;
sqlite: ALTER TABLE experiment_new RENAME TO experiment;
sqlite: CREATE INDEX experiment_by_creation ON experiment (workspace_id, stage, created_at, id);
CREATE UNIQUE INDEX experiment_name ON experiment (workspace_id, name) WHERE stage = 0;
ALTER TABLE run ADD COLUMN cpu_s DOUBLE PRECISION;
ALTER TABLE run ADD COLUMN gpu_s DOUBLE PRECISION;
ALTER TABLE run ADD COLUMN mem_gb_s DOUBLE PRECISION;
CREATE INDEX run_by_name ON run (experiment, substr(name, 1, 200), start_at DESC);
CREATE INDEX run_by_deletion ON run (workspace_id, deleted_at) WHERE stage = 1;
ALTER TABLE latest_metric ADD COLUMN start_neg BIGINT NOT NULL DEFAULT 0;
UPDATE latest_metric SET start_neg = (SELECT -r.start_at FROM run r WHERE r.key = latest_metric.run);
DROP INDEX latest_metric_by_value;
CREATE INDEX latest_metric_by_value ON latest_metric (key, class, value, start_neg, run);
ALTER TABLE param ADD COLUMN experiment BIGINT NOT NULL DEFAULT 0;
ALTER TABLE param ADD COLUMN start_neg BIGINT NOT NULL DEFAULT 0;
UPDATE param SET experiment = (SELECT r.experiment FROM run r WHERE r.key = param.run), start_neg = (SELECT -r.start_at FROM run r WHERE r.key = param.run);
CREATE INDEX param_by_value ON param (experiment, key, substr(value, 1, 200), start_neg, run);
ALTER TABLE tag ADD COLUMN experiment BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tag ADD COLUMN start_neg BIGINT NOT NULL DEFAULT 0;
UPDATE tag SET experiment = (SELECT r.experiment FROM run r WHERE r.key = tag.run), start_neg = (SELECT -r.start_at FROM run r WHERE r.key = tag.run);
CREATE INDEX tag_by_value ON tag (experiment, key, substr(value, 1, 200), start_neg, run);
CREATE TABLE ingest_mark (workspace_id TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, origin TEXT NOT NULL, mark TEXT NOT NULL, PRIMARY KEY (workspace_id, kind, id)) CLUSTERED;
";

/// Many points of one metric in one row: see `points.rs`.
const CHUNKS: &str = "CREATE TABLE metric_chunk (no SERIAL_KEY, run BIGINT NOT NULL, key BIGINT NOT NULL, min_at BIGINT NOT NULL, max_at BIGINT NOT NULL, points BIGINT NOT NULL, data BYTEA NOT NULL);
CREATE INDEX metric_chunk_by_run ON metric_chunk (run, key, min_at);
";

/// A logged model keeps every point that was logged of it, as MLflow's does, not the latest alone. What a run used is
/// metrics of it, not columns.
const POINTS_OF_LOGGED_MODELS: &str = "ALTER TABLE logged_model_metric RENAME TO logged_model_latest;
CREATE TABLE logged_model_metric (model BIGINT NOT NULL, key TEXT NOT NULL, dataset_name TEXT NOT NULL, dataset_digest TEXT NOT NULL, run TEXT NOT NULL, at_ms BIGINT NOT NULL, step BIGINT NOT NULL, class BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, PRIMARY KEY (model, key, dataset_name, dataset_digest, run, at_ms, step, class, value)) CLUSTERED;
INSERT INTO logged_model_metric (model, key, dataset_name, dataset_digest, run, at_ms, step, class, value) SELECT model, key, dataset_name, dataset_digest, run, at_ms, step, class, value FROM logged_model_latest;
DROP TABLE logged_model_latest;
ALTER TABLE run DROP COLUMN cpu_s;
ALTER TABLE run DROP COLUMN gpu_s;
ALTER TABLE run DROP COLUMN mem_gb_s;
";

/// The greatest id of an experiment that was collected: it is never given again.
const IDS_FOR_EVER: &str =
    "CREATE TABLE experiment_collected (workspace_id TEXT PRIMARY KEY, last BIGINT NOT NULL);
";

/// Folders whose files lie in another store: see `references.rs`. Before, records said so themselves.
const REFERENCES: &str = "CREATE TABLE artifact_reference (workspace_id TEXT NOT NULL, path TEXT NOT NULL, uri TEXT NOT NULL, PRIMARY KEY (workspace_id, path)) CLUSTERED;
INSERT INTO artifact_reference (workspace_id, path, uri) SELECT r.workspace_id, e.id || '/' || r.id || '/artifacts', r.artifact_uri FROM run r JOIN experiment e ON e.key = r.experiment WHERE r.artifact_uri LIKE 'file:%' OR r.artifact_uri LIKE 's3:%';
INSERT INTO artifact_reference (workspace_id, path, uri) SELECT l.workspace_id, e.id || '/models/m-' || l.id || '/artifacts', l.artifact_uri FROM logged_model l JOIN experiment e ON e.key = l.experiment WHERE l.artifact_uri LIKE 'file:%' OR l.artifact_uri LIKE 's3:%';
";

/// How a metric's value is kept: `(class, value)`, so that rows order as -infinity, finite, infinity, NaN.
pub(crate) fn split(value: f64) -> (i64, f64) {
    if value.is_nan() {
        (NAN, 0.0)
    } else if value == f64::INFINITY {
        (1, 0.0)
    } else if value == f64::NEG_INFINITY {
        (-1, 0.0)
    } else {
        // Zero has two signs that compare equal: one of them is kept.
        (0, if value == 0.0 { 0.0 } else { value })
    }
}

/// The class of NaN.
pub(crate) const NAN: i64 = 2;

/// The value of a class and a stored value.
pub(crate) fn join(class: i64, value: f64) -> f64 {
    match class {
        NAN => f64::NAN,
        1 => f64::INFINITY,
        -1 => f64::NEG_INFINITY,
        _ => value,
    }
}
