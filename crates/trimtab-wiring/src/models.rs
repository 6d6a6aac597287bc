//! Where serving gets a model version's files: the artifacts of its logged model or run, unpacked once.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use trimtab_registry::Registry;
use trimtab_serving::{FetchError, ModelSource};
use trimtab_tracking::Tracking;
use trimtab_types::{Coded, ErrorCode, Name, Scope};

/// Unpacks registered model versions into a folder; a version that is there already is not unpacked again.
#[derive(Debug)]
pub struct RegistryModels {
    registry: Registry,
    tracking: Tracking,
    folder: PathBuf,
}

impl RegistryModels {
    /// An adapter over these services that unpacks into `folder`.
    pub fn new(registry: Registry, tracking: Tracking, folder: PathBuf) -> Self {
        Self {
            registry,
            tracking,
            folder,
        }
    }

    /// `FOLDER/WORKSPACE/MODEL/VERSION`; a model's name may hold anything, so an odd one becomes its hex digits.
    fn place(&self, scope: &Scope, model: &str, version: i64) -> PathBuf {
        let name = match model.parse::<Name>() {
            Ok(name) => name.to_string(),
            Err(_) => format!("_{}", hex::encode(model)),
        };
        self.folder
            .join(scope.workspace.as_str())
            .join(name)
            .join(version.to_string())
    }
}

#[async_trait]
impl ModelSource for RegistryModels {
    async fn fetch(&self, scope: &Scope, model: &str, version: i64) -> Result<PathBuf, FetchError> {
        let place = self.place(scope, model, version);
        if place.join("MLmodel").is_file() {
            return Ok(place);
        }
        let found = self
            .registry
            .get_version(scope, model, version)
            .await
            .map_err(|error| of(&error))?;
        let unfinished =
            place.with_extension(format!("unfinished-{}", trimtab_types::RevisionId::new()));
        let files = self
            .tracking
            .artifact_export(scope, found.files(), &unfinished)
            .await
            .map_err(|error| of(&error))?;
        if files == 0 {
            return Err(FetchError {
                code: ErrorCode::NotFound,
                message: format!("`{}` holds no file", found.files()),
                hint: Some(
                    "log the model again; its artifacts are not in this server's store".to_owned(),
                ),
            });
        }
        put_in_place(&unfinished, &place).await?;
        Ok(place)
    }

    async fn registered_by(
        &self,
        scope: &Scope,
        model: &str,
        version: i64,
    ) -> Result<Option<String>, FetchError> {
        let found = self.registry.get_version(scope, model, version).await;
        Ok(Some(found.map_err(|error| of(&error))?.created_by))
    }
}

/// Renames a finished folder into place; when another call was faster, its folder stays.
async fn put_in_place(unfinished: &Path, place: &Path) -> Result<(), FetchError> {
    let renamed = tokio::fs::rename(unfinished, place).await;
    if renamed.is_err() && place.join("MLmodel").is_file() {
        return remove(unfinished).await;
    }
    renamed.map_err(|error| io(place, &error))
}

async fn remove(folder: &Path) -> Result<(), FetchError> {
    tokio::fs::remove_dir_all(folder)
        .await
        .map_err(|error| io(folder, &error))
}

fn io(path: &Path, error: &std::io::Error) -> FetchError {
    FetchError {
        code: ErrorCode::Unavailable,
        message: format!(
            "the model's files cannot be put at {}: {error}",
            path.display()
        ),
        hint: Some("check the disk's space and the folder's owner".to_owned()),
    }
}

fn of(error: &dyn Coded) -> FetchError {
    FetchError::of(error)
}
