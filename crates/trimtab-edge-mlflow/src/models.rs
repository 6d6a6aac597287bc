//! Registered models and their aliases.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_registry::{RegistryError, Search, Stage};

use crate::{
    Services,
    input::Input,
    refusal::Refusal,
    versions,
    wire::{self, Answer, Json},
};

fn answer(model: &trimtab_registry::RegisteredModel) -> Json {
    Json(json!({ "registered_model": wire::model(model) }))
}

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, description, tags) = (
        input.required("name")?,
        input.text("description")?,
        input.pairs("tags")?,
    );
    let model = services
        .registry
        .create_model(&scope, &name, description.as_deref(), &tags)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let model = services
        .registry
        .get_model(&scope, &input.required("name")?)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn update(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, description) = (input.required("name")?, input.text("description")?);
    let model = services
        .registry
        .update_model(&scope, &name, description.as_deref())
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn rename(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, new_name) = (input.required("name")?, input.required("new_name")?);
    let model = services
        .registry
        .rename_model(&scope, &name, &new_name)
        .await?;
    Ok(answer(&model))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    services
        .registry
        .delete_model(&scope, &input.required("name")?)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn search(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let page = services
        .registry
        .search_models(&scope, search_of(&input)?)
        .await?;
    let items: Vec<Value> = page.items.iter().map(wire::model).collect();
    Ok(wire::list("registered_models", items, page.next))
}

pub(crate) fn search_of(input: &Input) -> Result<Search, Refusal> {
    Ok(Search {
        filter: input.text("filter")?.unwrap_or_default(),
        order_by: input.texts("order_by")?,
        limit: input.limit("max_results")?,
        page_token: input.text("page_token")?,
    })
}

pub(crate) async fn set_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, key) = (input.required("name")?, input.required("key")?);
    let value = input.text("value")?.unwrap_or_default();
    services
        .registry
        .set_model_tag(&scope, &name, &key, &value)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, key) = (input.required("name")?, input.required("key")?);
    services
        .registry
        .delete_model_tag(&scope, &name, &key)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn latest_versions(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let name = input.required("name")?;
    let stages = input
        .texts("stages")?
        .iter()
        .map(|text| versions::stage(text))
        .collect::<Result<Vec<Stage>, _>>()?;
    let latest = services
        .registry
        .latest_versions(&scope, &name, &stages)
        .await?;
    Ok(wire::list(
        "model_versions",
        latest.iter().map(wire::version).collect(),
        None,
    ))
}

pub(crate) async fn set_alias(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, alias) = (input.required("name")?, input.required("alias")?);
    let version = versions::number(&input, "version")?;
    services
        .registry
        .set_alias(&scope, &name, &alias, version)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_alias(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, alias) = (input.required("name")?, input.required("alias")?);
    services
        .registry
        .delete_alias(&scope, &name, &alias)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn get_alias(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (model, alias) = (input.required("name")?, input.required("alias")?);
    let version = services
        .registry
        .version_by_alias(&scope, &model, &alias)
        .await?
        .ok_or_else(|| RegistryError::AliasNotFound { model, alias })?;
    Ok(Json(json!({ "model_version": wire::version(&version) })))
}
