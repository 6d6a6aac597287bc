//! `apply`: what should exist. Everything is checked before anything is changed.

use axum::{
    Json,
    extract::{Path, State},
};
use trimtab_edge::{CallScope, Failure};
use trimtab_loop::RolloutPolicy;
use trimtab_monitor::MOST_MONITORS;
use trimtab_pipeline::{Outline, Project};
use trimtab_serving::{Change, EndpointSpec, ServingError};
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
    let standing = api.serving.endpoints(&scope).await?;
    // Nothing stops answering because a line is gone from a file: such endpoints stay, and are named.
    let left: Vec<AppliedObject> = standing
        .iter()
        .map(|endpoint| &endpoint.spec)
        .filter(|spec| spec.project == desired.project.as_str())
        .filter(|spec| {
            !desired
                .endpoints
                .iter()
                .any(|wanted| wanted.name == spec.name)
        })
        .map(|spec| AppliedObject {
            kind: "endpoint".to_owned(),
            name: spec.name.to_string(),
            change: "left".to_owned(),
        })
        .collect();
    let existing: Vec<Name> = standing
        .into_iter()
        .map(|endpoint| endpoint.spec.name)
        .collect();
    desired.check_endpoints(FILE, &existing)?;
    check_owners(&api, &scope, &desired).await?;
    check_room(&api, &scope, &desired).await?;
    let outline = outline(&api, &scope, &desired, request.project).await?;
    if let Some(outline) = &outline {
        desired.check_pipeline(FILE, outline)?;
    }
    // From here on things change. The endpoints come first: what is wrong with their specs is found before any is written.
    let before = policies(&api, &scope, &desired).await?;
    let mut objects = Vec::new();
    let endpoints = api
        .serving
        .apply(&scope, desired.project.as_str(), desired.endpoints)
        .await?;
    objects.extend(endpoints.into_iter().map(|applied| {
        let is_same = applied.change == Change::Unchanged
            && before
                .iter()
                .zip(&desired.policies)
                .any(|(old, (name, wanted))| *name == applied.name && old == wanted);
        let is_known = applied.change != Change::Created;
        changed("endpoint", &applied.name, is_known, is_same)
    }));
    let commit = match outline {
        Some(outline) => {
            let registered = api.pipelines.register(&scope, outline.project).await?;
            Some(registered.commit)
        }
        None => None,
    };
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
    objects.extend(left);
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
        let EndpointSpec { name, project, .. } = endpoint.spec;
        let is_wanted = desired.endpoints.iter().any(|wanted| wanted.name == name);
        if is_wanted && project != desired.project.as_str() {
            return Err(ServingError::OwnedElsewhere {
                endpoint: name,
                owner: project,
                project: desired.project.to_string(),
            }
            .into());
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

/// What will be changed of rollout policies is known before it is.
async fn policies(
    api: &Api,
    scope: &Scope,
    desired: &Desired,
) -> Result<Vec<RolloutPolicy>, Failure> {
    let mut policies = Vec::with_capacity(desired.policies.len());
    for (endpoint, _) in &desired.policies {
        policies.push(api.controller.policy(scope, endpoint).await?);
    }
    Ok(policies)
}

/// The monitors of all projects together must have room.
async fn check_room(api: &Api, scope: &Scope, desired: &Desired) -> Result<(), Failure> {
    let standing = api.monitors.list(scope).await?;
    let others = standing
        .iter()
        .filter(|monitor| monitor.project != desired.project.as_str());
    if others.count() + desired.monitors.len() > MOST_MONITORS {
        return Err(Failure::invalid(
            "monitors",
            format!("a workspace has at most {MOST_MONITORS} monitors"),
        ));
    }
    Ok(())
}

/// The project's code as it will be registered, or as it is where triggers need it.
async fn outline(
    api: &Api,
    scope: &Scope,
    desired: &Desired,
    source: Option<ProjectSource>,
) -> Result<Option<Outline>, Failure> {
    let project = match source {
        Some(source) => Project {
            name: desired.project.clone(),
            git: source.git,
            subfolder: source.subfolder,
            commit: source.commit,
        },
        None => match api.pipelines.project(scope, &desired.project).await {
            Ok(project) => project,
            Err(_) if desired.triggers.is_empty() => return Ok(None),
            Err(_) => {
                return Err(Failure::invalid(
                    "project",
                    format!(
                        "the file declares triggers, and project `{}` has no code registered",
                        desired.project
                    ),
                )
                .hint("run `trimtab apply` inside the project's git repository, or send `project` with `git` and `commit`"));
            }
        },
    };
    Ok(Some(api.pipelines.outline(scope, project).await?))
}
