//! Where artifacts are at the source, and where they will be.

use std::{
    collections::{BTreeSet, HashMap},
    path::{Component, Path, PathBuf},
};

use trimtab_blob::S3Location;

use crate::peer::path_text;

/// What becomes of artifacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Artifacts {
    /// They are copied into the server's store.
    Copy,
    /// They stay where they are, and the server reads them there.
    Reference,
    /// They are not brought; records name the place where copies would be.
    None,
}

/// A place whose files an import may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactRoot {
    /// A folder of this machine, absolute.
    Folder(PathBuf),
    /// A bucket, or a prefix in one.
    S3(S3Location),
}

/// A tree of files at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A folder of this machine.
    Folder(PathBuf),
    /// Objects in S3.
    S3(S3Location),
    /// A folder that an MLflow server hands out.
    Proxied(String),
    /// A run's files, which an MLflow server reads for us.
    OfRun(String),
    /// A logged model's files, which an MLflow server reads for us.
    OfModel(String),
}

/// Where a tree goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Moved {
    /// The URI that records will have.
    pub(crate) uri: String,
    /// Where the server reads the files in place.
    pub(crate) reference: Option<String>,
    /// The path in our store, where files are to be copied to, and from where.
    pub(crate) copy: Option<(String, Tree)>,
    /// Why nothing is copied.
    pub(crate) left: Option<String>,
}

