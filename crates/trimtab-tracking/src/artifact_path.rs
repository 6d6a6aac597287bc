//! Paths of artifacts, from outside and therefore suspect.

use std::fmt;

use trimtab_types::{LoggedModelId, RunId};

use crate::TrackingError;

/// A checked path in the artifact tree of a workspace: relative, `/` between names, no `.` or `..`. May be empty (the
/// root).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ArtifactPath(String);

/// Decodes percent signs until nothing changes, so that no number of encodings hides anything.
pub(crate) fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..32 {
        let next = decode_once(&text);
        if next == text {
            break;
        }
        text = next;
    }
    text
}

fn decode_once(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let digits = bytes
            .get(i + 1..i + 3)
            .filter(|pair| pair.iter().all(u8::is_ascii_hexdigit))
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[i], digits) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (byte, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl ArtifactPath {
    /// The root.
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path whose URL encoding has been taken off once. What it would become if decoded further is checked
    /// too, as another reader might do that.
    pub fn parse(text: &str) -> Result<Self, TrackingError> {
        let plain = decoded(text);
        let has_drive = plain
            .as_bytes()
            .get(..2)
            .is_some_and(|head| head[0].is_ascii_alphabetic() && head[1] == b':');
        let is_bad = text.len() > 1_000
            || plain.starts_with('/')
            || has_drive
            || plain.contains(['\\', '#', '?'])
            || plain.chars().any(char::is_control)
            || plain.split('/').any(|part| part == "..")
            || text
                .trim_end_matches('/')
                .split('/')
                .any(|part| part == "." || (part.is_empty() && text.contains("//")));
        if is_bad {
            return Err(TrackingError::invalid("path", "Invalid path"));
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }

    /// The text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// This path with another below it.
    #[must_use]
    pub fn join(&self, below: &Self) -> Self {
        if self.is_root() {
            below.clone()
        } else if below.is_root() {
            self.clone()
        } else {
            Self(format!("{}/{}", self.0, below.0))
        }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where artifacts are, as clients write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactUri {
    /// In our own store.
    Own(ArtifactPath),
    /// Below the artifacts of a run: `runs:/RUN/path`.
    Run(RunId, ArtifactPath),
    /// Below the artifacts of a logged model: `models:/m-ID/path`.
    LoggedModel(LoggedModelId, ArtifactPath),
    /// In some other store, or a registered model's version.
    Foreign(String),
}

impl ArtifactUri {
    /// Reads a URI.
    pub fn parse(uri: &str) -> Result<Self, TrackingError> {
        let below = |rest: &str| ArtifactPath::parse(rest.trim_start_matches('/'));
        if let Some(rest) = uri.strip_prefix("mlflow-artifacts:") {
            // `mlflow-artifacts://host/path` names a host, which is this one to whoever asks here.
            let rest = match rest.strip_prefix("//") {
                Some(with_host) if !with_host.starts_with('/') => {
                    with_host.split_once('/').map_or("", |(_, path)| path)
                }
                Some(_) | None => rest,
            };
            return Ok(Self::Own(below(rest)?));
        }
        let invalid = || {
            TrackingError::invalid(
                "uri",
                format!(
                    "Invalid artifact URI '{}'",
                    uri.chars().take(200).collect::<String>()
                ),
            )
        };
        if let Some(rest) = uri.strip_prefix("runs:/") {
            let rest = rest.trim_start_matches('/');
            let (run, path) = rest.split_once('/').unwrap_or((rest, ""));
            return Ok(Self::Run(run.parse().map_err(|_| invalid())?, below(path)?));
        }
        if let Some(rest) = uri.strip_prefix("models:/m-") {
            let (model, path) = rest.split_once('/').unwrap_or((rest, ""));
            return Ok(Self::LoggedModel(
                model.parse().map_err(|_| invalid())?,
                below(path)?,
            ));
        }
        Ok(Self::Foreign(uri.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_climbs_out_under_any_encoding() {
        for good in [
            "", "a", "a/b.txt", "a b/ü", "a%b", "100%", "a/", "..a", "a..", "50%25",
        ] {
            assert!(ArtifactPath::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "..",
            "../a",
            "a/..",
            "a/../b",
            "/a",
            "//a",
            "a//b",
            "./a",
            "a/./b",
            "a\\b",
            "c:/x",
            "a#b",
            "a?b",
            "%2e%2e/a",
            "%252e%252e/a",
            "%25252e%25252e%25252fa",
            "a/%2e%2e",
            "%2fetc",
            "a%5cb",
            "a%00b",
            "a\nb",
        ] {
            assert!(ArtifactPath::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn uris_are_read() {
        let path = |text| ArtifactPath::parse(text).unwrap();
        for uri in [
            "mlflow-artifacts:/0/a",
            "mlflow-artifacts://host:1/0/a",
            "mlflow-artifacts:///0/a",
            "mlflow-artifacts:0/a",
        ] {
            assert_eq!(
                ArtifactUri::parse(uri).unwrap(),
                ArtifactUri::Own(path("0/a")),
                "{uri}"
            );
        }
        let id = "00000000000070008000000000000001";
        assert_eq!(
            ArtifactUri::parse(&format!("models:/m-{id}")).unwrap(),
            ArtifactUri::LoggedModel(id.parse().unwrap(), path(""))
        );
        assert_eq!(
            ArtifactUri::parse(&format!("runs:/{id}/model/x")).unwrap(),
            ArtifactUri::Run(id.parse().unwrap(), path("model/x"))
        );
        assert!(matches!(
            ArtifactUri::parse("s3://b/k"),
            Ok(ArtifactUri::Foreign(_))
        ));
        for bad in [
            "mlflow-artifacts:/0/../a",
            "runs:/x/y",
            "models:/m-1",
            "mlflow-artifacts:/%2e%2e/a",
        ] {
            assert!(ArtifactUri::parse(bad).is_err(), "{bad}");
        }
    }
}
