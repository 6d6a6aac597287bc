//! Whether a stage must run: its lock entry against what there is now, by DVC's rules.

use std::{collections::HashMap, fmt, fs, path::Path};

use crate::{
    Digest, DvcError, Entry, LockedStage, Stage, Value, hash_path, params::read_params,
    pipeline::DEFAULT_PARAMS,
};

/// Why a stage must run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// It has not run yet, as far as `dvc.lock` knows.
    Never,
    /// Its command is another.
    Command,
    /// It says so itself (`always_changed`), or has neither deps nor outs.
    Always,
    /// A dep is new, or its content is another.
    Dep(String),
    /// A parameter is new, or its value is another: file and key.
    Param(String, String),
    /// An output is new in the file, missing, or its content is another.
    Out(String),
    /// The caller wants it.
    Forced,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("it has not run yet"),
            Self::Command => f.write_str("its command changed"),
            Self::Always => f.write_str("it runs every time"),
            Self::Dep(path) => write!(f, "`{path}` changed"),
            Self::Param(file, key) => write!(f, "`{key}` in {file} changed"),
            Self::Out(path) => write!(f, "its output `{path}` is missing or changed"),
            Self::Forced => f.write_str("it was asked for"),
        }
    }
}

/// What a stage depends on, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    deps: Vec<Entry>,
    params: Vec<(String, Vec<(String, Value)>)>,
}

impl Snapshot {
    /// Reads the deps and parameters of a stage; `root` is the folder of its `dvc.yaml`.
    pub fn take(stage: &Stage, root: &Path) -> Result<Self, DvcError> {
        let mut deps = Vec::new();
        for path in &stage.deps {
            let place = root.join(stage.resolve(path));
            if fs::metadata(&place).is_err() {
                return Err(DvcError::MissingDep {
                    stage: stage.name.clone(),
                    path: path.clone(),
                });
            }
            deps.push(Entry {
                path: path.clone(),
                digest: Some(hash_path(&place)?.0),
            });
        }
        deps.sort_by(|a, b| a.path.cmp(&b.path));
        deps.dedup_by(|a, b| a.path == b.path);
        let mut params = Vec::new();
        for wanted in &stage.params {
            let place = root.join(stage.resolve(&wanted.file));
            if !place.exists() {
                return Err(DvcError::MissingDep {
                    stage: stage.name.clone(),
                    path: wanted.file.clone(),
                });
            }
            params.push((
                wanted.file.clone(),
                read_params(&place, &wanted.file, &wanted.keys)?,
            ));
        }
        params.sort_by(|a, b| (a.0 != DEFAULT_PARAMS, &a.0).cmp(&(b.0 != DEFAULT_PARAMS, &b.0)));
        Ok(Self { deps, params })
    }

    /// The lock entry of a stage that used this and made these outputs.
    pub fn locked(&self, stage: &Stage, outs: HashMap<String, Digest>) -> LockedStage {
        let mut outs: Vec<Entry> = outs
            .into_iter()
            .map(|(path, digest)| Entry {
                path,
                digest: Some(digest),
            })
            .collect();
        outs.sort_by(|a, b| a.path.cmp(&b.path));
        LockedStage {
            cmd: stage.cmd.clone(),
            deps: self.deps.clone(),
            params: self.params.clone(),
            outs,
        }
    }

    /// Why the stage must run on what it depends on, outputs left aside; `None` when nothing changed.
    pub fn reason(&self, stage: &Stage, locked: Option<&LockedStage>) -> Option<Reason> {
        let Some(locked) = locked else {
            return Some(Reason::Never);
        };
        if locked.cmd != stage.cmd {
            return Some(Reason::Command);
        }
        let has_nothing = stage.deps.is_empty() && stage.params.is_empty() && stage.outs.is_empty();
        if !stage.is_frozen && (stage.is_always_changed || has_nothing) {
            return Some(Reason::Always);
        }
        if !stage.is_frozen {
            for dep in &self.deps {
                let known = locked
                    .dep(&dep.path)
                    .and_then(|entry| entry.digest.as_ref());
                if known.map(|digest| &digest.md5) != dep.digest.as_ref().map(|digest| &digest.md5)
                {
                    return Some(Reason::Dep(dep.path.clone()));
                }
            }
            for (file, values) in &self.params {
                let known = locked
                    .params
                    .iter()
                    .find(|(name, _)| name == file)
                    .map(|(_, values)| values.as_slice());
                if let Some(key) = changed_param(values, known.unwrap_or_default()) {
                    return Some(Reason::Param(file.clone(), key));
                }
            }
        }
        None
    }
}

fn changed_param(now: &[(String, Value)], then: &[(String, Value)]) -> Option<String> {
    let differs = |(key, value): &&(String, Value)| {
        !then
            .iter()
            .any(|(known, old)| known == key && old.equals(value))
    };
    now.iter().find(differs).map(|(key, _)| key.clone())
}

impl Stage {
    /// Why the stage must run on account of its outputs as they are under `root`; `None` when they are as locked.
    pub fn out_reason(
        &self,
        root: &Path,
        locked: &LockedStage,
    ) -> Result<Option<Reason>, DvcError> {
        for out in &self.outs {
            let place = root.join(self.resolve(&out.path));
            let known = locked
                .out(&out.path)
                .and_then(|entry| entry.digest.as_ref());
            let is_same = match known {
                Some(known) if fs::metadata(&place).is_ok() => {
                    hash_path(&place)?.0.md5 == known.md5
                }
                Some(_) | None => false,
            };
            if !is_same {
                return Ok(Some(Reason::Out(out.path.clone())));
            }
        }
        Ok(None)
    }
}
