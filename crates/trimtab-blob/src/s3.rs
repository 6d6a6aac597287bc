//! Objects in S3, and in stores that speak its protocol: listed and read, never written.
//!
//! Who is asked, and with which credentials, is said by this process's environment alone: a location names a bucket
//! and a key, and neither can lead to another host.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use object_store::{
    BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey},
    list::{PaginatedListOptions, PaginatedListStore},
    path::Path,
};

use crate::{BlobBody, BlobError, ForeignEntry};

/// How many entries a listing has at most.
const ENTRIES: usize = 50_000;
/// Clients kept, one a bucket.
const BUCKETS: usize = 64;
/// How long a store that does not answer is tried, with its retries.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often one request is repeated.
const RETRIES: usize = 3;

/// A bucket and a key in it, as `s3://BUCKET/KEY` says; the key may be empty, and names a folder or an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Location {
    bucket: String,
    key: String,
}

impl S3Location {
    /// Reads a URI; `None` for one of another kind, or with a name that could be taken for something else.
    pub fn parse(uri: &str) -> Option<Self> {
        let rest = uri.strip_prefix("s3://")?;
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_name = (3..=63).contains(&bucket.len())
            && bucket.starts_with(|first: char| first.is_ascii_alphanumeric())
            && bucket
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        is_name.then_some(())?;
        Self {
            bucket: bucket.to_owned(),
            key: String::new(),
        }
        .below(key.trim_end_matches('/'))
    }

    /// A place below this one; `None` when the path would lead elsewhere.
    pub fn below(&self, path: &str) -> Option<Self> {
        if path.is_empty() {
            return Some(self.clone());
        }
        let is_plain = path.len() <= 1_024
            && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
            && !path
                .chars()
                .any(|c| c.is_control() || matches!(c, '\\' | '?' | '#'));
        is_plain.then(|| Self {
            bucket: self.bucket.clone(),
            key: if self.key.is_empty() {
                path.to_owned()
            } else {
                format!("{}/{path}", self.key)
            },
        })
    }

    /// Whether the other is this place or lies below it.
    pub fn holds(&self, other: &Self) -> bool {
        self.bucket == other.bucket
            && other
                .key
                .strip_prefix(&self.key)
                .is_some_and(|rest| self.key.is_empty() || rest.is_empty() || rest.starts_with('/'))
    }

    /// What every key below it begins with.
    fn prefix(&self) -> String {
        if self.key.is_empty() {
            String::new()
        } else {
            format!("{}/", self.key)
        }
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket)?;
        if self.key.is_empty() {
            Ok(())
        } else {
            write!(f, "/{}", self.key)
        }
    }
}

/// An object below a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3File {
    /// Its key below the location.
    pub path: String,
    /// Its bytes.
    pub size: u64,
    /// When it was last written, in milliseconds since 1970.
    pub changed_ms: i64,
}

/// Why a store did not answer with what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum S3Problem {
    /// Nothing in the environment says who this process is.
    NoCredentials,
    /// There is no such bucket.
    NoBucket,
    /// The credentials may not.
    Denied,
    /// The settings cannot be used.
    Settings,
    /// It did not answer, or not as such a store does.
    Unavailable,
}

impl fmt::Display for S3Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCredentials => "there are no credentials for S3",
            Self::NoBucket => "there is no such bucket",
            Self::Denied => "the store refuses these credentials",
            Self::Settings => "the settings for S3 cannot be used",
            Self::Unavailable => "the store did not answer as it should",
        })
    }
}

impl S3Problem {
    /// What a person can do about it.
    pub(crate) fn hint(self) -> &'static str {
        match self {
            Self::NoCredentials => {
                "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY for this process, or run it with a role of its machine"
            }
            Self::NoBucket => {
                "check the bucket's name, and AWS_ENDPOINT_URL or MLFLOW_S3_ENDPOINT_URL of this process"
            }
            Self::Denied => {
                "allow them s3:ListBucket on the bucket and s3:GetObject on its objects; AWS_REGION must be the bucket's"
            }
            Self::Settings => {
                "check the variables of this process that begin with AWS_; AWS_REGION must be the bucket's"
            }
            Self::Unavailable => {
                "check AWS_ENDPOINT_URL or MLFLOW_S3_ENDPOINT_URL, AWS_REGION and the network"
            }
        }
    }
}

