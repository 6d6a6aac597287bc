//! `dvc.yaml`: the stages of a pipeline.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use crate::{
    DvcError, Value,
    error::nearest,
    yaml::{Kind, Node, load},
};

const TOP_KEYS: [&str; 7] = [
    "stages",
    "vars",
    "params",
    "metrics",
    "plots",
    "artifacts",
    "datasets",
];
const STAGE_KEYS: [&str; 11] = [
    "cmd",
    "wdir",
    "deps",
    "params",
    "outs",
    "metrics",
    "plots",
    "frozen",
    "always_changed",
    "meta",
    "desc",
];
const LATER_STAGE_KEYS: [&str; 4] = ["foreach", "do", "matrix", "vars"];
const OUT_KEYS: [&str; 9] = [
    "cache",
    "persist",
    "remote",
    "push",
    "desc",
    "type",
    "labels",
    "meta",
    "checkpoint",
];
const PLOT_KEYS: [&str; 7] = [
    "template", "x", "y", "x_label", "y_label", "title", "header",
];
/// The parameter file that stages mean when they name none.
pub(crate) const DEFAULT_PARAMS: &str = "params.yaml";

/// What an output is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutKind {
    /// Data or a model.
    Out,
    /// Figures.
    Metric,
    /// Points to draw.
    Plot,
}

/// An output of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    /// The path as written, relative to the stage's folder.
    pub path: String,
    /// What it is for.
    pub kind: OutKind,
    /// Whether it is kept in the cache (or else in git).
    pub is_cached: bool,
    /// Whether it stays when the stage runs again.
    pub is_persistent: bool,
}

/// Parameters that a stage depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParamFile {
    /// The file as written, relative to the stage's folder.
    pub file: String,
    /// Key paths in it; empty for the whole file.
    pub keys: Vec<String>,
}

/// A stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: String,
    /// Its command as written: a text with one command per line, or a list.
    pub cmd: Value,
    /// The folder it runs in, relative to the `dvc.yaml`; empty for that one's.
    pub wdir: String,
    /// Files and folders that it depends on, as written.
    pub deps: Vec<String>,
    /// Parameters that it depends on.
    pub params: Vec<ParamFile>,
    /// What it makes.
    pub outs: Vec<Out>,
    /// Never run again; its deps do not count.
    pub is_frozen: bool,
    /// Run every time.
    pub is_always_changed: bool,
    /// Its line in the file.
    pub line: usize,
}

impl Stage {
    /// The command lines, in order.
    pub fn commands(&self) -> Vec<&str> {
        match &self.cmd {
            Value::List(lines) => lines.iter().filter_map(Value::as_str).collect(),
            cmd => cmd
                .as_str()
                .unwrap_or_default()
                .lines()
                .filter(|line| !line.trim().is_empty())
                .collect(),
        }
    }

    /// A path of this stage, relative to the `dvc.yaml`'s folder, without `.` and needless `..`.
    pub fn resolve(&self, path: &str) -> PathBuf {
        let mut resolved = PathBuf::new();
        for part in Path::new(&self.wdir).join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir
                    if matches!(
                        resolved.components().next_back(),
                        Some(Component::Normal(_))
                    ) =>
                {
                    resolved.pop();
                }
                part => resolved.push(part),
            }
        }
        resolved
    }
}

/// The stages of one `dvc.yaml`, in the order of the file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pipeline {
    /// The stages.
    pub stages: Vec<Stage>,
}

impl Pipeline {
    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, DvcError> {
        let text = fs::read_to_string(path).map_err(DvcError::file("read", path))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a text; `file` is for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self, DvcError> {
        let reader = Reader { file };
        let Some(root) = load(file, text)? else {
            return Ok(Self::default());
        };
        let mut stages = Vec::new();
        for (key, value) in reader.map(&root, "a pipeline file")? {
            let name = reader.known(key, &TOP_KEYS, "the file")?;
            match name {
                "vars" => return Err(reader.later(key, "vars")),
                "stages" => {
                    for (name, body) in reader.map(value, "`stages`")? {
                        stages.push(reader.stage(name, body)?);
                    }
                }
                _ => {}
            }
        }
        Ok(Self { stages })
    }

    /// The stage of that name.
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name)
    }
}

