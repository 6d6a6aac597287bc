//! Where a model version's files are: whoever registers one may only point at what the named run or logged model owns.

use trimtab_registry::{CreateVersion, ModelVersion};
use trimtab_tracking::{ArtifactPath, ArtifactUri};
use trimtab_types::Scope;

use crate::{Services, refusal::Refusal};

fn refuse(source: &str, why: &str) -> Refusal {
    Refusal::invalid(
        "source",
        format!(
            "Invalid model version source: '{}'. {why}",
            source.chars().take(200).collect::<String>()
        ),
    )
}

/// Checks a new version's source, and fills in what it says about run, logged model and storage.
pub(crate) async fn check(
    services: &Services,
    scope: &Scope,
    version: &mut CreateVersion,
) -> Result<(), Refusal> {
    if let Some(run) = version.run_id {
        services.tracking.get_run(scope, run).await?;
    }
    if let Some(model) = version.logged_model {
        let model = services.tracking.get_logged_model(scope, model).await?;
        version.run_id = version.run_id.or(model.source_run);
    }
    // A prompt's text is a tag; the registry refuses any source but a placeholder.
    if version.is_prompt() {
        return Ok(());
    }
    let source = version.source.clone();
    match ArtifactUri::parse(&source)
        .map_err(|_| refuse(&source, "It is not a valid artifact URI"))?
    {
        ArtifactUri::Own(path) => own(services, scope, version, &path).await,
        ArtifactUri::Run(run, _) => {
            services.tracking.get_run(scope, run).await?;
            match version.run_id {
                Some(named) if named != run => Err(refuse(
                    &source,
                    "It belongs to another run than `run_id` names",
                )),
                Some(_) | None => {
                    version.run_id = Some(run);
                    Ok(())
                }
            }
        }
        ArtifactUri::LoggedModel(id, _) => {
            let model = services.tracking.get_logged_model(scope, id).await?;
            if version.logged_model.is_some_and(|named| named != id) {
                return Err(refuse(
                    &source,
                    "It is another logged model than `model_id` names",
                ));
            }
            version.logged_model = Some(id);
            version.run_id = version.run_id.or(model.source_run);
            Ok(())
        }
        ArtifactUri::Foreign(uri) => match uri.strip_prefix("models:/") {
            Some(rest) => copy(services, scope, version, rest).await,
            // The registry refuses local paths; other stores check their own callers.
            None => Ok(()),
        },
    }
}

async fn own(
    services: &Services,
    scope: &Scope,
    version: &CreateVersion,
    path: &ArtifactPath,
) -> Result<(), Refusal> {
    let mut roots = Vec::new();
    if let Some(run) = version.run_id {
        roots.push(services.tracking.get_run(scope, run).await?.artifact_uri);
    }
    if let Some(model) = version.logged_model {
        roots.push(
            services
                .tracking
                .get_logged_model(scope, model)
                .await?
                .artifact_uri,
        );
    }
    for root in roots {
        if let Ok(ArtifactUri::Own(root)) = ArtifactUri::parse(&root) {
            let below = path.as_str().strip_prefix(root.as_str());
            if below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                return Ok(());
            }
        }
    }
    Err(refuse(
        &version.source,
        "To use an artifact of this server, `run_id` or `model_id` must name the run or logged model that it belongs to",
    ))
}

/// A source that is a version of a registered model (`NAME/VERSION` or `NAME@ALIAS`): its files are that one's.
async fn copy(
    services: &Services,
    scope: &Scope,
    version: &mut CreateVersion,
    rest: &str,
) -> Result<(), Refusal> {
    let original = match rest.split_once('@') {
        Some((model, alias)) => {
            services
                .registry
                .version_by_alias(scope, model, alias)
                .await?
        }
        None => match rest
            .rsplit_once('/')
            .map(|(model, number)| (model, number.parse::<i64>()))
        {
            Some((model, Ok(number))) => {
                Some(services.registry.get_version(scope, model, number).await?)
            }
            Some((_, Err(_))) | None => None,
        },
    };
    let original =
        original.ok_or_else(|| refuse(&version.source, "There is no such model version"))?;
    version.storage = Some(original.files().to_owned());
    version.run_id = version.run_id.or(original.run_id);
    version.logged_model = version.logged_model.or(original.logged_model);
    Ok(())
}

/// The URI that a client downloads a version's files from.
pub(crate) async fn download_uri(
    services: &Services,
    scope: &Scope,
    version: &ModelVersion,
) -> Result<String, Refusal> {
    match ArtifactUri::parse(version.files())? {
        ArtifactUri::LoggedModel(id, path) => {
            let model = services.tracking.get_logged_model(scope, id).await?;
            Ok(if path.is_root() {
                model.artifact_uri
            } else {
                format!("{}/{path}", model.artifact_uri)
            })
        }
        ArtifactUri::Own(_) | ArtifactUri::Run(..) | ArtifactUri::Foreign(_) => {
            Ok(version.files().to_owned())
        }
    }
}
