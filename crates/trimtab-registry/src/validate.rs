//! What names, tags, aliases and sources may be. The limits are MLflow's.

use crate::RegistryError;

const NAME: usize = 256;
const KEY: usize = 250;
const VALUE: usize = 100_000;
const ALIAS: usize = 255;

pub(crate) fn model_name(name: &str) -> Result<(), RegistryError> {
    if name.is_empty() {
        return Err(RegistryError::invalid(
            "name",
            "Registered model name cannot be empty.",
        ));
    }
    let is_bad =
        name.contains(['/', ':']) || name.chars().any(char::is_control) || name.len() > NAME;
    if is_bad {
        return Err(RegistryError::invalid(
            "name",
            format!(
                "Invalid name: '{}'. Registered model name must be at most {NAME} bytes and cannot contain '/', ':' or control characters",
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
        || key.split('/').any(|part| matches!(part, "." | ".."))
        || key.contains("//")
        || key.ends_with('/');
    if key.is_empty() || key.len() > KEY || is_odd || is_path {
        return Err(RegistryError::invalid(
            "key",
            format!(
                "Invalid value \"{}\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon (:) and slashes (/), and be at most {KEY} bytes",
                key.chars().take(80).collect::<String>()
            ),
        ));
    }
    if value.len() > VALUE {
        return Err(RegistryError::invalid(
            "value",
            format!(
                "'value' exceeds the maximum length of {VALUE} characters ({} given)",
                value.len()
            ),
        ));
    }
    Ok(())
}

pub(crate) fn alias(alias: &str) -> Result<(), RegistryError> {
    let is_version = alias
        .strip_prefix(['v', 'V'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()));
    let is_word = !alias.is_empty()
        && alias.len() <= ALIAS
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
    fn sources_never_reach_the_servers_files() {
        for good in [
            "mlflow-artifacts:/0/models/m-0/artifacts",
            "mlflow-artifacts://host:5000/0/r/artifacts/model",
            "runs:/0123/model",
            "models:/m-1",
            "s3://bucket/key..x/y",
            "https://host/a?b#c",
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