struct Reader<'f> {
    file: &'f str,
}

impl Reader<'_> {
    fn invalid(&self, node: &Node, message: impl Into<String>, hint: Option<String>) -> DvcError {
        DvcError::Invalid {
            file: self.file.to_owned(),
            line: node.line,
            message: message.into(),
            hint,
        }
    }

    fn later(&self, node: &Node, key: &str) -> DvcError {
        DvcError::Unsupported {
            file: self.file.to_owned(),
            line: node.line,
            key: key.to_owned(),
        }
    }

    fn map<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [(Node, Node)], DvcError> {
        match &node.kind {
            Kind::Map(entries) => Ok(entries),
            Kind::Scalar(Value::Null) => Ok(&[]),
            Kind::Scalar(_) | Kind::List(_) => {
                Err(self.invalid(node, format!("{what} must be a map"), None))
            }
        }
    }

    fn list<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [Node], DvcError> {
        match &node.kind {
            Kind::List(items) => Ok(items),
            Kind::Scalar(Value::Null) => Ok(&[]),
            Kind::Scalar(_) | Kind::Map(_) => {
                Err(self.invalid(node, format!("`{what}` must be a list"), None))
            }
        }
    }

    fn known<'n>(&self, key: &'n Node, known: &[&str], of: &str) -> Result<&'n str, DvcError> {
        let name = key.text().unwrap_or_default();
        if known.contains(&name) {
            return Ok(name);
        }
        let shown = key.value();
        let shown = shown
            .as_str()
            .map_or_else(|| shown.python_json(), str::to_owned);
        let hint = nearest(name, known).map(|near| format!("did you mean `{near}`?"));
        Err(self.invalid(key, format!("`{shown}` is not a key of {of}"), hint))
    }

    /// A text, with `\${` meaning `${`.
    fn text(&self, node: &Node, what: &str) -> Result<String, DvcError> {
        let text = node
            .text()
            .ok_or_else(|| self.invalid(node, format!("{what} must be a text"), None))?;
        let mut from = 0;
        while let Some(at) = text[from..].find("${").map(|at| at + from) {
            if !text[..at].ends_with('\\') {
                let end = text[at..].find('}').map_or(text.len(), |end| at + end + 1);
                return Err(self.later(node, &text[at..end]));
            }
            from = at + 2;
        }
        Ok(text.replace("\\${", "${"))
    }

    fn path(&self, node: &Node, what: &str) -> Result<String, DvcError> {
        let path = self.text(node, what)?;
        if path.is_empty() {
            return Err(self.invalid(node, format!("{what} must not be empty"), None));
        }
        if path.contains("://") {
            return Err(self.later(node, &path));
        }
        Ok(path)
    }

    fn flag(&self, node: &Node, what: &str) -> Result<bool, DvcError> {
        match &node.kind {
            Kind::Scalar(Value::Bool(value)) => Ok(*value),
            _ => Err(self.invalid(node, format!("`{what}` must be true or false"), None)),
        }
    }

    fn stage(&self, key: &Node, body: &Node) -> Result<Stage, DvcError> {
        let name = self.text(key, "a stage's name")?;
        let mut stage = Stage {
            name: name.clone(),
            cmd: Value::Null,
            wdir: String::new(),
            deps: Vec::new(),
            params: Vec::new(),
            outs: Vec::new(),
            is_frozen: false,
            is_always_changed: false,
            line: key.line,
        };
        for (key, value) in self.map(body, &format!("the stage `{name}`"))? {
            if let Some(later) = key.text().filter(|key| LATER_STAGE_KEYS.contains(key)) {
                return Err(self.later(key, later));
            }
            match self.known(key, &STAGE_KEYS, &format!("the stage `{name}`"))? {
                "cmd" => stage.cmd = self.cmd(value)?,
                "wdir" => stage.wdir = self.path(value, "`wdir`")?,
                "deps" => {
                    for dep in self.list(value, "deps")? {
                        stage.deps.push(self.path(dep, "a dep")?);
                    }
                }
                "params" => {
                    for param in self.list(value, "params")? {
                        self.param(param, &mut stage.params)?;
                    }
                }
                "outs" => self.outs(value, "outs", OutKind::Out, &mut stage.outs)?,
                "metrics" => self.outs(value, "metrics", OutKind::Metric, &mut stage.outs)?,
                "plots" => self.outs(value, "plots", OutKind::Plot, &mut stage.outs)?,
                "frozen" => stage.is_frozen = self.flag(value, "frozen")?,
                "always_changed" => stage.is_always_changed = self.flag(value, "always_changed")?,
                _ => {}
            }
        }
        if stage.commands().is_empty() {
            return Err(self.invalid(key, format!("the stage `{name}` has no `cmd`"), None));
        }
        Ok(stage)
    }

    fn cmd(&self, node: &Node) -> Result<Value, DvcError> {
        match &node.kind {
            Kind::List(lines) => {
                let lines: Result<Vec<Value>, DvcError> = lines
                    .iter()
                    .map(|line| self.text(line, "a command").map(Value::Text))
                    .collect();
                Ok(Value::List(lines?))
            }
            Kind::Scalar(_) | Kind::Map(_) => Ok(Value::Text(self.text(node, "`cmd`")?)),
        }
    }

    fn param(&self, node: &Node, into: &mut Vec<ParamFile>) -> Result<(), DvcError> {
        let mut add = |file: &str, keys: Vec<String>| match into
            .iter_mut()
            .find(|known| known.file == file)
        {
            Some(known) => known.keys.extend(keys),
            None => into.push(ParamFile {
                file: file.to_owned(),
                keys,
            }),
        };
        let Kind::Map(files) = &node.kind else {
            add(DEFAULT_PARAMS, vec![self.text(node, "a parameter")?]);
            return Ok(());
        };
        for (file, keys) in files {
            let mut names = Vec::new();
            for key in self.list(keys, "params")? {
                names.push(self.text(key, "a parameter")?);
            }
            add(&self.path(file, "a parameter file")?, names);
        }
        Ok(())
    }

    fn outs(
        &self,
        node: &Node,
        what: &str,
        kind: OutKind,
        into: &mut Vec<Out>,
    ) -> Result<(), DvcError> {
        for item in self.list(node, what)? {
            let (path, flags) = match &item.kind {
                Kind::Map(entries) => match entries.as_slice() {
                    [(path, flags)] => (path, self.map(flags, "an output's settings")?),
                    _ => {
                        return Err(self.invalid(
                            item,
                            "an output is a path, or one path with settings",
                            None,
                        ));
                    }
                },
                Kind::Scalar(_) | Kind::List(_) => (item, [].as_slice()),
            };
            let mut out = Out {
                path: self.path(path, "an output")?,
                kind,
                is_cached: true,
                is_persistent: false,
            };
            for (key, value) in flags {
                let is_plots =
                    kind == OutKind::Plot && key.text().is_some_and(|key| PLOT_KEYS.contains(&key));
                match if is_plots {
                    ""
                } else {
                    self.known(key, &OUT_KEYS, "an output")?
                } {
                    "cache" => out.is_cached = self.flag(value, "cache")?,
                    "persist" => out.is_persistent = self.flag(value, "persist")?,
                    "checkpoint" => return Err(self.later(key, "checkpoint")),
                    _ => {}
                }
            }
            into.push(out);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trimtab_types::Coded;

    fn error(text: &str) -> String {
        let error = Pipeline::parse("dvc.yaml", text).unwrap_err();
        error
            .hint()
            .map_or_else(|| error.to_string(), |hint| format!("{error}; {hint}"))
    }

    #[test]
    fn everything_of_a_stage_is_read() {
        let text = "stages:\n  a:\n    desc: x\n    cmd:\n      - echo \\${HOME}\n      - two\n    wdir: sub\n    deps: [../x, y]\n    params:\n      - lr\n      - p.json: [a, b]\n      - q.toml:\n      - net.depth\n    outs:\n      - model:\n          cache: false\n          persist: true\n          desc: d\n    metrics: [m.json]\n    plots:\n      - p.csv: {x: a, cache: false}\n    frozen: true\n    always_changed: true\nplots:\n  - x\n";
        let pipeline = Pipeline::parse("dvc.yaml", text).unwrap();
        let stage = pipeline.stage("a").unwrap();
        assert_eq!(stage.commands(), ["echo ${HOME}", "two"]);
        assert_eq!(stage.resolve(&stage.deps[0]), Path::new("x"));
        assert_eq!(stage.resolve("../../y"), Path::new("../y"));
        assert_eq!(stage.params[0].keys, ["lr", "net.depth"]);
        assert_eq!(
            (stage.params[2].file.as_str(), stage.params[2].keys.len()),
            ("q.toml", 0)
        );
        assert!(stage.is_frozen && stage.is_always_changed && stage.line == 2);
        let flags: Vec<_> = stage
            .outs
            .iter()
            .map(|out| (out.kind, out.is_cached, out.is_persistent))
            .collect();
        assert_eq!(
            flags,
            [
                (OutKind::Out, false, true),
                (OutKind::Metric, true, false),
                (OutKind::Plot, false, false)
            ]
        );
        let lines = Pipeline::parse(
            "dvc.yaml",
            "stages:\n  a:\n    cmd: |\n      one\n\n      two\n",
        )
        .unwrap();
        assert_eq!(lines.stages[0].commands(), ["one", "two"]);
        assert_eq!(Pipeline::parse("dvc.yaml", "").unwrap().stages.len(), 0);
    }

    #[test]
    fn mistakes_are_named_with_line_and_nearest_key() {
        for (text, expected) in [
            (
                "stages:\n  a:\n    cmd: x\n    dep: [y]\n",
                "dvc.yaml:4: `dep` is not a key of the stage `a`; did you mean `deps`?",
            ),
            (
                "stage:\n  a: {cmd: x}\n",
                "dvc.yaml:1: `stage` is not a key of the file; did you mean `stages`?",
            ),
            (
                "stages:\n  a:\n    deps: [x]\n",
                "dvc.yaml:2: the stage `a` has no `cmd`",
            ),
            (
                "stages:\n  a: {cmd: x, deps: y}\n",
                "dvc.yaml:2: `deps` must be a list",
            ),
            (
                "stages:\n  a: {cmd: x, outs: [{m: {cach: false}}]}\n",
                "`cach` is not a key of an output; did you mean `cache`?",
            ),
            ("stages:\n  a: {cmd: 1}\n", "`cmd` must be a text"),
            (
                "stages:\n  a: {cmd: x, frozen: yes}\n",
                "`frozen` must be true or false",
            ),
            ("stages: [a]\n", "`stages` must be a map"),
            (
                "stages:\n  a: {cmd: x}\n  a: {cmd: y}\n",
                "dvc.yaml:3: the key `a` is given twice",
            ),
        ] {
            assert!(error(text).contains(expected), "{text}: {}", error(text));
        }
    }

    #[test]
    fn what_comes_later_says_so() {
        for (text, key) in [
            (
                "stages:\n  a:\n    foreach: [1]\n    do: {cmd: x}\n",
                "dvc.yaml:3: `foreach`",
            ),
            (
                "stages:\n  a:\n    matrix: {m: [1]}\n    cmd: x\n",
                "dvc.yaml:3: `matrix`",
            ),
            ("vars: [x]\n", "dvc.yaml:1: `vars`"),
            (
                "stages:\n  a:\n    cmd: echo ${a.b} x\n",
                "dvc.yaml:3: `${a.b}`",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    deps:\n      - s3://b/k\n",
                "dvc.yaml:5: `s3://b/k`",
            ),
            (
                "stages:\n  a:\n    cmd: x\n    outs:\n      - m: {checkpoint: true}\n",
                "dvc.yaml:5: `checkpoint`",
            ),
        ] {
            assert_eq!(error(text), format!("{key} is not supported yet"), "{text}");
        }
    }
}
