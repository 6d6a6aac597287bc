//! Logged models.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_tracking::{
    CreateLoggedModel, DatasetRef, LoggedModel, LoggedModelOrder, LoggedModelSearch,
};

use crate::{
    Services,
    input::{self, Input},
    refusal::Refusal,
    wire::{self, Answer, Json},
};

fn answer(model: &LoggedModel) -> Json {
    Json(json!({ "model": wire::logged_model(model) }))
}

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let source_run = input.text("source_run_id")?.filter(|run| !run.is_empty());
    let create = CreateLoggedModel {
        experiment: input.experiment()?,
        name: input.text("name")?,
        // As MLflow keeps it: no type is the empty one.
        model_type: Some(input.text("model_type")?.unwrap_or_default()),
        source_run: source_run.map(|run| input::run_id(&run)).transpose()?,
        params: input.pairs("params")?,
        tags: input.pairs("tags")?,
    };
    let model = services
        .tracking
        .create_logged_model(&scope, create)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let model = services
        .tracking
        .get_logged_model(&scope, input.logged_model()?)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn finalize(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let status = input
        .choice("status", &wire::LOGGED_MODEL_STATUSES)?
        .ok_or_else(|| Refusal::missing("status"))?;
    let model = services
        .tracking
        .finalize_logged_model(&scope, input.logged_model()?, status)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services
        .tracking
        .delete_logged_model(&scope, input.logged_model()?)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn log_params(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (model, params) = (input.logged_model()?, input.pairs("params")?);
    services
        .tracking
        .log_logged_model_params(&scope, model, params)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn set_tags(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (model, tags) = (input.logged_model()?, input.pairs("tags")?);
    services
        .tracking
        .set_logged_model_tags(&scope, model, tags)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (model, key) = (input.logged_model()?, input.required("tag_key")?);
    services
        .tracking
        .delete_logged_model_tag(&scope, model, &key)
        .await?;
    Ok(wire::nothing())
}

fn dataset(input: &Input) -> Result<Option<DatasetRef>, Refusal> {
    let name = input.text("dataset_name")?.unwrap_or_default();
    let digest = input.text("dataset_digest")?.unwrap_or_default();
    Ok((!name.is_empty() || !digest.is_empty()).then_some(DatasetRef { name, digest }))
}

pub(crate) async fn search(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let mut datasets = Vec::new();
    for asked in input.objects("datasets")? {
        datasets.extend(dataset(&asked)?);
    }
    if datasets.iter().any(|dataset| dataset.name.is_empty()) {
        return Err(Refusal::missing("dataset_name"));
    }
    let order_by = input
        .objects("order_by")?
        .iter()
        .map(|clause| {
            Ok(LoggedModelOrder {
                field: clause.required("field_name")?,
                is_ascending: clause.flag("ascending")?.unwrap_or(true),
                dataset: dataset(clause)?,
            })
        })
        .collect::<Result<_, Refusal>>()?;
    let search = LoggedModelSearch {
        experiments: if input.has("experiment_ids") {
            input::experiment_ids(&input)?
        } else {
            return Err(Refusal::missing("experiment_ids"));
        },
        filter: input.text("filter")?.unwrap_or_default(),
        datasets,
        order_by,
        limit: input.limit("max_results")?,
        page_token: input.text("page_token")?,
    };
    let page = services
        .tracking
        .search_logged_models(&scope, search)
        .await?;
    let items: Vec<Value> = page.items.iter().map(wire::logged_model).collect();
    Ok(wire::list("models", items, page.next))
}