/// Reads S3 as its settings say; cheap to clone.
#[derive(Clone)]
pub struct S3(Arc<Inner>);

struct Inner {
    settings: Vec<(AmazonS3ConfigKey, String)>,
    allows_http: bool,
    buckets: Mutex<HashMap<String, Arc<AmazonS3>>>,
}

impl fmt::Debug for S3 {
    // The settings hold a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3").finish_non_exhaustive()
    }
}

impl S3 {
    /// As this process's environment says.
    pub fn from_env() -> Self {
        Self::from_variables(
            std::env::vars_os().filter_map(|(key, value)| {
                Some((key.into_string().ok()?, value.into_string().ok()?))
            }),
        )
    }

    /// As variables say: those of AWS that `object_store` knows, and MLflow's `MLFLOW_S3_ENDPOINT_URL`, which goes
    /// before `AWS_ENDPOINT_URL_S3` and `AWS_ENDPOINT_URL`. An endpoint may be plain HTTP, as MLflow takes it too.
    pub fn from_variables(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut settings: Vec<(AmazonS3ConfigKey, String)> = Vec::new();
        let mut endpoint = None;
        for (name, value) in variables {
            if name == "MLFLOW_S3_ENDPOINT_URL" {
                endpoint = Some(value).filter(|value| !value.is_empty());
            } else if name.starts_with("AWS_")
                && let Ok(key) = name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>()
            {
                settings.push((key, value));
            }
        }
        if let Some(endpoint) = endpoint {
            settings.retain(|(key, _)| {
                !matches!(
                    key,
                    AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint
                )
            });
            settings.push((AmazonS3ConfigKey::Endpoint, endpoint));
        }
        let allows_http = settings.iter().any(|(key, value)| {
            matches!(
                key,
                AmazonS3ConfigKey::Endpoint | AmazonS3ConfigKey::S3Endpoint
            ) && value.starts_with("http://")
        });
        // A bucket is named by each location alone.
        settings.retain(|(key, _)| *key != AmazonS3ConfigKey::Bucket);
        Self(Arc::new(Inner {
            settings,
            allows_http,
            buckets: Mutex::default(),
        }))
    }

    async fn bucket(&self, location: &S3Location) -> Result<Arc<AmazonS3>, BlobError> {
        let known = {
            let buckets = self
                .0
                .buckets
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            buckets.get(&location.bucket).map(Arc::clone)
        };
        if let Some(store) = known {
            return Ok(store);
        }
        let mut options = ClientOptions::new()
            .with_connect_timeout(Duration::from_secs(5))
            // A stream may take long; that nothing comes may not.
            .with_timeout_disabled();
        if self.0.allows_http {
            options = options.with_allow_http(true);
        }
        let mut builder = AmazonS3Builder::new().with_client_options(options);
        for (key, value) in &self.0.settings {
            builder = builder.with_config(*key, value);
        }
        let store = builder
            .with_bucket_name(&location.bucket)
            .with_retry(RetryConfig {
                backoff: BackoffConfig::default(),
                max_retries: RETRIES,
                retry_timeout: PATIENCE,
            })
            .build()
            .map_err(|source| failed(location, S3Problem::Settings, source))?;
        let is_signed = !self
            .0
            .settings
            .iter()
            .any(|(key, value)| *key == AmazonS3ConfigKey::SkipSignature && value == "true");
        if is_signed {
            within(location, store.credentials().get_credential())
                .await?
                .map_err(|source| failed(location, S3Problem::NoCredentials, source))?;
        }
        let store = Arc::new(store);
        let mut buckets = self
            .0
            .buckets
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BUCKETS {
            buckets.clear();
        }
        buckets.insert(location.bucket.clone(), Arc::clone(&store));
        Ok(store)
    }

