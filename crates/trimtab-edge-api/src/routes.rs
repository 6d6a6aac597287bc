//! The table of `/api/v1`: every path with its role, its sentence and its handler.

use trimtab_edge::{BodyLimit, Route};
use trimtab_types::Verb::{Admin, Operate, Read, Write};

use crate::{
    console,
    handlers::{
        access, alias, apply, backup, data, endpoint, experiment, feedback, gc, home, ingest,
        lineage, model, monitor, plan, probe, rollout, run, server, stream,
    },
    operation::{Documented, Param, flag, integer, operation, text},
    wire,
};

const LIMIT: Param = integer("limit", "Most items in the answer.");
const PAGE: Param = text("page", "`next` of the page before.");
const ENDPOINT: Param = text("endpoint", "Only of this endpoint.");

/// A table in a body may be as large as this.
const TABLE: BodyLimit = BodyLimit::Bytes(1 << 30);

/// Records of an import come in parts of a few megabytes, of which one may be long.
const INGEST: BodyLimit = BodyLimit::Bytes(64 << 20);

#[rustfmt::skip]
pub(crate) fn documented() -> Documented {
    let api = Documented::new()
        .add(operation(Route::get("/api/v1/server", Read, "server"), "getServer", "What answers, and for whom.")
            .answers::<wire::ServerInfo>(), server::server)
        .add(operation(Route::get("/api/v1/home", Read, "endpoint"), "getHome", "The loop: one row per endpoint, and the latest runs.")
            .answers::<wire::Home>(), home::home)
        .add(operation(Route::public("/api/v1/openapi.json", "document"), "getOpenapi", "This document.")
            .raw_answer("application/json"), server::openapi)
        .add(operation(Route::get("/api/v1/clock", Read, "clock"), "getClock", "Where the loop's clock stands.")
            .answers::<wire::ClockState>(), server::clock)
        .add(operation(Route::post("/api/v1/clock", Admin, "clock"), "setClock", "Move the replay clock; answered when all work due by then is done.")
            .body::<wire::ClockTo>().answers::<wire::ClockState>(), server::set_clock)
        .add(operation(Route::get("/api/v1/events/stream", Read, "event"), "streamEvents", "What happens, as server-sent events; `Last-Event-ID` resumes.")
            .query([integer("after", "Begin after this place; default: now.")]).raw_answer("text/event-stream"), stream::events);
    let api = api
        .add(operation(Route::post("/api/v1/apply", Operate, "project"), "apply", "Make what a trimtab.yaml says exist.")
            .body::<wire::ApplyRequest>().answers::<wire::Applied>(), apply::apply)
        .add(operation(Route::get("/api/v1/projects/{name}", Read, "project"), "getProject", "Where a project's code is.")
            .answers::<wire::ProjectInfo>(), apply::project_info)
        .add(operation(Route::get("/api/v1/endpoints", Read, "endpoint"), "listEndpoints", "Endpoints, by name.")
            .answers_list::<wire::Endpoint>(), endpoint::endpoints)
        .add(operation(Route::get("/api/v1/endpoints/{name}", Read, "endpoint"), "getEndpoint", "One endpoint: spec, revisions, traffic.")
            .answers::<wire::Endpoint>(), endpoint::endpoint)
        .add(operation(Route::get("/api/v1/rollouts", Read, "rollout"), "listRollouts", "Rollouts, newest first.")
            .query([ENDPOINT, LIMIT]).answers_list::<wire::Rollout>(), rollout::rollouts)
        .add(operation(Route::post("/api/v1/rollouts", Operate, "rollout"), "startRollout", "Send a version through a rollout.")
            .body::<wire::StartRollout>().answers::<wire::Fired>(), rollout::start)
        .add(operation(Route::get("/api/v1/rollouts/{id}", Read, "rollout"), "getRollout", "One rollout: steps, guardrails, gate, history.")
            .answers::<wire::Rollout>(), rollout::rollout)
        .add(operation(Route::post("/api/v1/rollouts/{id}/abort", Operate, "rollout"), "abortRollout", "Put all traffic back on the champion.")
            .body::<wire::AbortRollout>().answers::<wire::Rollout>(), rollout::abort);
    let api = api
        .add(operation(Route::get("/api/v1/monitors", Read, "monitor"), "listMonitors", "Monitors, by name.")
            .answers_list::<wire::Monitor>(), monitor::monitors)
        .add(operation(Route::get("/api/v1/monitors/{name}", Read, "monitor"), "getMonitor", "One monitor.")
            .answers::<wire::Monitor>(), monitor::monitor)
        .add(operation(Route::get("/api/v1/monitors/{name}/windows", Read, "monitor"), "listWindows", "A monitor's windows, newest first, without histograms.")
            .query([text("from", "Windows that begin at this time or later."), text("to", "Windows that begin before this time: `next` of the page before."), LIMIT])
            .answers_list::<wire::MonitorWindow>(), monitor::windows)
        .add(operation(Route::get("/api/v1/windows/{id}", Read, "monitor"), "getWindow", "One window with every check and histogram.")
            .answers::<wire::MonitorWindow>(), monitor::window)
        .add(operation(Route::get("/api/v1/alerts", Read, "alert"), "listAlerts", "Alerts, newest first.")
            .query([ENDPOINT, text("monitor", "Only of this monitor."), flag("open", "Only those that are not over."), LIMIT]).answers_list::<wire::Alert>(), monitor::alerts)
        .add(operation(Route::get("/api/v1/triggers", Read, "trigger"), "listTriggers", "Triggers, by name.")
            .answers_list::<wire::Trigger>(), plan::triggers)
        .add(operation(Route::post("/api/v1/triggers/{name}/fire", Operate, "trigger"), "fireTrigger", "Start a trigger's plan by hand.")
            .body::<wire::FireTrigger>().answers::<wire::Fired>(), plan::fire)
        .add(operation(Route::get("/api/v1/plans", Read, "plan"), "listPlans", "Plans, newest first.")
            .query([text("endpoint", "Only the newest of this endpoint, in one page."), LIMIT, PAGE]).answers_list::<wire::Plan>(), plan::plans)
        .add(operation(Route::get("/api/v1/plans/{id}", Read, "plan"), "getPlan", "One plan with its steps.")
            .answers::<wire::Plan>(), plan::plan)
        .add(operation(Route::get("/api/v1/decisions", Read, "decision"), "listDecisions", "The loop's diary, newest first; with `after`, oldest first from that place.")
            .query([ENDPOINT, integer("after", "Only what came after this place."), LIMIT, PAGE]).answers_list::<wire::Decision>(), plan::decisions);
    let api = api
        .add(operation(Route::get("/api/v1/datasets", Read, "dataset"), "listDatasets", "Dataset versions, newest first.")
            .query([text("name", "Only of this dataset."), LIMIT, PAGE]).answers_list::<wire::DatasetVersion>(), data::datasets)
        .add(operation(Route::post("/api/v1/datasets", Write, "dataset").body_limit(TABLE), "createDataset", "Make a dataset version of the table in the body.")
            .query([text("name", "The dataset's name."), text("file", "The file's name; its suffix says the format (default Parquet)."), text("time_column", "The column with each row's time.")])
            .raw_body("application/vnd.apache.parquet").answers::<wire::DatasetVersion>(), data::create)
        .add(operation(Route::post("/api/v1/datasets/from-events", Write, "dataset"), "createDatasetFromEvents", "Make a dataset version of an endpoint's events.")
            .body::<wire::DatasetFromEvents>().answers::<wire::DatasetVersion>(), data::from_events)
        .add(operation(Route::get("/api/v1/datasets/{id}", Read, "dataset"), "getDataset", "One dataset version with its profile.")
            .answers::<wire::DatasetVersion>(), data::dataset)
        .add(operation(Route::get("/api/v1/quarantines", Read, "quarantine"), "listQuarantines", "Events that training must not see, in the order of time.")
            .query([ENDPOINT]).answers_list::<wire::QuarantineRow>(), data::quarantines)
        .add(operation(Route::post("/api/v1/feedback", Write, "feedback"), "postFeedback", "Outcomes of predictions; all are stored, or none.")
            .body::<wire::FeedbackRequest>().answers::<wire::FeedbackReceipt>(), feedback::post)
        .add(operation(Route::get("/api/v1/models", Read, "model"), "listModels", "Registered models, by name.")
            .query([LIMIT, PAGE]).answers_list::<wire::ModelSummary>(), model::models)
        .add(operation(Route::get("/api/v1/models/{name}", Read, "model"), "getModel", "One registered model with its versions.")
            .answers::<wire::Model>(), model::model)
        .add(operation(Route::get("/api/v1/models/{name}/alias-history", Read, "model"), "listAliasMoves", "Who moved the aliases of a model when, newest first; the history of a name outlives its model.")
            .query([text("alias", "Only of this alias."), LIMIT, PAGE]).answers_list::<wire::AliasMove>(), alias::history)
        .add(operation(Route::get("/api/v1/models/{name}/versions/{version}/files", Read, "model"), "listModelFiles", "The files of a model version.")
            .answers_list::<wire::ArtifactEntry>(), model::files)
        .add(operation(Route::get("/api/v1/models/{name}/versions/{version}/files/{*path}", Read, "model"), "getModelFile", "One file of a model version.")
            .raw_answer("application/octet-stream"), model::file)
        .add(operation(Route::get("/api/v1/runs", Read, "run"), "listRuns", "Runs, newest first.")
            .query([text("experiment", "Only of this experiment, by id or name."), LIMIT, PAGE]).answers_list::<wire::RunSummary>(), run::runs)
        .add(operation(Route::get("/api/v1/experiments", Read, "experiment"), "listExperiments", "Active experiments, newest first.")
            .query([LIMIT, PAGE]).answers_list::<wire::ExperimentSummary>(), experiment::experiments)
        .add(operation(Route::post("/api/v1/runs/search", Read, "run"), "searchRuns", "Runs by a filter, in an order, with only the asked columns.")
            .body::<wire::RunsQuery>().answers_list::<wire::RunRow>(), experiment::search)
        .add(operation(Route::get("/api/v1/runs/keys", Read, "run"), "listRunKeys", "The metrics, params and tags that the runs of experiments have.")
            .query([text("experiments", "Ids or names of experiments, separated by commas; none is all.")]).answers::<wire::RunKeys>(), experiment::keys)
        .add(operation(Route::post("/api/v1/series", Read, "run"), "sampleSeries", "Curves of metrics of runs, thinned to what a chart can show.")
            .body::<wire::SeriesQuery>().answers_list::<wire::Series>(), experiment::series)
        .add(operation(Route::get("/api/v1/runs/{id}", Read, "run"), "getRun", "One run.")
            .answers::<wire::Run>(), run::run)
        .add(operation(Route::get("/api/v1/runs/{id}/metrics/{key}", Read, "run"), "getMetricHistory", "The points of a metric, in the order of steps.")
            .query([LIMIT, PAGE]).answers::<wire::MetricHistory>(), run::metric)
        .add(operation(Route::get("/api/v1/lineage/{kind}/{id}", Read, "lineage"), "getLineage", "What an object came from, or what came from it.")
            .query([text("direction", "`upstream` or `downstream`; default: downstream for dataset versions and commits, else upstream."), integer("depth", "How many steps to walk.")])
            .answers::<wire::Lineage>(), lineage::lineage);
    let api = api
        .add(operation(Route::post("/api/v1/gc", Admin, "workspace"), "collectGarbage", "Remove for good what was deleted: runs, experiments, logged models, with their files.")
            .body::<wire::GcRequest>().answers::<wire::GcAnswer>(), gc::gc)
        .add(operation(Route::post("/api/v1/backups", Admin, "backup"), "beginBackup", "Copy the database and hold every file still until the backup is fetched.")
            .answers::<wire::Backup>(), backup::begin)
        .add(operation(Route::get("/api/v1/backups/{id}/files/{*path}", Admin, "backup"), "getBackupFile", "One file of a backup.")
            .raw_answer("application/octet-stream"), backup::file)
        .add(operation(Route::delete("/api/v1/backups/{id}", Admin, "backup"), "endBackup", "Let the files of a backup go.")
            .raw_answer("application/json"), backup::end);
    let api = api
        .add(operation(Route::post("/api/v1/ingest/check", Write, "ingest"), "checkIngest", "What is here of the records that an import would like to bring, and which cannot come.")
            .body::<wire::IngestCheck>().answers::<wire::IngestState>(), ingest::check)
        .add(operation(Route::post("/api/v1/ingest", Write, "ingest").body_limit(INGEST), "ingest", "Take over records from elsewhere, with their ids, times and users; the same again changes nothing.")
            .body::<wire::IngestRequest>().answers::<wire::IngestReceipt>(), ingest::ingest)
        .add(operation(Route::post("/api/v1/ingest/prints", Write, "ingest"), "getIngestPrints", "Fingerprints of runs, to compare them with their source.")
            .body::<wire::IngestPrintsOf>().answers_list::<wire::IngestPrint>(), ingest::prints)
        .add(operation(Route::post("/api/v1/ingest/roots", Admin, "ingest"), "addIngestRoot", "Let the workspace read a folder of the server's machine in place.")
            .body::<wire::IngestRoot>().answers::<wire::IngestRoot>(), ingest::root)
        .add(operation(Route::put("/api/v1/ingest/files/{*path}", Write, "ingest").body_limit(BodyLimit::Unlimited), "putIngestFile", "Store the body at a path of the workspace's artifacts.")
            .raw_body("application/octet-stream").answers::<wire::IngestFile>(), ingest::put_file);
    api
        .add(operation(Route::get("/api/v1/tokens", Admin, "token"), "listTokens", "Tokens of the workspace, oldest first, revoked ones too.")
            .answers_list::<wire::TokenInfo>(), access::tokens)
        .add(operation(Route::post("/api/v1/tokens", Admin, "token"), "createToken", "Make a token; its text is in this answer and never again.")
            .body::<wire::NewToken>().answers::<wire::NewTokenAnswer>(), access::create_token)
        .add(operation(Route::delete("/api/v1/tokens/{id}", Admin, "token"), "revokeToken", "Revoke a token; the last administrator's only with `force`.")
            .query([flag("force", "Also where nobody could administer tokens afterwards.")]).raw_answer("application/json"), access::revoke_token)
        .add(operation(Route::get("/api/v1/workspaces", Admin, "workspace"), "listWorkspaces", "Workspaces, by name.")
            .answers_list::<wire::WorkspaceInfo>(), access::workspaces)
        .add(operation(Route::post("/api/v1/workspaces", Admin, "workspace"), "createWorkspace", "Make a workspace; where tokens are asked for, as an administrator of `default`.")
            .body::<wire::NewWorkspace>().answers::<wire::WorkspaceInfo>(), access::create_workspace)
        .add(operation(Route::get("/api/v1/audit", Admin, "audit"), "listAudit", "The audit trail, newest first.")
            .query([LIMIT, PAGE]).answers_list::<wire::AuditRow>(), access::audit)
        .add(operation(Route::get("/metrics", Read, "metric"), "getMetrics", "Metrics for Prometheus.")
            .raw_answer("application/openmetrics-text"), probe::metrics)
        .add(operation(Route::public("/livez", "probe"), "getLive", "The process runs.").raw_answer("text/plain"), probe::live)
        .add(operation(Route::public("/readyz", "probe"), "getReady", "The process can do its work.").raw_answer("text/plain"), probe::ready)
}

/// The whole edge.
pub(crate) fn routes() -> trimtab_edge::Routes<crate::state::Api> {
    console::routes(documented().routes)
}
