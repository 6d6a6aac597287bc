//! The model repository of V2, which is the registry: what could be served, and loading and unloading it.

use trimtab_edge::Failure;
use trimtab_registry::{LineageEdge, ModelVersion, Registry, Search};
use trimtab_serving::EndpointSpec;
use trimtab_types::{ErrorCode, Name, Scope};

use crate::Inference;

/// The aliases that say which version of a model is loaded, in this order.
const ALIASES: [&str; 2] = ["champion", "production"];
/// Registered models that an index reads at once.
const PAGE: u32 = 1_000;

const READY: &str = "READY";
const UNAVAILABLE: &str = "UNAVAILABLE";

/// One row of the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub(crate) name: String,
    /// Empty where no version is loaded.
    pub(crate) version: String,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
}

/// Every endpoint with its loaded versions, then the registered models that no endpoint serves.
pub(crate) async fn index(
    state: &Inference,
    scope: &Scope,
    only_ready: bool,
) -> Result<Vec<Indexed>, Failure> {
    let deployed = state.serving.deployed(scope);
    let mut index = Vec::new();
    for endpoint in &deployed {
        let row = |version: String, state, reason: &str| Indexed {
            name: endpoint.name.to_string(),
            version,
            state,
            reason: reason.to_owned(),
        };
        match &endpoint.waiting {
            Some(waiting) => index.push(row(String::new(), UNAVAILABLE, &waiting.why)),
            None => {
                let versions = endpoint.versions.iter();
                index.extend(versions.map(|version| row(version.to_string(), READY, "")));
            }
        }
    }
    if only_ready {
        index.retain(|row| row.state == READY);
        return Ok(index);
    }
    if let Some(registry) = &state.registry {
        let served = |model: &str| deployed.iter().any(|endpoint| endpoint.model == model);
        for model in registered(registry, scope).await? {
            if !served(&model) {
                index.push(Indexed {
                    name: model,
                    version: String::new(),
                    state: UNAVAILABLE,
                    reason: "no endpoint serves it".to_owned(),
                });
            }
        }
    }
    Ok(index)
}

/// The names of all registered models.
async fn registered(registry: &Registry, scope: &Scope) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    let mut page_token = None;
    loop {
        let search = Search {
            limit: PAGE,
            page_token,
            ..Search::default()
        };
        let page = registry.search_models(scope, search).await?;
        names.extend(page.items.into_iter().map(|model| model.name));
        let Some(next) = page.next else {
            return Ok(names);
        };
        page_token = Some(next.as_str().to_owned());
    }
}

/// Makes endpoint `name` for the registered model of that name. Where the endpoint answers already, nothing changes.
pub(crate) async fn load(state: &Inference, scope: &Scope, name: &str) -> Result<(), Failure> {
    let endpoint: Name = name.parse().map_err(|error| {
        Failure::invalid(
            "model_name",
            format!("model `{name}` cannot be an endpoint: {error}"),
        )
        .hint("name an endpoint for it in trimtab.yaml")
    })?;
    match state.serving.is_ready(scope, &endpoint, None) {
        Ok(true) => return Ok(()),
        Ok(false) => {
            let declared = state.serving.endpoint(scope, &endpoint).await?;
            return Err(Failure::new(
                ErrorCode::Conflict,
                format!(
                    "endpoint `{endpoint}` is declared by project `{}` and does not answer yet",
                    declared.spec.project
                ),
            )
            .hint(format!(
                "it loads what alias `{}` of model `{}` points to: set the alias",
                declared.spec.alias, declared.spec.model
            )));
        }
        Err(_) => {}
    }
    let registry = state.registry.as_ref().ok_or_else(|| {
        Failure::new(
            ErrorCode::Unsupported,
            format!("there is no registry here to load `{endpoint}` from"),
        )
        .hint("`trimtab server` loads models from its registry")
    })?;
    let (version, alias) = aliased(registry, scope, name).await?;
    let spec = EndpointSpec {
        alias: alias.to_owned(),
        ..EndpointSpec::new(endpoint.clone(), "", name)
    };
    let revision = state.serving.deploy(scope, spec, version.version).await?;
    let edges = LineageEdge::of_revision(&endpoint, revision.id, &version, revision.created_at);
    Ok(registry.record_edges(scope, edges).await?)
}

/// The version that is to be loaded, and the alias that says so.
async fn aliased(
    registry: &Registry,
    scope: &Scope,
    model: &str,
) -> Result<(ModelVersion, &'static str), Failure> {
    for alias in ALIASES {
        if let Some(version) = registry.version_by_alias(scope, model, alias).await? {
            return Ok((version, alias));
        }
    }
    Err(Failure::new(
        ErrorCode::Conflict,
        format!("model `{model}` has neither alias `champion` nor `production`"),
    )
    .hint(format!(
        "say which version to load: set_registered_model_alias(\"{model}\", \"champion\", VERSION)"
    )))
}

/// Takes an endpoint away that was made by loading.
pub(crate) async fn unload(state: &Inference, scope: &Scope, name: &str) -> Result<(), Failure> {
    let endpoint = crate::context::endpoint(name)?;
    Ok(state.serving.undeploy(scope, &endpoint).await?)
}

/// The parameters of a load: what would put files or a configuration beside the registry's is refused.
pub(crate) fn check_parameters<'n>(names: impl Iterator<Item = &'n str>) -> Result<(), Failure> {
    for name in names {
        if name == "config" || name.starts_with("file:") {
            return Err(Failure::new(
                ErrorCode::Unsupported,
                format!("parameter `{name}`: a model's files come from the registry, its configuration from the model"),
            )
            .hint("register a version, set its alias, and load the model by its name"));
        }
    }
    Ok(())
}
