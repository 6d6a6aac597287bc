//! Collection of what was deleted.

use axum::{Json, extract::State};
use trimtab_edge::{CallScope, Failure};
use trimtab_registry::Search;
use trimtab_tracking::{GcPlan, GcReport};
use trimtab_types::{Duration, LoggedModelId, RunId, Scope};

use crate::{
    extract::OptionalJson,
    handlers::{Answer, backup::of_the_house},
    state::{Api, Services},
    wire::{GcAnswer, GcRequest},
};

/// How many versions are read at once.
const STEP: u32 = 1_000;

pub(crate) async fn gc(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    OptionalJson(request): OptionalJson<GcRequest>,
) -> Answer<GcAnswer> {
    let plan = plan(&request)?;
    let scopes = if request.all_workspaces {
        of_the_house(&scope)?;
        every_workspace(&api, &scope).await?
    } else {
        vec![scope]
    };
    let mut report = GcReport::default();
    for scope in scopes {
        report.add(api.collect(&scope, plan.clone()).await?);
    }
    let swept = api.tracking.sweep_blobs().await?;
    Ok(Json(GcAnswer {
        runs: report.runs,
        logged_models: report.logged_models,
        experiments: report.experiments,
        files: report.files,
        foreign: report.foreign,
        kept: report.kept,
        kept_names: report.kept_names,
        swept,
    }))
}

impl Services {
    /// Removes for good what was deleted in a workspace, but what a model version needs.
    pub async fn collect(&self, scope: &Scope, mut plan: GcPlan) -> Result<GcReport, Failure> {
        let mut page_token = None;
        loop {
            let search = Search {
                limit: STEP,
                page_token,
                ..Search::default()
            };
            let page = self.registry.search_versions(scope, search).await?;
            let sources = page.items.iter();
            plan.in_use
                .extend(sources.map(|version| version.files().to_owned()));
            page_token = page.next.map(|token| token.as_str().to_owned());
            if page_token.is_none() {
                break;
            }
        }
        Ok(self.tracking.gc(scope, plan).await?)
    }

    /// What a retention policy does, once: every workspace, everything that was deleted long enough ago.
    pub async fn collect_everywhere(
        &self,
        by: &Scope,
        older_than: Duration,
    ) -> Result<GcReport, Failure> {
        let mut report = GcReport::default();
        for workspace in self.access.all_workspaces().await? {
            let scope = Scope {
                workspace: workspace.id,
                principal: by.principal.clone(),
            };
            let plan = GcPlan {
                older_than: Some(older_than),
                ..GcPlan::default()
            };
            report.add(self.collect(&scope, plan).await?);
        }
        Ok(report)
    }
}

async fn every_workspace(api: &Api, scope: &Scope) -> Result<Vec<Scope>, Failure> {
    let workspaces = api.access.workspaces(scope).await?;
    Ok(workspaces
        .into_iter()
        .map(|workspace| Scope {
            workspace: workspace.id,
            principal: scope.principal.clone(),
        })
        .collect())
}

fn plan(request: &GcRequest) -> Result<GcPlan, Failure> {
    let older_than = request
        .older_than_s
        .map(|seconds| {
            format!("{seconds}s")
                .parse::<Duration>()
                .ok()
                .filter(|age| *age >= Duration::ZERO)
                .ok_or_else(|| {
                    Failure::invalid("older_than_s", format!("{seconds} is no number of seconds"))
                })
        })
        .transpose()?;
    Ok(GcPlan {
        older_than,
        runs: ids(request.run_ids.as_ref(), "run_ids", |id| {
            id.parse::<RunId>().ok()
        })?,
        experiments: ids(request.experiment_ids.as_ref(), "experiment_ids", |id| {
            id.parse::<i64>().ok()
        })?,
        logged_models: ids(
            request.logged_model_ids.as_ref(),
            "logged_model_ids",
            |id| id.strip_prefix("m-")?.parse::<LoggedModelId>().ok(),
        )?,
        in_use: Vec::new(),
        ignore_unknown: request.all_workspaces,
    })
}

fn ids<T>(
    given: Option<&Vec<String>>,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<Option<Vec<T>>, Failure> {
    let Some(given) = given else { return Ok(None) };
    given
        .iter()
        .map(|id| {
            read(id.trim()).ok_or_else(|| Failure::invalid(field, format!("`{id}` is no such id")))
        })
        .collect::<Result<_, _>>()
        .map(Some)
}