/// Finds new places for old ones.
#[derive(Debug)]
pub(crate) struct Places {
    mode: Artifacts,
    /// What may be read; the first is what is behind `mlflow-artifacts:/` of the old server. What a database names
    /// elsewhere is not followed: whoever could write to the old server could name any folder.
    roots: Vec<ArtifactRoot>,
    /// What relative locations are relative to.
    base: Option<PathBuf>,
    /// Whether the source is a server that hands files out.
    is_server: bool,
    moved: HashMap<String, String>,
    /// Places that the server is to read, and those of them that it was told of.
    read: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Places {
    pub(crate) fn new(
        mode: Artifacts,
        roots: Vec<ArtifactRoot>,
        base: Option<PathBuf>,
        is_server: bool,
    ) -> Self {
        Self {
            mode,
            roots,
            base,
            is_server,
            moved: HashMap::new(),
            read: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// The place of an experiment.
    pub(crate) fn experiment(&mut self, id: i64, old: &str) -> String {
        let new = match self.mode {
            Artifacts::Copy | Artifacts::None => format!("mlflow-artifacts:/{id}"),
            Artifacts::Reference => {
                let ours = format!("mlflow-artifacts:/{id}");
                let (reference, _) = self.in_place(old);
                visible(old, ours, reference.as_deref())
            }
        };
        self.remember(old, &new);
        new
    }

    /// The place of a run.
    pub(crate) fn run(&mut self, experiment: i64, id: &str, old: &str) -> Moved {
        let path = format!("{experiment}/{id}/artifacts");
        let tree = self.is_server.then(|| Tree::OfRun(id.to_owned()));
        self.tree(path, old, tree)
    }

    /// The place of a logged model, whose id has no `m-`.
    pub(crate) fn model(&mut self, experiment: i64, id: &str, old: &str) -> Moved {
        let path = format!("{experiment}/models/m-{id}/artifacts");
        let tree = self.is_server.then(|| Tree::OfModel(format!("m-{id}")));
        self.tree(path, old, tree)
    }

    fn tree(&mut self, path: String, old: &str, served: Option<Tree>) -> Moved {
        let ours = format!("mlflow-artifacts:/{path}");
        let moved = match self.mode {
            Artifacts::None => Moved {
                uri: ours,
                reference: None,
                copy: None,
                left: None,
            },
            Artifacts::Reference if !(self.is_server && proxied(old).is_some()) => {
                let (reference, left) = self.in_place(old);
                Moved {
                    uri: visible(old, ours, reference.as_deref()),
                    reference,
                    copy: None,
                    left,
                }
            }
            // What only the old server hands out cannot be read without it, so it is copied.
            Artifacts::Copy | Artifacts::Reference => match self.source_of(old, served) {
                Ok(tree) => Moved {
                    uri: ours,
                    reference: None,
                    copy: Some((path, tree)),
                    left: None,
                },
                Err(why) => Moved {
                    uri: old.to_owned(),
                    reference: None,
                    copy: None,
                    left: Some(why),
                },
            },
        };
        self.remember(old, &moved.uri);
        moved
    }

    fn source_of(&self, old: &str, served: Option<Tree>) -> Result<Tree, String> {
        if self.is_server {
            return match proxied(old) {
                Some(path) => Ok(Tree::Proxied(path.to_owned())),
                None => served.ok_or_else(|| "the server does not hand it out".to_owned()),
            };
        }
        if let Some(path) = proxied(old) {
            return match self.roots.first() {
                Some(ArtifactRoot::Folder(root)) => self.allowed(&root.join(path)),
                Some(ArtifactRoot::S3(root)) => root
                    .below(path)
                    .map(Tree::S3)
                    .ok_or_else(|| "it leads out of the old server's artifacts".to_owned()),
                None => Err(
                    "the old server's artifact folder is not known: name it with --artifacts-root"
                        .to_owned(),
                ),
            };
        }
        if let Some(location) = S3Location::parse(old) {
            return self.allowed_in_s3(location);
        }
        let folder = local(old).ok_or_else(|| {
            format!(
                "a store of kind `{}` is not read by this command",
                old.split(':').next().unwrap_or(old)
            )
        })?;
        if folder.is_absolute() {
            return self.allowed(&folder);
        }
        match self.base.as_ref().or(self.folders().next()) {
            Some(base) => self.allowed(&base.join(folder)),
            None => Err(
                "it is relative, and to what is not known: name that with --artifacts-root"
                    .to_owned(),
            ),
        }
    }

    /// The folder, where it may be read.
    fn allowed(&self, folder: &Path) -> Result<Tree, String> {
        let has_way_up = folder.components().any(|part| part == Component::ParentDir);
        let plain: PathBuf = folder.components().collect();
        let is_inside = self
            .folders()
            .chain(&self.base)
            .any(|root| plain.starts_with(root));
        if is_inside && !has_way_up {
            return Ok(Tree::Folder(plain));
        }
        Err("it is outside of the folders that may be read: name one that holds it with --artifacts-root".to_owned())
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.roots.iter().filter_map(|root| match root {
            ArtifactRoot::Folder(folder) => Some(folder),
            ArtifactRoot::S3(_) => None,
        })
    }

    /// The named place in S3 that holds a location.
    fn root_in_s3(&self, location: &S3Location) -> Option<&S3Location> {
        self.roots.iter().find_map(|root| match root {
            ArtifactRoot::S3(root) if root.holds(location) => Some(root),
            ArtifactRoot::S3(_) | ArtifactRoot::Folder(_) => None,
        })
    }

    fn allowed_in_s3(&self, location: S3Location) -> Result<Tree, String> {
        if self.root_in_s3(&location).is_some() {
            return Ok(Tree::S3(location));
        }
        Err("only clients read it: to have the server read it too, name the bucket, or a prefix that holds it, with --artifacts-root s3://BUCKET/PREFIX".to_owned())
    }

    /// A location as the server is to read it, absolute and with a scheme, or why it does not.
    fn in_place(&mut self, old: &str) -> (Option<String>, Option<String>) {
        let is_direct = proxied(old).is_none();
        let is_remote = local(old).is_none() && S3Location::parse(old).is_none();
        if is_direct && (is_remote || (self.is_server && S3Location::parse(old).is_none())) {
            return (None, None);
        }
        let tree = match S3Location::parse(old) {
            Some(location) => self.allowed_in_s3(location),
            None => self.source_of(old, None),
        };
        match tree {
            Ok(Tree::Folder(folder)) => {
                self.read.extend(self.root_of(&folder));
                (
                    Some(format!("file://{}", path_text(&folder.to_string_lossy()))),
                    None,
                )
            }
            Ok(Tree::S3(location)) => {
                let root = self.root_in_s3(&location).map(ToString::to_string);
                self.read.extend(root);
                (Some(location.to_string()), None)
            }
            Ok(Tree::Proxied(_) | Tree::OfRun(_) | Tree::OfModel(_)) => (None, None),
            Err(why) => (None, Some(why)),
        }
    }

    /// The folder that the server is to read: the one that was named, or the one beside the database.
    fn root_of(&self, folder: &Path) -> Option<String> {
        if let Some(root) = self.folders().find(|root| folder.starts_with(root)) {
            return Some(root.display().to_string());
        }
        let base = self.base.as_ref()?;
        let first = folder.strip_prefix(base).ok()?.components().next()?;
        Some(base.join(first).display().to_string())
    }

    /// Places that the server is to read, found since the last call.
    pub(crate) fn take_read(&mut self) -> Vec<String> {
        let new: Vec<String> = self.read.difference(&self.told).cloned().collect();
        self.told.extend(new.iter().cloned());
        new
    }

    fn remember(&mut self, old: &str, new: &str) {
        if !old.is_empty() {
            self.moved.insert(normal(old), new.to_owned());
        }
    }

    /// The new place of what a version names: itself, or the nearest folder above it that has moved.
    pub(crate) fn source(&self, old: &str) -> String {
        let plain = normal(old);
        let mut end = plain.len();
        loop {
            if let Some(new) = self.moved.get(&plain[..end]) {
                return format!("{}{}", new.trim_end_matches('/'), &plain[end..]);
            }
            match plain[..end].rfind('/') {
                Some(slash) => end = slash,
                None => return old.to_owned(),
            }
        }
    }
}

/// The URI that clients see of a tree that is read in place. What lies in folders, they reach through this server, wherever
/// they run, so that what they write comes here too; what lies in S3, they go on reading and writing themselves.
fn visible(old: &str, ours: String, reference: Option<&str>) -> String {
    let is_ours = proxied(old).is_some() || reference.is_some_and(|uri| uri.starts_with("file:"));
    if is_ours { ours } else { old.to_owned() }
}

/// One spelling for one place.
fn normal(uri: &str) -> String {
    let uri = uri.strip_prefix("file://").unwrap_or(uri);
    let uri = uri.strip_prefix("file:").unwrap_or(uri);
    let uri = match proxied(uri) {
        Some(path) => format!("mlflow-artifacts:/{path}"),
        None => uri.to_owned(),
    };
    uri.trim_end_matches('/').to_owned()
}

/// The path below a server's artifact folder.
pub(crate) fn proxied(uri: &str) -> Option<&str> {
    let rest = uri.strip_prefix("mlflow-artifacts:")?;
    let path = match rest.strip_prefix("//") {
        // With a host, `mlflow-artifacts://host/path`; without, `mlflow-artifacts:///path`.
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => rest,
    };
    Some(path.trim_matches('/'))
}

fn local(uri: &str) -> Option<PathBuf> {
    if let Some(path) = uri.strip_prefix("file://") {
        let path = percent_encoding::percent_decode_str(path)
            .decode_utf8()
            .ok()?;
        let start = path.find('/')?;
        return Some(PathBuf::from(&path[start..]));
    }
    if let Some(path) = uri.strip_prefix("file:") {
        return Some(PathBuf::from(path));
    }
    (!uri.contains(':')).then(|| Path::new(uri).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> Vec<ArtifactRoot> {
        let folder = |path: &&str| ArtifactRoot::Folder(path.into());
        paths.iter().map(folder).collect()
    }

    fn bucket(uri: &str) -> ArtifactRoot {
        ArtifactRoot::S3(S3Location::parse(uri).unwrap())
    }

    #[test]
    fn places_in_s3_are_read_below_what_was_named() {
        let roots = vec![bucket("s3://team/served"), bucket("s3://team/runs")];
        let mut places = Places::new(Artifacts::Reference, roots.clone(), None, false);
        let moved = places.run(1, "r", "mlflow-artifacts:/1/r/artifacts");
        assert_eq!(
            (moved.uri.as_str(), moved.reference.as_deref(), moved.left),
            (
                "mlflow-artifacts:/1/r/artifacts",
                Some("s3://team/served/1/r/artifacts"),
                None
            )
        );
        let moved = places.run(1, "s", "s3://team/runs/1/s");
        assert_eq!(moved.uri, "s3://team/runs/1/s");
        assert_eq!(
            (moved.reference.as_ref(), moved.left),
            (Some(&moved.uri), None)
        );
        assert_eq!(places.take_read(), ["s3://team/runs", "s3://team/served"]);
        for outside in ["s3://team/runs2/x", "s3://other/runs/1", "s3://team"] {
            let moved = places.run(1, "t", outside);
            assert_eq!(moved.uri, outside);
            assert!(moved.left.is_some(), "{outside}");
        }
        assert!(
            places
                .run(1, "u", "mlflow-artifacts:/../../x")
                .left
                .is_some()
        );
        assert!(places.take_read().is_empty());
        let mut places = Places::new(Artifacts::Copy, roots, None, false);
        let moved = places.run(1, "r", "s3://team/runs/1/r");
        assert_eq!(
            moved.copy.unwrap().1,
            Tree::S3(S3Location::parse("s3://team/runs/1/r").unwrap())
        );
        assert!(places.run(1, "s", "s3://team/runs/../x").left.is_some());
    }

    #[test]
    fn copies_get_our_places_and_versions_follow() {
        let mut places = Places::new(
            Artifacts::Copy,
            folders(&["/srv/mlartifacts", "/data"]),
            Some("/srv".into()),
            false,
        );
        places.experiment(3, "mlflow-artifacts:/3");
        let moved = places.run(3, "ab", "mlflow-artifacts:/3/ab/artifacts");
        assert_eq!(moved.uri, "mlflow-artifacts:/3/ab/artifacts");
        assert_eq!(
            moved.copy.unwrap().1,
            Tree::Folder("/srv/mlartifacts/3/ab/artifacts".into())
        );
        let moved = places.run(3, "cd", "./mlruns/3/cd/artifacts");
        assert_eq!(
            moved.copy.unwrap().1,
            Tree::Folder("/srv/mlruns/3/cd/artifacts".into())
        );
        places.run(3, "ef", "file:///data/ef");
        for outside in [
            "/etc",
            "/data/../etc",
            "mlflow-artifacts:/../../etc",
            "file:///etc",
            "../etc",
        ] {
            let moved = places.run(3, "xx", outside);
            assert_eq!(moved.copy, None, "{outside}");
            assert_eq!(moved.uri, outside);
        }
        let moved = places.run(3, "gh", "s3://bucket/gh");
        assert_eq!((moved.uri.as_str(), moved.copy), ("s3://bucket/gh", None));
        for (old, new) in [
            ("/data/ef/model", "mlflow-artifacts:/3/ef/artifacts/model"),
            (
                "mlflow-artifacts://host/3/ab/artifacts/m",
                "mlflow-artifacts:/3/ab/artifacts/m",
            ),
            ("s3://bucket/gh/m", "s3://bucket/gh/m"),
            ("models:/m-1", "models:/m-1"),
            ("runs:/ab/model", "runs:/ab/model"),
            ("/elsewhere", "/elsewhere"),
        ] {
            assert_eq!(places.source(old), new, "{old}");
        }
    }

    #[test]
    fn folders_are_read_in_place_and_reached_through_the_server() {
        let mut places = Places::new(
            Artifacts::Reference,
            folders(&["/srv/a", "/x"]),
            None,
            false,
        );
        let mut run = |id: &str, old: &str| {
            let moved = places.run(0, id, old);
            (moved.uri, moved.reference, moved.left.is_some())
        };
        let read = |uri: &str, reference: &str| (uri.to_owned(), Some(reference.to_owned()), false);
        assert_eq!(
            run("r", "/x/r"),
            read("mlflow-artifacts:/0/r/artifacts", "file:///x/r")
        );
        assert_eq!(
            run("s", "mlflow-artifacts:/0/s"),
            read("mlflow-artifacts:/0/s/artifacts", "file:///srv/a/0/s")
        );
        assert_eq!(
            run("t", "s3://bucket/t"),
            ("s3://bucket/t".to_owned(), None, true)
        );
        assert_eq!(run("u", "/etc"), ("/etc".to_owned(), None, true));
        assert_eq!(run("v", "gs://b/v"), ("gs://b/v".to_owned(), None, false));
        assert_eq!(
            run("w", "/x/old dir #1 50%25"),
            read(
                "mlflow-artifacts:/0/w/artifacts",
                "file:///x/old%20dir%20%231%2050%2525"
            )
        );
        assert_eq!(
            places.source("/x/r/model"),
            "mlflow-artifacts:/0/r/artifacts/model"
        );
        assert_eq!(places.experiment(7, "/x/7"), "mlflow-artifacts:/7");
        assert_eq!(places.experiment(8, "s3://b/8"), "s3://b/8");
        assert_eq!(places.take_read(), ["/srv/a", "/x"]);
        assert!(places.take_read().is_empty());
        let mut places = Places::new(Artifacts::Reference, Vec::new(), None, true);
        let moved = places.run(0, "r", "mlflow-artifacts:/0/r/artifacts");
        assert_eq!(moved.copy.unwrap().1, Tree::Proxied("0/r/artifacts".into()));
    }
}
