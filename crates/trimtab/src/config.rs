//! `trimtab.toml`: how this process runs. Default < file < `TRIMTAB_…` < flag; every value knows where it came from.

use std::{
    env, fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Deserialize;
use trimtab_types::Duration;

use crate::told::{Exit, Told};

/// The file, as it is written. Its keys are the settings' names.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    data_dir: Option<PathBuf>,
    #[serde(default, deserialize_with = "texts")]
    listen: Option<Vec<String>>,
    database: Option<String>,
    python: Option<PathBuf>,
    onnx_runtime: Option<PathBuf>,
    insecure_no_auth: Option<bool>,
    #[serde(default, deserialize_with = "texts")]
    allowed_hosts: Option<Vec<String>>,
    #[serde(default, deserialize_with = "texts")]
    allowed_origins: Option<Vec<String>>,
    webhooks_allow_private: Option<bool>,
    shared_memory: Option<bool>,
    log_format: Option<String>,
    keep_deleted: Option<Duration>,
    model_python: Option<PathBuf>,
    model_workers: Option<usize>,
    model_deadline: Option<Duration>,
    model_memory_mib: Option<u64>,
    model_network: Option<bool>,
    uv: Option<PathBuf>,
}

/// A list of texts, or one text alone.
fn texts<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    struct Texts;

    impl<'de> serde::de::Visitor<'de> for Texts {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a text or a list of texts")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Vec<String>, E> {
            Ok(vec![text.to_owned()])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut seq: A,
        ) -> Result<Vec<String>, A::Error> {
            let mut all = Vec::new();
            while let Some(text) = seq.next_element()? {
                all.push(text);
            }
            Ok(all)
        }
    }

    from.deserialize_any(Texts).map(Some)
}

const KEYS: &[&str] = &[
    "data_dir",
    "listen",
    "database",
    "python",
    "onnx_runtime",
    "insecure_no_auth",
    "allowed_hosts",
    "allowed_origins",
    "webhooks_allow_private",
    "shared_memory",
    "log_format",
    "keep_deleted",
    "model_python",
    "model_workers",
    "model_deadline",
    "model_memory_mib",
    "model_network",
    "uv",
];

/// How long a Python model may take to answer when nobody says otherwise.
const MODEL_DEADLINE: Duration = Duration::from_secs(60);

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Nobody said otherwise.
    Default,
    /// The file.
    File(PathBuf),
    /// A variable.
    Variable(&'static str),
    /// A flag.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting<T> {
    pub(crate) value: T,
    pub(crate) source: Source,
}

/// What flags say; what they leave out, the others say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) listen: Vec<String>,
    pub(crate) database: Option<String>,
    pub(crate) python: Option<PathBuf>,
    pub(crate) insecure_no_auth: bool,
}

/// The settings of this process.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// The file that was read, if any was.
    pub(crate) file: Option<PathBuf>,
    pub(crate) data_dir: Setting<PathBuf>,
    pub(crate) listen: Setting<Vec<String>>,
    pub(crate) database: Setting<Option<String>>,
    pub(crate) python: Setting<Option<PathBuf>>,
    pub(crate) onnx_runtime: Setting<Option<PathBuf>>,
    pub(crate) insecure_no_auth: Setting<bool>,
    pub(crate) allowed_hosts: Setting<Vec<String>>,
    pub(crate) allowed_origins: Setting<Vec<String>>,
    pub(crate) webhooks_allow_private: Setting<bool>,
    pub(crate) shared_memory: Setting<bool>,
    pub(crate) log_format: Setting<String>,
    pub(crate) keep_deleted: Setting<Option<Duration>>,
    pub(crate) model_python: Setting<Option<PathBuf>>,
    pub(crate) model_workers: Setting<usize>,
    pub(crate) model_deadline: Setting<Duration>,
    pub(crate) model_memory_mib: Setting<Option<u64>>,
    pub(crate) model_network: Setting<bool>,
    pub(crate) uv: Setting<Option<PathBuf>>,
}

/// Where the server listens when nobody says otherwise: 127.0.0.1 and ::1.
pub(crate) const LISTEN: &str = "localhost:5000";