    /// Whether the bucket is there and may be listed below the location.
    pub async fn check(&self, location: &S3Location) -> Result<(), BlobError> {
        let options = PaginatedListOptions {
            max_keys: Some(1),
            ..PaginatedListOptions::default()
        };
        let store = self.bucket(location).await?;
        within(
            location,
            store.list_paginated(Some(&location.prefix()), options),
        )
        .await?
        .map_err(|source| explained(location, source))?;
        Ok(())
    }

    /// What stands directly in a folder; of an object or of nothing, nothing.
    pub(crate) async fn list(&self, folder: &S3Location) -> Result<Vec<ForeignEntry>, BlobError> {
        let mut found = Vec::new();
        let prefix = folder.prefix();
        self.pages(folder, Some("/"), |result| {
            for common in &result.common_prefixes {
                if let Some(name) = common.as_ref().strip_prefix(&prefix) {
                    found.push(ForeignEntry {
                        name: name.to_owned(),
                        size: None,
                    });
                }
            }
            for object in &result.objects {
                // A folder that was made by a console is an object that is named as the folder.
                if let Some(name) = object.location.as_ref().strip_prefix(&prefix) {
                    found.push(ForeignEntry {
                        name: name.to_owned(),
                        size: Some(object.size),
                    });
                }
            }
            found.len()
        })
        .await?;
        found.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    /// Every object below a location, in the order of their keys.
    pub async fn files(&self, root: &S3Location) -> Result<Vec<S3File>, BlobError> {
        let mut found = Vec::new();
        let prefix = root.prefix();
        self.pages(root, None, |result| {
            for object in &result.objects {
                if let Some(path) = object.location.as_ref().strip_prefix(&prefix) {
                    found.push(S3File {
                        path: path.to_owned(),
                        size: object.size,
                        changed_ms: object.last_modified.timestamp_millis(),
                    });
                }
            }
            // A tree is bounded by what an import can name, not by what a page can show.
            0
        })
        .await?;
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(found)
    }

    /// Hands over page after page, until there is none or `each` counts enough.
    async fn pages(
        &self,
        folder: &S3Location,
        delimiter: Option<&'static str>,
        mut each: impl FnMut(&object_store::ListResult) -> usize,
    ) -> Result<(), BlobError> {
        let store = self.bucket(folder).await?;
        let prefix = folder.prefix();
        let mut page_token = None;
        loop {
            let options = PaginatedListOptions {
                delimiter: delimiter.map(Into::into),
                page_token,
                ..PaginatedListOptions::default()
            };
            let page = within(folder, store.list_paginated(Some(&prefix), options))
                .await?
                .map_err(|source| explained(folder, source))?;
            let count = each(&page.result);
            page_token = page.page_token;
            if page_token.is_none() || count >= ENTRIES {
                return Ok(());
            }
        }
    }

    /// The bytes of an object.
    pub(crate) async fn size(&self, location: &S3Location) -> Result<u64, BlobError> {
        let store = self.bucket(location).await?;
        let path = path(location)?;
        let about = within(location, store.head(&path))
            .await?
            .map_err(|source| explained(location, source))?;
        Ok(about.size)
    }

    /// Streams a part of an object, or all of it.
    pub async fn read(
        &self,
        location: &S3Location,
        range: Option<Range<u64>>,
    ) -> Result<BlobBody, BlobError> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Ok(BlobBody::new(0, futures::stream::empty().boxed()));
        }
        let store = self.bucket(location).await?;
        let path = path(location)?;
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = within(location, store.get_opts(&path, options))
            .await?
            .map_err(|source| explained(location, source))?;
        let size = found.range.end - found.range.start;
        let chunks = patient(location.clone(), found.into_stream().boxed());
        Ok(BlobBody::new(size, chunks.boxed()))
    }
}

/// The stream, which ends with an error when its next piece does not come.
fn patient(
    location: S3Location,
    chunks: BoxStream<'static, object_store::Result<Bytes>>,
) -> impl Stream<Item = Result<Bytes, BlobError>> {
    futures::stream::try_unfold((location, chunks), |(location, mut chunks)| async move {
        match within(&location, chunks.next()).await? {
            None => Ok(None),
            Some(Ok(chunk)) => Ok(Some((chunk, (location, chunks)))),
            Some(Err(source)) => Err(explained(&location, source)),
        }
    })
}

