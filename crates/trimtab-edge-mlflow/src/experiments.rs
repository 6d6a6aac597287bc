//! Experiments.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_tracking::{CreateExperiment, Search, View};

use crate::{
    Services,
    input::Input,
    wire::{self, Answer, Json},
};

/// The spellings of [`View`], counted from 1.
pub(crate) const VIEWS: [(&str, View); 3] = [
    ("ACTIVE_ONLY", View::ActiveOnly),
    ("DELETED_ONLY", View::DeletedOnly),
    ("ALL", View::All),
];

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let create = CreateExperiment {
        name: input.required("name")?,
        artifact_location: input
            .text("artifact_location")?
            .filter(|text| !text.is_empty()),
        tags: input.pairs("tags")?,
    };
    let made = services.tracking.create_experiment(&scope, create).await?;
    Ok(Json(json!({ "experiment_id": made.id.to_string() })))
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let found = services
        .tracking
        .get_experiment(&scope, input.experiment()?)
        .await?;
    Ok(Json(
        json!({ "experiment": wire::experiment(&scope, &found) }),
    ))
}

pub(crate) async fn get_by_name(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let name = input.required("experiment_name")?;
    let found = services
        .tracking
        .get_experiment_by_name(&scope, &name)
        .await?;
    Ok(Json(
        json!({ "experiment": wire::experiment(&scope, &found) }),
    ))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services
        .tracking
        .delete_experiment(&scope, input.experiment()?)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn restore(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services
        .tracking
        .restore_experiment(&scope, input.experiment()?)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn update(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (experiment, name) = (input.experiment()?, input.required("new_name")?);
    services
        .tracking
        .rename_experiment(&scope, experiment, &name)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn set_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let key = input.required("key")?;
    let value = input.text("value")?.unwrap_or_default();
    services
        .tracking
        .set_experiment_tag(&scope, input.experiment()?, &key, &value)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let key = input.required("key")?;
    services
        .tracking
        .delete_experiment_tag(&scope, input.experiment()?, &key)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn search(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let search = Search {
        filter: input.text("filter")?.unwrap_or_default(),
        order_by: input.texts("order_by")?,
        view: input.choice("view_type", &VIEWS)?.unwrap_or_default(),
        limit: input.positive_limit("max_results")?,
        page_token: input.text("page_token")?,
    };
    let page = services.tracking.search_experiments(&scope, search).await?;
    let items: Vec<Value> = page
        .items
        .iter()
        .map(|one| wire::experiment(&scope, one))
        .collect();
    Ok(wire::list("experiments", items, page.next))
}
