//! `dvc.lock`: what each stage used and made when it last ran.

use std::{fs, io, path::Path};

use crate::{
    Digest, DvcError, Value, emit, write_atomically,
    yaml::{Kind, load},
};

const SCHEMA: &str = "2.0";

/// A dep or an output in a lock.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The path as the stage writes it.
    pub path: String,
    /// Its content.
    pub digest: Option<Digest>,
}

/// A stage in a lock.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedStage {
    /// The command: a text, or a list of texts.
    pub cmd: Value,
    /// What it depended on, sorted by path.
    pub deps: Vec<Entry>,
    /// Parameters by file: `params.yaml` first, keys sorted.
    pub params: Vec<(String, Vec<(String, Value)>)>,
    /// What it made, sorted by path.
    pub outs: Vec<Entry>,
}

impl LockedStage {
    /// The lock entry as DVC writes it.
    pub fn value(&self) -> Value {
        let mut fields = vec![(Value::text("cmd"), self.cmd.clone())];
        if !self.deps.is_empty() {
            fields.push((Value::text("deps"), entries(&self.deps)));
        }
        if !self.params.is_empty() {
            let files = self.params.iter().map(|(file, values)| {
                let values = values
                    .iter()
                    .map(|(key, value)| (Value::text(key), value.clone()))
                    .collect();
                (Value::text(file), Value::Map(values))
            });
            fields.push((Value::text("params"), Value::Map(files.collect())));
        }
        if !self.outs.is_empty() {
            fields.push((Value::text("outs"), entries(&self.outs)));
        }
        Value::Map(fields)
    }

    /// Reads an entry; `None` when it is not one.
    pub fn parse(value: &Value) -> Option<Self> {
        let params = match value.get("params") {
            None => Vec::new(),
            Some(files) => files
                .entries()?
                .iter()
                .map(|(file, values)| {
                    let values = values.entries()?.iter();
                    let values =
                        values.map(|(key, value)| Some((key.as_str()?.to_owned(), value.clone())));
                    Some((file.as_str()?.to_owned(), values.collect::<Option<_>>()?))
                })
                .collect::<Option<_>>()?,
        };
        Some(Self {
            cmd: value.get("cmd")?.clone(),
            deps: parse_entries(value.get("deps"))?,
            params,
            outs: parse_entries(value.get("outs"))?,
        })
    }

    /// The dep of that path.
    pub fn dep(&self, path: &str) -> Option<&Entry> {
        self.deps.iter().find(|entry| entry.path == path)
    }

    /// The output of that path.
    pub fn out(&self, path: &str) -> Option<&Entry> {
        self.outs.iter().find(|entry| entry.path == path)
    }
}

fn entries(items: &[Entry]) -> Value {
    Value::List(items.iter().map(entry).collect())
}

fn entry(item: &Entry) -> Value {
    let number = |value: u64| Value::Int(i128::from(value));
    let mut fields = vec![
        (Value::text("path"), Value::text(&item.path)),
        (Value::text("hash"), Value::text("md5")),
    ];
    if let Some(digest) = &item.digest {
        fields.push((Value::text("md5"), Value::text(&digest.md5)));
        fields.push((Value::text("size"), number(digest.size)));
        if let Some(nfiles) = digest.nfiles {
            fields.push((Value::text("nfiles"), number(nfiles)));
        }
        if digest.is_executable {
            fields.push((Value::text("isexec"), Value::Bool(true)));
        }
    }
    Value::Map(fields)
}

fn parse_entries(value: Option<&Value>) -> Option<Vec<Entry>> {
    match value {
        None => Some(Vec::new()),
        Some(Value::List(items)) => items.iter().map(parse_entry).collect(),
        Some(_) => None,
    }
}

fn parse_entry(value: &Value) -> Option<Entry> {
    let count = |key: &str| match value.get(key) {
        Some(Value::Int(count)) => u64::try_from(*count).ok(),
        _ => None,
    };
    let digest = value.get("md5").and_then(Value::as_str).map(|md5| Digest {
        md5: md5.to_owned(),
        size: count("size").unwrap_or_default(),
        nfiles: count("nfiles"),
        is_executable: value.get("isexec") == Some(&Value::Bool(true)),
    });
    Some(Entry {
        path: value.get("path")?.as_str()?.to_owned(),
        digest,
    })
}

/// A lock file. What we do not know in it stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Lock {
    other: Vec<(Value, Value)>,
    stages: Vec<(Value, Value)>,
}

impl Lock {
    /// Reads a file; one that is not there is an empty lock.
    pub fn read(path: &Path) -> Result<Self, DvcError> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&path.display().to_string(), &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(DvcError::file("read", path)(error)),
        }
    }

    /// Reads a text; `file` is for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, DvcError> {
        let Some(root) = load(file, text)? else {
            return Ok(Self::default());
        };
        let invalid = |line, message: &str| DvcError::Invalid {
            file: file.to_owned(),
            line,
            message: message.to_owned(),
            hint: Some(
                "restore the file from git, or remove it to run every stage again".to_owned(),
            ),
        };
        let Kind::Map(fields) = &root.kind else {
            return Err(invalid(root.line, "a lock file is a map"));
        };
        if let Some(schema) = root.get("schema")
            && schema.text() != Some(SCHEMA)
        {
            return Err(invalid(schema.line, "only schema '2.0' is known"));
        }
        if root.get("schema").is_none() && !fields.is_empty() {
            return Err(invalid(
                root.line,
                "a lock file without a schema is of an older DVC",
            ));
        }
        let mut lock = Self::default();
        for (key, value) in fields {
            match (key.text(), &value.kind) {
                (Some("stages"), Kind::Map(stages)) => {
                    for (name, stage) in stages {
                        if LockedStage::parse(&stage.value()).is_none() {
                            return Err(invalid(
                                name.line,
                                "this stage is not written as DVC writes it",
                            ));
                        }
                        lock.stages.push((name.value(), stage.value()));
                    }
                }
                (Some("stages"), _) => return Err(invalid(key.line, "`stages` is a map")),
                (Some("schema"), _) => {}
                _ => lock.other.push((key.value(), value.value())),
            }
        }
        Ok(lock)
    }

    /// What the lock says of a stage.
    pub fn stage(&self, name: &str) -> Option<LockedStage> {
        self.stages
            .iter()
            .find(|(key, _)| key.as_str() == Some(name))
            .and_then(|(_, value)| LockedStage::parse(value))
    }

    /// What the lock says of every stage, in its order.
    pub fn stages(&self) -> Vec<LockedStage> {
        self.stages
            .iter()
            .filter_map(|(_, value)| LockedStage::parse(value))
            .collect()
    }

    /// Notes what a stage used and made: in its place, or at the end when it is new.
    pub fn set(&mut self, name: &str, stage: &LockedStage) {
        match self
            .stages
            .iter_mut()
            .find(|(key, _)| key.as_str() == Some(name))
        {
            Some((_, value)) => *value = stage.value(),
            None => self.stages.push((Value::text(name), stage.value())),
        }
    }

    /// The text, as DVC writes it.
    pub fn text(&self) -> String {
        let mut fields = vec![
            (Value::text("schema"), Value::text(SCHEMA)),
            (Value::text("stages"), Value::Map(self.stages.clone())),
        ];
        fields.extend(self.other.iter().cloned());
        emit(&Value::Map(fields))
    }

    /// Writes the file whole, unless it says the same already.
    pub fn write(&self, path: &Path) -> Result<(), DvcError> {
        let text = self.text();
        if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
            return Ok(());
        }
        write_atomically(path, text.as_bytes())
    }
}
