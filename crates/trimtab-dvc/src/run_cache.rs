//! The run cache: what stages made from which inputs, wherever they last ran. `runs/KK/KEY/VALUE` beside the
//! contents: KEY names command, deps, parameters and output paths, VALUE what came out.

use std::{fs, path::PathBuf};

use sha2::{Digest as _, Sha256};

use crate::{
    Cache, DvcError, LockedStage, OutKind, Stage, Value, emit, write_atomically, yaml::load,
};

/// The run cache of a cache.
#[derive(Debug, Clone)]
pub struct RunCache<'c> {
    cache: &'c Cache,
}

impl<'c> RunCache<'c> {
    /// The run cache in this cache's folder.
    pub fn new(cache: &'c Cache) -> Self {
        Self { cache }
    }

    fn folder(&self, key: &str) -> PathBuf {
        self.cache
            .root()
            .join("runs")
            .join(key.get(..2).unwrap_or_default())
            .join(key)
    }

    /// Whether runs of such a stage can be told apart by what went in: it must have deps (parameters count) and outs,
    /// and nothing of it may outlive a run.
    pub fn applies(stage: &Stage) -> bool {
        let has_deps = !stage.deps.is_empty() || !stage.params.is_empty();
        has_deps
            && !stage.outs.is_empty()
            && !stage.is_always_changed
            && stage.outs.iter().all(|out| !out.is_persistent)
    }

    /// Whether DVC keeps the runs of such a stage: all that it makes must be in the cache, but for metrics and plots,
    /// whose content is then kept for this alone.
    pub fn keeps(stage: &Stage) -> bool {
        Self::applies(stage)
            && stage
                .outs
                .iter()
                .all(|out| out.is_cached || out.kind != OutKind::Out)
    }

    /// Notes a run. Its outputs must be in the cache already, those that are not `cache: true` too.
    pub fn save(&self, stage: &Stage, locked: &LockedStage) -> Result<(), DvcError> {
        if !Self::keeps(stage) {
            return Ok(());
        }
        let folder = self.folder(&key(locked));
        let file = folder.join(value(locked));
        if file.exists() {
            return Ok(());
        }
        fs::create_dir_all(&folder).map_err(DvcError::file("make", &folder))?;
        write_atomically(&file, emit(&locked.value()).as_bytes())
    }

    /// What the newest run with these inputs made, if all of it is still in the cache. `inputs` is the lock entry
    /// without outputs.
    pub fn find(&self, stage: &Stage, inputs: &LockedStage) -> Option<LockedStage> {
        if !Self::applies(stage) {
            return None;
        }
        let mut inputs = inputs.clone();
        inputs.outs = stage
            .outs
            .iter()
            .map(|out| crate::Entry {
                path: out.path.clone(),
                digest: None,
            })
            .collect();
        inputs.outs.sort_by(|a, b| a.path.cmp(&b.path));
        let folder = self.folder(&key(&inputs));
        let newest = fs::read_dir(folder)
            .ok()?
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .max()?
            .1;
        let text = fs::read_to_string(&newest).ok()?;
        let entry = load(&newest.display().to_string(), &text).ok()??.value();
        let locked = LockedStage::parse(&entry)?;
        let is_whole = locked.outs.iter().all(|out| {
            out.digest
                .as_ref()
                .is_some_and(|digest| self.cache.contains(&digest.md5))
        });
        is_whole.then_some(locked)
    }
}

fn key(locked: &LockedStage) -> String {
    let paths: Vec<Value> = locked
        .outs
        .iter()
        .map(|out| Value::text(&out.path))
        .collect();
    let mut entry = reduced(&locked.value());
    if let Value::Map(fields) = &mut entry {
        fields.retain(|(name, _)| name.as_str() != Some("outs"));
        fields.push((Value::text("outs"), Value::List(paths)));
    }
    sha256(&entry)
}

fn value(locked: &LockedStage) -> String {
    sha256(&reduced(&locked.value()))
}

fn sha256(value: &Value) -> String {
    hex::encode(Sha256::digest(value.python_json()))
}

/// Without `size` and `nfiles`, at every depth: DVC strips them by name wherever they are.
fn reduced(value: &Value) -> Value {
    match value {
        Value::List(items) => Value::List(items.iter().map(reduced).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .filter(|(key, _)| !matches!(key.as_str(), Some("size" | "nfiles")))
                .map(|(key, value)| (key.clone(), reduced(value)))
                .collect(),
        ),
        other => other.clone(),
    }
}
