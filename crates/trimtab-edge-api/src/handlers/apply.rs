//! `apply`: what should exist. Everything is checked before anything is changed.

use axum::{
    Json,
    extract::{Path, State},
};
use trimtab_edge::{CallScope, Failure};
use trimtab_pipeline::Project;
use trimtab_serving::Change;
use trimtab_types::{Name, Scope};

use crate::{
    desired::Desired,
    extract::Json as Body,
    handlers::Answer,
    state::Api,
    wire::{Applied, AppliedObject, ApplyRequest, ProjectInfo, ProjectSource},
};

/// What errors call the file.
const FILE: &str = "trimtab.yaml";

pub(crate) async fn apply(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<ApplyRequest>,
) -> Answer<Applied> {
    let desired = Desired::parse(FILE, &request.spec)?;
    let existing: Vec<Name> = api
        .serving
        .endpoints(&scope)
        .await?
        .into_iter()
        .map(|endpoint| endpoint.spec.name)
        .collect();
    desired.check_endpoints(FILE, &existing)?;
    check_owners(&api, &scope, &desired).await?;
    let commit = project(&api, &scope, &desired, request.project).await?;
    let mut objects = Vec::new();
    let endpoints = api
        .serving
        .apply(&scope, desired.project.as_str(), desired.endpoints)
        .await?;
    objects.extend(endpoints.into_iter().map(|applied| {
        AppliedObject {
            kind: "endpoint".to_owned(),
            name: applied.name.to_string(),
            change: match applied.change {
                Change::Created => "created",
                Change::Updated => "updated",
                Change::Unchanged => "unchanged",
            }
            .to_owned(),
        }
    }));
    let before = api.monitors.list(&scope).await?;
    let monitors = api
        .monitors
        .apply(&scope, desired.project.as_str(), desired.monitors)
        .await?;
    objects.extend(monitors.into_iter().map(|monitor| {
        let old = before.iter().find(|old| old.name == monitor.name);
        let is_same =
            old.is_some_and(|old| old.endpoint == monitor.endpoint && old.window == monitor.window);
        changed("monitor", &monitor.name, old.is_some(), is_same)
    }));
    let before = api.controller.triggers(&scope).await?;
    let triggers = desired.triggers.clone();
    api.controller
        .apply(&scope, &desired.project, desired.triggers, desired.policies)
        .await?;
    objects.extend(triggers.into_iter().map(|trigger| {
        let old = before.iter().find(|old| old.name == trigger.name);
        changed(
            "trigger",
            &trigger.name,
            old.is_some(),
            old == Some(&trigger),
        )
    }));
    Ok(Json(Applied {
        project: desired.project.to_string(),
        commit,
        objects,
    }))
}

pub(crate) async fn project_info(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Path(name): Path<Name>,
) -> Answer<ProjectInfo> {
    let project = api.pipelines.project(&scope, &name).await?;
    Ok(Json(ProjectInfo {
        name: project.name.to_string(),
        git: project.git,
        subfolder: project.subfolder,
        commit: project.commit,
    }))
}

fn changed(kind: &str, name: &Name, is_known: bool, is_same: bool) -> AppliedObject {
    AppliedObject {
        kind: kind.to_owned(),
        name: name.to_string(),
        change: match (is_known, is_same) {
            (false, _) => "created",
            (true, false) => "updated",
            (true, true) => "unchanged",
        }
        .to_owned(),
    }
}

/// An object has one owner: another project's is refused before anything is changed.
async fn check_owners(api: &Api, scope: &Scope, desired: &Desired) -> Result<(), Failure> {
    let owned = |kind: &str, name: &Name, owner: &str| {
        if owner == desired.project.as_str() {
            return Ok(());
        }
        Err(Failure::new(
            trimtab_types::ErrorCode::Conflict,
            format!("{kind} `{name}` belongs to project `{owner}`"),
        )
        .hint("give it another name, or apply that project's file"))
    };
    for endpoint in api.serving.endpoints(scope).await? {
        let name = &endpoint.spec.name;
        if desired.endpoints.iter().any(|wanted| wanted.name == *name) {
            owned("endpoint", name, &endpoint.spec.project)?;
        }
    }
    for monitor in api.monitors.list(scope).await? {
        if desired
            .monitors
            .iter()
            .any(|wanted| wanted.name == monitor.name)
        {
            owned("monitor", &monitor.name, &monitor.project)?;
        }
    }
    for trigger in api.controller.triggers(scope).await? {
        if desired
            .triggers
            .iter()
            .any(|wanted| wanted.name == trigger.name)
        {
            owned("trigger", &trigger.name, trigger.project.as_str())?;
        }
    }
    Ok(())
}

/// Registers the project's code, or finds it registered where triggers need it.
async fn project(
    api: &Api,
    scope: &Scope,
    desired: &Desired,
    source: Option<ProjectSource>,
) -> Result<Option<String>, Failure> {
    if let Some(source) = source {
        let project = Project {
            name: desired.project.clone(),
            git: source.git,
            subfolder: source.subfolder,
            commit: source.commit,
        };
        let registered = api.pipelines.register(scope, project).await?;
        return Ok(Some(registered.commit));
    }
    match api.pipelines.project(scope, &desired.project).await {
        Ok(project) => Ok(Some(project.commit)),
        Err(_) if desired.triggers.is_empty() => Ok(None),
        Err(_) => Err(Failure::invalid(
            "project",
            format!(
                "the file declares triggers, and project `{}` has no code registered",
                desired.project
            ),
        )
        .hint("run `trimtab apply` inside the project's git repository, or send `project` with `git` and `commit`")),
    }
}
