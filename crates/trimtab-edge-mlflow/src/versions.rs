//! Model versions.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_registry::{CreateVersion, ModelVersion, Stage};

use crate::{
    Services,
    input::{self, Input},
    models::search_of,
    refusal::Refusal,
    source,
    wire::{self, Answer, Json},
};

fn answer(version: &ModelVersion) -> Json {
    Json(json!({ "model_version": wire::version(version) }))
}

/// A version's number, which clients write as text.
pub(crate) fn number(input: &Input, field: &str) -> Result<i64, Refusal> {
    let number = input
        .integer(field)
        .map_err(|_| Refusal::invalid(field, "Model version must be an integer"))?;
    number.ok_or_else(|| Refusal::missing(field))
}

pub(crate) fn stage(text: &str) -> Result<Stage, Refusal> {
    Stage::parse(text).ok_or_else(|| {
        Refusal::invalid(
            "stage",
            format!(
                "Invalid Model Version stage: {}. Value must be one of None, Staging, Production, Archived.",
                text.chars().take(80).collect::<String>()
            ),
        )
    })
}

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let filled = |field: &str| Ok::<_, Refusal>(input.text(field)?.filter(|text| !text.is_empty()));
    let run_id = filled("run_id")?
        .map(|run| input::run_id(&run))
        .transpose()?;
    let logged_model = filled("model_id")?
        .map(|id| input::logged_model_id(&id))
        .transpose()?;
    let source = input.required("source")?;
    let mut version = CreateVersion {
        model: input.required("name")?,
        source,
        storage: None,
        run_id,
        logged_model,
        run_link: filled("run_link")?,
        description: input.text("description")?,
        tags: input.pairs("tags")?,
    };
    source::check(&services, &scope, &mut version).await?;
    let version = services.registry.create_version(&scope, version).await?;
    Ok(answer(&version))
}

pub(crate) async fn get(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let version = services
        .registry
        .get_version(&scope, &name, version)
        .await?;
    Ok(answer(&version))
}

pub(crate) async fn update(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let description = input.text("description")?;
    let version = services
        .registry
        .update_version(&scope, &name, version, description.as_deref())
        .await?;
    Ok(answer(&version))
}

pub(crate) async fn delete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    services
        .registry
        .delete_version(&scope, &name, version)
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
        .search_versions(&scope, search_of(&input)?)
        .await?;
    let items: Vec<Value> = page.items.iter().map(wire::version).collect();
    Ok(wire::list("model_versions", items, page.next))
}

pub(crate) async fn download_uri(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let version = services
        .registry
        .get_version(&scope, &name, version)
        .await?;
    Ok(Json(
        json!({ "artifact_uri": source::download_uri(&services, &scope, &version).await? }),
    ))
}

pub(crate) async fn transition(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let stage = stage(&input.required("stage")?)?;
    let archive = input.flag("archive_existing_versions")?.unwrap_or(false);
    let version = services
        .registry
        .set_stage(&scope, &name, version, stage, archive)
        .await?;
    Ok(answer(&version))
}

pub(crate) async fn set_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let (key, value) = (
        input.required("key")?,
        input.text("value")?.unwrap_or_default(),
    );
    services
        .registry
        .set_version_tag(&scope, &name, version, &key, &value)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn delete_tag(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (name, version) = (input.required("name")?, number(&input, "version")?);
    let key = input.required("key")?;
    services
        .registry
        .delete_version_tag(&scope, &name, version, &key)
        .await?;
    Ok(wire::nothing())
}
