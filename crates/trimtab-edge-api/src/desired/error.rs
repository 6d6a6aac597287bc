//! Errors in `trimtab.yaml`.

use trimtab_types::{Coded, ErrorCode};

/// Something in the file is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {message}", line.map(|line| format!(" line {line}")).unwrap_or_default())]
pub struct DesiredError {
    /// What the file is called.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl DesiredError {
    pub(super) fn new(file: &str, line: u64, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: (line > 0).then_some(line),
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The hint that names the nearest right word, or all of them when none is near.
    pub(super) fn nearest(self, word: &str, known: &[&str]) -> Self {
        let near = known
            .iter()
            .map(|known| (strsim::jaro_winkler(word, known), *known))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match near {
            Some((_, near)) => self.hint(format!("did you mean `{near}`?")),
            None if known.is_empty() => self,
            None => {
                let mut known = known.to_vec();
                known.sort_unstable();
                self.hint(format!("it may be: {}", known.join(", ")))
            }
        }
    }

    pub(super) fn of_yaml(file: &str, text: &str, error: &serde_saphyr::Error) -> Self {
        use serde_saphyr::Error as Yaml;
        let error = error.without_snippet();
        let line = error.location().map_or(0, |location| location.line());
        let key = error
            .location()
            .and_then(|at| key_before(text, at.line(), at.column()));
        match error {
            Yaml::SerdeUnknownField {
                field, expected, ..
            } => Self::new(file, line, format!("there is no key `{field}` here"))
                .nearest(field, expected),
            Yaml::SerdeMissingField { field, .. } => {
                Self::new(file, line, format!("the key `{field}` is missing"))
            }
            other => {
                let all = other.to_string();
                let said = all.lines().next().unwrap_or_default();
                // The place is said by us, and advice about the parser's options helps nobody here.
                let said = said.split(" at line ").next().unwrap_or(said);
                let said = said
                    .split(", set DuplicateKeyPolicy")
                    .next()
                    .unwrap_or(said);
                let said = match said.trim_end_matches(':') {
                    "invalid i64" | "invalid u64" => "a whole number is wanted",
                    "invalid f64" | "invalid floating point" => "a number is wanted",
                    "expected mapping start" => "a mapping is wanted",
                    "expected sequence start" => "a list is wanted",
                    "expected string scalar" => "a text is wanted",
                    said => said,
                };
                match key {
                    Some(key) => Self::new(file, line, format!("`{key}`: {said}")),
                    None => Self::new(file, line, said),
                }
            }
        }
    }
}

/// The key that the value at this place belongs to, when it stands in the same line.
fn key_before(text: &str, line: u64, column: u64) -> Option<&str> {
    let line = text
        .lines()
        .nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let end = usize::try_from(column).ok()?.checked_sub(1)?;
    let end = line
        .char_indices()
        .nth(end)
        .map_or(line.len(), |(at, _)| at);
    let (before, between) = line[..end].rsplit_once(':')?;
    if !between.trim().is_empty() {
        return None;
    }
    let word = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let key = before.rsplit(|c: char| !word(c)).next()?;
    (!key.is_empty()).then_some(key)
}

impl Coded for DesiredError {
    fn code(&self) -> ErrorCode {
        ErrorCode::invalid("spec")
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}
