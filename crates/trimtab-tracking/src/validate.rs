//! What keys and values may be. The limits are MLflow's.

use crate::{Batch, Dataset, MetricPoint, TrackingError};

pub(crate) const KEY: usize = 250;
const PARAM_VALUE: usize = 6_000;
const TAG_VALUE: usize = 8_000;
const EXPERIMENT_NAME: usize = 500;
const EXPERIMENT_TAG_VALUE: usize = 20_000;
const METRICS: usize = 1_000;
const PARAMS_OR_TAGS: usize = 100;
const ALL: usize = 1_000;

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

/// A key of a metric, param or tag: word characters and `/ . - : ` and space, and as a path it is itself.
pub(crate) fn key(kind: &str, path: &str, key: &str) -> Result<(), TrackingError> {
    let invalid = |why: String| {
        Err(TrackingError::invalid(
            path,
            format!(
                "Invalid value \"{}\" for parameter '{path}' supplied: {why}",
                shown(key)
            ),
        ))
    };
    if key.is_empty() {
        return invalid(format!("{kind} names cannot be empty"));
    }
    if key.chars().count() > KEY {
        return Err(TrackingError::invalid(
            path,
            format!(
                "'{path}' exceeds the maximum length of {KEY} characters ({} given)",
                key.chars().count()
            ),
        ));
    }
    let is_odd = key
        .chars()
        .any(|c| !(c.is_alphanumeric() || matches!(c, '/' | '_' | '.' | '-' | ' ' | ':')));
    if is_odd {
        return invalid(
            "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon (:) and slashes (/)."
                .to_owned(),
        );
    }
    let is_path = key.starts_with('/')
        || key.starts_with("..")
        || key.ends_with('/')
        || key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if is_path {
        return invalid("Names may be treated as files in certain cases, and must not resolve to other names when treated as such. This name is not unique as a path".to_owned());
    }
    Ok(())
}

/// Cuts a text to so many characters, as MLflow does with long values.
fn cut(text: &mut String, limit: usize) {
    if text.len() > limit
        && let Some((end, _)) = text.char_indices().nth(limit)
    {
        text.truncate(end);
    }
}

pub(crate) fn param(path: &str, param: &mut (String, String)) -> Result<(), TrackingError> {
    key("Parameter", path, &param.0)?;
    cut(&mut param.1, PARAM_VALUE);
    Ok(())
}

pub(crate) fn tag(path: &str, tag: &mut (String, String)) -> Result<(), TrackingError> {
    key("Tag", path, &tag.0)?;
    cut(&mut tag.1, TAG_VALUE);
    Ok(())
}

pub(crate) fn metric(path: &str, metric: &MetricPoint) -> Result<(), TrackingError> {
    key("Metric", path, &metric.key)?;
    if metric.timestamp_ms < 0 {
        let path = path.strip_suffix("key").unwrap_or_default();
        return Err(TrackingError::invalid(
            format!("{path}timestamp"),
            format!(
                "Invalid value {} for parameter '{path}timestamp' supplied: Timestamp must be a nonnegative long (64-bit integer)",
                metric.timestamp_ms
            ),
        ));
    }
    Ok(())
}

pub(crate) fn batch(batch: &mut Batch) -> Result<(), TrackingError> {
    let (metrics, params, tags) = (batch.metrics.len(), batch.params.len(), batch.tags.len());
    for (name, length, limit) in [
        ("metrics", metrics, METRICS),
        ("params", params, PARAMS_OR_TAGS),
        ("tags", tags, PARAMS_OR_TAGS),
        ("metrics, params, and tags", metrics + params + tags, ALL),
    ] {
        if length > limit {
            return Err(TrackingError::invalid(
                name,
                format!(
                    "A batch logging request can contain at most {limit} {name}. Got {length} {name}. Please split up {name} across multiple requests and try again."
                ),
            ));
        }
    }
    for (i, point) in batch.metrics.iter().enumerate() {
        metric(&format!("metrics[{i}].key"), point)?;
    }
    let mut keys = std::collections::HashSet::new();
    for (i, pair) in batch.params.iter_mut().enumerate() {
        param(&format!("params[{i}].key"), pair)?;
        if !keys.insert(pair.0.clone()) {
            return Err(TrackingError::invalid(
                format!("params[{i}].key"),
                format!(
                    "Duplicate parameter keys have been submitted: ['{}']. Please ensure the request contains only one param value per param key.",
                    shown(&pair.0)
                ),
            ));
        }
    }
    for (i, pair) in batch.tags.iter_mut().enumerate() {
        tag(&format!("tags[{i}].key"), pair)?;
    }
    Ok(())
}

