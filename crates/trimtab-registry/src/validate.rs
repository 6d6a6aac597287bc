//! What names, tags, aliases and sources may be. The limits are MLflow's.

use crate::RegistryError;

const NAME: usize = 256;
const KEY: usize = 250;
const VALUE: usize = 100_000;
const ALIAS: usize = 255;

/// The tag that makes a model a prompt, and a version a prompt's version.
pub(crate) const IS_PROMPT: &str = "mlflow.prompt.is_prompt";

/// What clients write where a version's source must stand: a prompt's text is a tag, it has no files.
const PROMPT_SOURCES: &[&str] = &["prompt-template", "dummy-source"];

pub(crate) fn model_name(name: &str) -> Result<(), RegistryError> {
    if name.is_empty() {
        return Err(RegistryError::invalid(
            "name",
            "Registered model name cannot be empty.",
        ));
    }
    let is_bad = name.contains(['/', ':'])
        || name.chars().any(char::is_control)
        || name.chars().count() > NAME;
    if is_bad {
        return Err(RegistryError::invalid(
            "name",
            format!(
                "Invalid name: '{}'. Registered model name must be at most {NAME} characters and cannot contain '/', ':' or control characters",
                name.chars().take(80).collect::<String>()
            ),
        ));
    }
    Ok(())
}

pub(crate) fn tag(key: &str, value: &str) -> Result<(), RegistryError> {
    let is_odd = key
        .chars()
        .any(|c| !(c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':')));
    let is_path = key.starts_with('/')
        || key.starts_with("..")
        || key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if key.is_empty() || key.chars().count() > KEY || is_odd || is_path {
        return Err(RegistryError::invalid(
            "key",
            format!(
                "Invalid value \"{}\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon (:) and slashes (/), and be at most {KEY} characters",
                key.chars().take(80).collect::<String>()
            ),
        ));
    }
    let length = value.chars().count();
    if length > VALUE {
        return Err(RegistryError::invalid(
            "value",
            format!("'value' exceeds the maximum length of {VALUE} characters ({length} given)"),
        ));
    }
    Ok(())
}

pub(crate) fn alias(alias: &str) -> Result<(), RegistryError> {
    let is_version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let is_word = !alias.is_empty()
        && alias.chars().count() <= ALIAS
        && alias
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    let reason = if alias.is_empty() {
        "Registered model alias name cannot be empty."
    } else if !is_word {
        "must be at most 255 alphanumerics, underscores (_) and dashes (-)"
    } else if alias.eq_ignore_ascii_case("latest") {
        "'latest' alias name (case insensitive) is reserved."
    } else if is_version {
        "an alias that looks like a version (v1, V2) is reserved"
    } else {
        return Ok(());
    };
    Err(RegistryError::invalid(
        "alias",
        format!(
            "Invalid alias name: '{}'. {reason}",
            alias.chars().take(80).collect::<String>()
        ),
    ))
}