fn path(location: &S3Location) -> Result<Path, BlobError> {
    Path::parse(&location.key)
        .ok()
        .filter(|path| !path.as_ref().is_empty())
        .ok_or_else(|| missing(location))
}

fn missing(location: &S3Location) -> BlobError {
    BlobError::NotFound {
        hash: location.to_string().chars().take(200).collect(),
    }
}

/// What the store's client said names endpoints and more: it goes to the log, not to whoever asked.
fn failed(location: &S3Location, problem: S3Problem, source: impl fmt::Display) -> BlobError {
    let location: String = location.to_string().chars().take(200).collect();
    tracing::warn!(location, %source, "S3 cannot be read: {problem}");
    BlobError::S3 { location, problem }
}

fn explained(location: &S3Location, error: object_store::Error) -> BlobError {
    use object_store::Error as E;
    // Of a listing, the client tells the store's status in words only.
    let said = error.to_string();
    let problem = match &error {
        _ if said.contains("NoSuchBucket") => S3Problem::NoBucket,
        E::NotFound { .. } | E::InvalidPath { .. } => return missing(location),
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => S3Problem::Denied,
        _ if ["status code: 403", "status code: 401"]
            .iter()
            .any(|status| said.contains(status)) =>
        {
            S3Problem::Denied
        }
        _ if said.contains("configured region") => S3Problem::Settings,
        _ => S3Problem::Unavailable,
    };
    failed(location, problem, error)
}

/// The answer, if it comes in the time that a store has.
async fn within<T>(location: &S3Location, answer: impl Future<Output = T>) -> Result<T, BlobError> {
    tokio::time::timeout(PATIENCE, answer)
        .await
        .map_err(|late| failed(location, S3Problem::Unavailable, late))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_plain_and_hold_what_is_below_them() {
        let at = |uri: &str| S3Location::parse(uri).unwrap();
        let root = at("s3://team-models/mlflow/");
        assert_eq!(root.to_string(), "s3://team-models/mlflow");
        assert!(root.holds(&at("s3://team-models/mlflow/1/a b.txt")));
        assert!(root.holds(&root));
        for other in [
            "s3://team-models",
            "s3://team-models/mlflow2/1",
            "s3://team-model/mlflow/1",
        ] {
            assert!(!root.holds(&at(other)), "{other}");
        }
        assert!(at("s3://team-models").holds(&root));
        for bad in [
            "s3://",
            "s3://ab",
            "s3:///key",
            "s3://user@host/key",
            "s3://host:80/key",
            "s3://bucket/a/../b",
            "s3://bucket/a//b",
            "s3://bucket/./b",
            "s3://bucket/a?versionId=1",
            "s3://bucket/a#b",
            "s3://bucket/a\\b",
            "s3://bucket/a\nb",
            "https://bucket/a",
            "/bucket/a",
        ] {
            assert_eq!(S3Location::parse(bad), None, "{bad}");
        }
        for bad in ["../x", "/x", "a/../../x", "."] {
            assert_eq!(root.below(bad), None, "{bad}");
        }
    }

    #[test]
    fn mlflows_endpoint_goes_first_and_no_bucket_comes_from_the_environment() {
        let s3 = S3::from_variables(
            [
                ("AWS_ENDPOINT_URL", "https://b"),
                ("MLFLOW_S3_ENDPOINT_URL", "http://a"),
                ("AWS_BUCKET", "other"),
                ("AWS_SECRET_ACCESS_KEY", "secret"),
                ("AWS_UNKNOWN_WORD", "x"),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned())),
        );
        let settings: Vec<&str> = s3.0.settings.iter().map(|(_, value)| &**value).collect();
        assert_eq!(settings, ["secret", "http://a"]);
        assert!(s3.0.allows_http);
        assert!(!format!("{s3:?}").contains("secret"));
    }
}