impl Config {
    /// Reads the settings; `named` is `--config`.
    pub(crate) fn load(named: Option<&Path>, flags: Flags) -> anyhow::Result<Self> {
        let path = find(named)?;
        let file = match &path {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let layers = Layers { path: path.clone() };
        Ok(Self {
            data_dir: layers.pick(
                ("--data-dir", flags.data_dir),
                "TRIMTAB_DATA_DIR",
                file.data_dir,
                PathBuf::from("trimtab-data"),
            )?,
            listen: layers.pick_list(
                ("--listen", flags.listen),
                "TRIMTAB_LISTEN",
                file.listen,
                &[LISTEN],
            ),
            database: layers.maybe(
                ("--database", flags.database),
                "TRIMTAB_DATABASE",
                file.database,
            )?,
            python: layers.maybe(("--python", flags.python), "TRIMTAB_PYTHON", file.python)?,
            onnx_runtime: layers.maybe(("", None), "TRIMTAB_ONNX_RUNTIME", file.onnx_runtime)?,
            insecure_no_auth: layers.pick(
                ("--insecure-no-auth", flags.insecure_no_auth.then_some(true)),
                "TRIMTAB_INSECURE_NO_AUTH",
                file.insecure_no_auth,
                false,
            )?,
            allowed_hosts: layers.pick_list(
                ("", Vec::new()),
                "TRIMTAB_ALLOWED_HOSTS",
                file.allowed_hosts,
                &[],
            ),
            allowed_origins: layers.pick_list(
                ("", Vec::new()),
                "TRIMTAB_ALLOWED_ORIGINS",
                file.allowed_origins,
                &[],
            ),
            webhooks_allow_private: layers.pick(
                ("", None),
                "TRIMTAB_WEBHOOKS_ALLOW_PRIVATE",
                file.webhooks_allow_private,
                false,
            )?,
            shared_memory: layers.pick(
                ("", None),
                "TRIMTAB_SHARED_MEMORY",
                file.shared_memory,
                false,
            )?,
            log_format: layers.pick(
                ("", None),
                "TRIMTAB_LOG_FORMAT",
                file.log_format,
                "text".to_owned(),
            )?,
            keep_deleted: layers.maybe(("", None), "TRIMTAB_KEEP_DELETED", file.keep_deleted)?,
            model_python: layers.maybe(("", None), "TRIMTAB_MODEL_PYTHON", file.model_python)?,
            model_workers: layers.pick(
                ("", None),
                "TRIMTAB_MODEL_WORKERS",
                file.model_workers,
                1,
            )?,
            model_deadline: layers.pick(
                ("", None),
                "TRIMTAB_MODEL_DEADLINE",
                file.model_deadline,
                MODEL_DEADLINE,
            )?,
            model_memory_mib: layers.maybe(
                ("", None),
                "TRIMTAB_MODEL_MEMORY_MIB",
                file.model_memory_mib,
            )?,
            model_network: layers.pick(
                ("", None),
                "TRIMTAB_MODEL_NETWORK",
                file.model_network,
                false,
            )?,
            uv: layers.maybe(("", None), "TRIMTAB_UV", file.uv)?,
            file: path,
        })
    }

    /// Every setting as (name, value, source), for `config show`.
    pub(crate) fn rows(&self) -> Vec<(&'static str, serde_json::Value, String)> {
        fn row<T: serde::Serialize>(
            name: &'static str,
            setting: &Setting<T>,
        ) -> (&'static str, serde_json::Value, String) {
            let value = serde_json::to_value(&setting.value).unwrap_or_default();
            (name, value, setting.source.to_string())
        }
        let mut database = self.database.clone();
        database.value = database.value.as_deref().map(without_password);
        vec![
            row("data_dir", &self.data_dir),
            row("listen", &self.listen),
            row("database", &database),
            row("python", &self.python),
            row("onnx_runtime", &self.onnx_runtime),
            row("insecure_no_auth", &self.insecure_no_auth),
            row("allowed_hosts", &self.allowed_hosts),
            row("allowed_origins", &self.allowed_origins),
            row("webhooks_allow_private", &self.webhooks_allow_private),
            row("shared_memory", &self.shared_memory),
            row("log_format", &self.log_format),
            row("keep_deleted", &self.keep_deleted),
            row("model_python", &self.model_python),
            row("model_workers", &self.model_workers),
            row("model_deadline", &self.model_deadline),
            row("model_memory_mib", &self.model_memory_mib),
            row("model_network", &self.model_network),
            row("uv", &self.uv),
        ]
    }
}

struct Layers {
    path: Option<PathBuf>,
}

impl Layers {
    fn pick<T: FromStr>(
        &self,
        flag: (&'static str, Option<T>),
        variable: &'static str,
        file: Option<T>,
        default: T,
    ) -> anyhow::Result<Setting<T>> {
        let found = self.maybe(flag, variable, file)?;
        Ok(Setting {
            value: found.value.unwrap_or(default),
            source: found.source,
        })
    }

    fn maybe<T: FromStr>(
        &self,
        (name, flag): (&'static str, Option<T>),
        variable: &'static str,
        file: Option<T>,
    ) -> anyhow::Result<Setting<Option<T>>> {
        if flag.is_some() {
            return Ok(Setting {
                value: flag,
                source: Source::Flag(name),
            });
        }
        if let Some(text) = variable_value(variable) {
            let value = text.parse().map_err(|_| {
                Told::new(
                    Exit::Usage,
                    format!("the variable {variable} cannot be `{text}`"),
                )
            })?;
            return Ok(Setting {
                value: Some(value),
                source: Source::Variable(variable),
            });
        }
        Ok(Setting {
            source: self.source_of(file.is_some()),
            value: file,
        })
    }

    fn pick_list(
        &self,
        (name, flag): (&'static str, Vec<String>),
        variable: &'static str,
        file: Option<Vec<String>>,
        default: &[&str],
    ) -> Setting<Vec<String>> {
        if !flag.is_empty() {
            return Setting {
                value: flag,
                source: Source::Flag(name),
            };
        }
        if let Some(text) = variable_value(variable) {
            let words = text.split(',').map(|word| word.trim().to_owned());
            return Setting {
                value: words.filter(|word| !word.is_empty()).collect(),
                source: Source::Variable(variable),
            };
        }
        Setting {
            source: self.source_of(file.is_some()),
            value: file.unwrap_or_else(|| default.iter().map(|word| (*word).to_owned()).collect()),
        }
    }

    fn source_of(&self, is_in_file: bool) -> Source {
        match (&self.path, is_in_file) {
            (Some(path), true) => Source::File(path.clone()),
            (Some(_) | None, _) => Source::Default,
        }
    }
}

fn variable_value(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}

/// `--config`, `TRIMTAB_CONFIG`, `./trimtab.toml`, the user's config folder: the first only.
fn find(named: Option<&Path>) -> anyhow::Result<Option<PathBuf>> {
    let named = named
        .map(Path::to_owned)
        .or_else(|| variable_value("TRIMTAB_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        if path.is_file() {
            return Ok(Some(path));
        }
        return Err(Told::new(
            Exit::Usage,
            format!("there is no configuration file {}", path.display()),
        )
        .hint("leave `--config` (and TRIMTAB_CONFIG) out to run with defaults")
        .into());
    }
    let user = variable_value("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable_value("HOME").map(|home| Path::new(&home).join(".config")))
        .map(|folder| folder.join("trimtab/trimtab.toml"));
    Ok([Some(PathBuf::from("trimtab.toml")), user]
        .into_iter()
        .flatten()
        .find(|path| path.is_file()))
}

fn read(path: &Path) -> anyhow::Result<File> {
    let text = fs::read_to_string(path).map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("cannot read {}: {error}", path.display()),
        )
    })?;
    toml::from_str(&text).map_err(|error| wrong(path, &text, &error).into())
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> Told {
    let line = error
        .span()
        .map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
    let place = match line {
        Some(line) => format!("{} line {line}", path.display()),
        None => path.display().to_string(),
    };
    let unknown = error
        .message()
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(field, _)| field);
    let Some(field) = unknown else {
        return Told::new(Exit::Refused, format!("{place}: {}", error.message()));
    };
    let near = KEYS
        .iter()
        .map(|key| (strsim::jaro_winkler(field, key), *key))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let told = Told::new(Exit::Refused, format!("{place}: there is no key `{field}`"));
    match near {
        Some((_, near)) => told.hint(format!("did you mean `{near}`?")),
        None => told.hint(format!("the keys are: {}", KEYS.join(", "))),
    }
}

/// The database's URL: a reference (`env:NAME`, `file:/path`), or a URL that holds no password.
pub(crate) fn resolve_database(text: &str) -> anyhow::Result<String> {
    if let Some(name) = text.strip_prefix("env:") {
        return variable_value(name).ok_or_else(|| {
            Told::new(
                Exit::Usage,
                format!("the database is `env:{name}`, and there is no such variable"),
            )
            .into()
        });
    }
    if let Some(path) = text.strip_prefix("file:") {
        let read = fs::read_to_string(path).map_err(|error| {
            Told::new(
                Exit::Usage,
                format!("the database is in {path}, which cannot be read: {error}"),
            )
        })?;
        return Ok(read.trim().to_owned());
    }
    if !(text.starts_with("postgresql://") || text.starts_with("postgres://")) {
        return Err(Told::new(Exit::Usage, format!("`{}` is no database", without_password(text)))
            .hint("write it as postgresql://user@host/name, env:NAME or file:/path; leave it out for SQLite in the data folder")
            .into());
    }
    if text != without_password(text) {
        return Err(Told::new(Exit::Usage, "a password does not belong on the command line or in trimtab.toml")
            .hint("put the whole URL into a variable and write `--database env:NAME`, or into a file and write `file:/path`")
            .into());
    }
    Ok(text.to_owned())
}

/// A URL whose passwords are stars: the one before the host, and those among the parameters, where drivers take them,
/// too. Read as text, since what is not quite a URL (two hosts with their ports) may hold a password all the same.
fn without_password(text: &str) -> String {
    const SECRET: [&str; 2] = ["password", "sslpassword"];
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (place, query) = match rest.split_once('?') {
        Some((place, query)) => (place, Some(query)),
        None => (rest, None),
    };
    let place = match place
        .rsplit_once('@')
        .map(|(user, host)| (user.split_once(':'), host))
    {
        Some((Some((name, _)), host)) => format!("{name}:***@{host}"),
        Some((None, _)) | None => place.to_owned(),
    };
    let masked = |parameter: &str| {
        let key = parameter.split('=').next().unwrap_or_default();
        let plain = percent_encoding::percent_decode_str(key).decode_utf8_lossy();
        if SECRET.contains(&plain.to_ascii_lowercase().as_str()) {
            format!("{key}=***")
        } else {
            parameter.to_owned()
        }
    };
    let query = query.map(|query| query.split('&').map(masked).collect::<Vec<_>>().join("&"));
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("{scheme}://{place}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line_and_the_nearest_key() {
        let told = |text: &str| {
            let error = toml::from_str::<File>(text).unwrap_err();
            crate::told::explain(&wrong(Path::new("trimtab.toml"), text, &error).into()).0
        };
        insta::assert_snapshot!(told("data_dir = \"x\"\nlisten_on = [\"a\"]\n"), @r#"
        error: trimtab.toml line 2: there is no key `listen_on`

        hint: did you mean `listen`?
        "#);
        insta::assert_snapshot!(told("colour = 3\n"), @r#"
        error: trimtab.toml line 1: there is no key `colour`

        hint: the keys are: data_dir, listen, database, python, onnx_runtime, insecure_no_auth, allowed_hosts, allowed_origins, webhooks_allow_private, shared_memory, log_format, keep_deleted, model_python, model_workers, model_deadline, model_memory_mib, model_network, uv
        "#);
        insta::assert_snapshot!(told("listen = 5000\n"), @"error: trimtab.toml line 1: invalid type: integer `5000`, expected a text or a list of texts");
        insta::assert_snapshot!(told("listen = [\n"), @"error: trimtab.toml line 1: unclosed array, expected `]`");
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trimtab.toml");
        fs::write(
            &path,
            "data_dir = \"from-file\"\nlisten = \"127.0.0.1:1\"\n",
        )
        .unwrap();
        let flags = Flags {
            listen: vec!["127.0.0.1:2".to_owned()],
            ..Flags::default()
        };
        let config = Config::load(Some(&path), flags).unwrap();
        assert_eq!(config.data_dir.value, Path::new("from-file"));
        assert_eq!(config.data_dir.source, Source::File(path));
        assert_eq!(config.listen.value, ["127.0.0.1:2"]);
        assert_eq!(config.listen.source, Source::Flag("--listen"));
        assert_eq!(config.log_format.source, Source::Default);
        assert!(Config::load(Some(&folder.path().join("none")), Flags::default()).is_err());
    }

    #[test]
    fn passwords_are_given_by_reference() {
        assert!(resolve_database("postgresql://me@host/db").is_ok());
        assert!(resolve_database("postgresql://me:secret@host/db").is_err());
        assert!(resolve_database("mysql://host/db").is_err());
        assert!(resolve_database("env:TRIMTAB_NO_SUCH_VARIABLE").is_err());
        for text in [
            "postgresql://me:secret@host/db",
            "postgresql://me:se:c@ret@host/db",
            "postgresql://h/db?user=me&password=secret",
            "postgresql://h/db?PassWord=secret&user=me",
            "postgresql://h/db?pass%77ord=secret",
            "postgresql://a:1,b:2/db?password=secret",
            "postgresql:///db?host=/run&sslpassword=secret",
        ] {
            let shown = without_password(text);
            assert!(!shown.contains("ret") && shown.contains("***"), "{shown}");
            let refused = resolve_database(text).unwrap_err().to_string();
            assert!(refused.contains("a password does not belong"), "{refused}");
        }
        for text in [
            "postgresql://me@a:1,b:2/db?application_name=password",
            "postgresql://a:5432/db?user=me",
        ] {
            assert_eq!(without_password(text), text);
            assert!(resolve_database(text).is_ok());
        }
    }
}