pub(crate) fn experiment_name(name: &str) -> Result<(), TrackingError> {
    let message = if name.trim().is_empty() {
        format!("Invalid experiment name: '{name}'. Name must not be empty or only blanks")
    } else if name.chars().count() > EXPERIMENT_NAME {
        format!("'name' exceeds the maximum length of {EXPERIMENT_NAME} characters")
    } else {
        return Ok(());
    };
    Err(TrackingError::invalid("name", message))
}

pub(crate) fn experiment_tag(pair: &(String, String)) -> Result<(), TrackingError> {
    key("Tag", "key", &pair.0)?;
    if pair.1.chars().count() > EXPERIMENT_TAG_VALUE {
        return Err(TrackingError::invalid(
            "value",
            format!("'value' exceeds the maximum length of {EXPERIMENT_TAG_VALUE} characters"),
        ));
    }
    Ok(())
}

/// A location is a URI; `?`, `#`, `..` and control characters have no honest use in one and many dishonest ones.
pub(crate) fn artifact_location(location: &str) -> Result<(), TrackingError> {
    let has_scheme = location.split_once(':').is_some_and(|(scheme, rest)| {
        scheme.len() > 1
            && !rest.is_empty()
            && scheme
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    });
    let plain = crate::artifact_path::decoded(location);
    let is_bad = !has_scheme
        || location.len() > 1_024
        || plain.contains(['?', '#', '\\', '%'])
        || plain.split('/').any(|part| part == "..")
        || plain.chars().any(char::is_control);
    if is_bad {
        return Err(TrackingError::invalid(
            "artifact_location",
            format!(
                "Invalid artifact location '{}': expected a URI such as mlflow-artifacts:/folder or s3://bucket/folder, without '?', '#', '..', '%' or backslash",
                shown(location)
            ),
        ));
    }
    Ok(())
}

pub(crate) fn dataset(dataset: &Dataset, tags: &[(String, String)]) -> Result<(), TrackingError> {
    let none = String::new();
    for (field, value, limit, required) in [
        ("name", &dataset.name, 500, true),
        ("digest", &dataset.digest, 36, true),
        ("source_type", &dataset.source_type, 500, true),
        ("source", &dataset.source, 65_535, true),
        (
            "schema",
            dataset.schema.as_ref().unwrap_or(&none),
            1_048_575,
            false,
        ),
        (
            "profile",
            dataset.profile.as_ref().unwrap_or(&none),
            16_777_215,
            false,
        ),
    ] {
        if required && value.is_empty() {
            return Err(TrackingError::invalid(
                field,
                format!("Dataset {field} cannot be empty"),
            ));
        }
        // A text has at least as many bytes as characters: most need not be counted.
        if value.len() > limit && value.chars().count() > limit {
            return Err(TrackingError::invalid(
                field,
                format!("Dataset {field} exceeds the maximum length of {limit}"),
            ));
        }
    }
    for (key, value) in tags {
        if key.is_empty() || key.chars().count() > 255 || value.chars().count() > 500 {
            return Err(TrackingError::invalid(
                "tags",
                "InputTag key must have 1 to 255 characters and its value at most 500",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_would_be_other_paths_are_refused() {
        for good in ["loss", "train/loss", "a b:c-d.e_f", "größe", "a..b"] {
            assert!(key("Metric", "key", good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "..a",
            "a/./b",
            "a\\b",
            "a#b",
            "a%b",
            "a\nb",
            &"x".repeat(251),
        ] {
            assert!(key("Metric", "key", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn locations_cannot_smuggle() {
        for good in ["s3://bucket/a", "mlflow-artifacts:/x", "dbfs:/a/b"] {
            assert!(artifact_location(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/tmp",
            "a/b",
            "s3://b?x",
            "s3://b#x",
            "s3://b/../c",
            "s3://b/%2e%2e/c",
            "c:\\x",
            "x:",
        ] {
            assert!(artifact_location(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn long_values_are_cut_at_a_character() {
        let mut pair = ("k".to_owned(), "é".repeat(9_000));
        tag("key", &mut pair).unwrap();
        assert_eq!(pair.1.chars().count(), TAG_VALUE);
    }
}