/// Decodes percent signs until nothing changes, so that no encoding hides a traversal.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..16 {
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
        let hex = bytes
            .get(i + 1..i + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[i], hex) {
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

/// Whether these tags are a prompt's: of tags of one key the last counts.
pub(crate) fn is_prompt(tags: &[(String, String)]) -> bool {
    tags.iter()
        .rev()
        .find(|(key, _)| key == IS_PROMPT)
        .is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"))
}

/// A prompt's version has no files: its source is one of the words that clients write, and nothing else.
pub(crate) fn prompt_source(source: &str) -> Result<(), RegistryError> {
    if PROMPT_SOURCES.contains(&source) {
        return Ok(());
    }
    Err(RegistryError::invalid(
        "source",
        format!(
            "Invalid prompt source: '{}'. A prompt's text is its tag; its source must be '{}'.",
            source.chars().take(200).collect::<String>(),
            PROMPT_SOURCES.join("' or '")
        ),
    ))
}

/// A source is a URI of a store, never a path of the server's machine, and never one that climbs out of its folder.
pub(crate) fn source(source: &str) -> Result<(), RegistryError> {
    let refuse = |why: &str| {
        Err(RegistryError::invalid(
            "source",
            format!(
                "Invalid model version source: '{}'. {why}",
                source.chars().take(200).collect::<String>()
            ),
        ))
    };
    let plain = decoded(source);
    let Some((scheme, rest)) = plain.split_once(':') else {
        return refuse(
            "A local path cannot be a model version source: artifacts of this server are at mlflow-artifacts:, runs: or models: URIs",
        );
    };
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if !is_scheme || scheme.eq_ignore_ascii_case("file") {
        return refuse(
            "A local path cannot be a model version source: artifacts of this server are at mlflow-artifacts:, runs: or models: URIs",
        );
    }
    // Whoever loads the version would fetch from wherever the writer chose, over a link that proves nothing.
    if ["http", "https", "ftp", "data"]
        .iter()
        .any(|web| scheme.eq_ignore_ascii_case(web))
    {
        return refuse(
            "A web address cannot be a model version source: log the files, or name a store",
        );
    }
    if rest.split(['/', '\\']).any(|part| part == "..") || rest.contains('\\') {
        return refuse("It must not contain '..' or a backslash");
    }
    if rest.chars().any(char::is_control) {
        return refuse("It must not contain control characters");
    }
    let is_ours = ["mlflow-artifacts", "runs", "models"]
        .iter()
        .any(|own| scheme.eq_ignore_ascii_case(own));
    if is_ours && rest.contains(['?', '#']) {
        return refuse("It must not contain '?' or '#'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_that_could_be_mistaken_are_refused() {
        for good in ["champion", "a-b_c", "v1x", "version1", "v"] {
            assert!(alias(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "latest",
            "LATEST",
            "v1",
            "V22",
            "a b",
            "a/b",
            &"x".repeat(256),
        ] {
            assert!(alias(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_count_characters() {
        assert!(tag("größe", &"é".repeat(100_000)).is_ok());
        assert!(tag("k", &"é".repeat(100_001)).is_err());
        assert!(tag(&"é".repeat(250), "v").is_ok());
        assert!(tag("..a", "v").is_err());
        assert!(model_name(&"é".repeat(256)).is_ok());
        assert!(model_name(&"é".repeat(257)).is_err());
        assert!(alias(&"é".repeat(255)).is_ok());
    }

    #[test]
    fn a_prompts_source_is_a_placeholder() {
        for good in PROMPT_SOURCES {
            assert!(prompt_source(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc",
            "Prompt-Template",
            "prompt-template/../x",
            "s3://b/k",
        ] {
            assert!(prompt_source(bad).is_err(), "{bad}");
        }
        let tags = |values: &[&str]| -> Vec<(String, String)> {
            values
                .iter()
                .map(|v| (IS_PROMPT.to_owned(), (*v).to_owned()))
                .collect()
        };
        assert!(is_prompt(&tags(&["false", "True"])));
        assert!(!is_prompt(&tags(&["true", "false"])));
        assert!(!is_prompt(&[]));
    }

    #[test]
    fn sources_never_reach_the_servers_files() {
        for good in [
            "mlflow-artifacts:/0/models/m-0/artifacts",
            "mlflow-artifacts://host:5000/0/r/artifacts/model",
            "runs:/0123/model",
            "models:/m-1",
            "s3://bucket/key..x/y",
            "hdfs://host/a?b#c",
        ] {
            assert!(source(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/etc",
            "etc/passwd",
            "file:///etc",
            "FILE:/etc",
            "C:\\x",
            "c:/x",
            ":/x",
            "http://host/a",
            "HTTPS://host/a",
            "h%74tp://host/a",
            "ftp://host/a",
            "%66ile:///etc",
            "mlflow-artifacts:/../../etc",
            "mlflow-artifacts:/a/%2e%2e/b",
            "s3://b/%252e%252e/x",
            "models:/m-1?x",
            "runs:/a#../..",
            "runs:/a\\b",
            "runs:/a\u{0}b",
        ] {
            assert!(source(bad).is_err(), "{bad}");
        }
    }
}
