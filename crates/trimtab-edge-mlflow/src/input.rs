//! What a request says: JSON of the body, or the query of a GET, read field by field with MLflow's own complaints.
//!
//! MLflow reads protobuf JSON loosely: unknown fields are ignored, 64-bit integers may be texts, doubles may be `"NaN"`,
//! `"Infinity"`, `"-Infinity"`, enums may be names or numbers, `null` is absence.

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Path, Request},
};
use http::{Method, header};
use serde_json::{Map, Value};
use trimtab_types::{LoggedModelId, RunId, Time};

use crate::refusal::Refusal;

/// The fields of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input(Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for Input {
    type Rejection = Refusal;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let path: Result<Path<Vec<(String, String)>>, _> =
            Path::from_request_parts(&mut parts, state).await;
        let mut input = if parts.method == Method::GET || parts.method == Method::HEAD {
            Self::of_query(parts.uri.query().unwrap_or_default())?
        } else {
            let is_json = parts
                .headers
                .get(header::CONTENT_TYPE)
                .is_none_or(|value| value.to_str().is_ok_and(is_json_type));
            // Together with the shell's limits, which stand in the parts.
            let bytes = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
                .await
                .map_err(|rejection| {
                    let refusal = Refusal::invalid("body", rejection.body_text());
                    Refusal(refusal.0.with_status(rejection.status()))
                })?;
            if bytes.is_empty() {
                Self::of_query(parts.uri.query().unwrap_or_default())?
            } else if is_json {
                Self::of_body(&bytes)?
            } else {
                return Err(Refusal::invalid(
                    "content-type",
                    "Bad Request. Content-Type must be application/json",
                ));
            }
        };
        // The path says which object; the body cannot say otherwise.
        for (name, value) in path.map(|Path(pairs)| pairs).unwrap_or_default() {
            if value.contains('\0') {
                return Err(nul());
            }
            input.0.insert(name, Value::String(value));
        }
        Ok(input)
    }
}

fn is_json_type(text: &str) -> bool {
    let kind = text.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn nul() -> Refusal {
    Refusal::invalid("body", "A NUL character is not allowed in any value")
}

impl Input {
    pub(crate) fn of_body(bytes: &Bytes) -> Result<Self, Refusal> {
        let value: Value = serde_json::from_slice(bytes).map_err(|error| {
            Refusal::invalid(
                "body",
                format!("The request body is not valid JSON: {error}"),
            )
        })?;
        // Clients of long ago sent the object as a text of JSON.
        let is_text = value.is_string();
        let value = match value {
            Value::String(text) => serde_json::from_str(&text).map_err(|error| {
                Refusal::invalid(
                    "body",
                    format!("The text in the request body is not valid JSON: {error}"),
                )
            })?,
            value => value,
        };
        let Value::Object(fields) = value else {
            return Err(Refusal::invalid(
                "body",
                "The request body must be a JSON object",
            ));
        };
        // No text of a database may hold it, and no honest client sends it.
        // (Inside a text, the escape itself may be escaped in many ways.)
        let may_have_nul = is_text || bytes.windows(6).any(|part| part == b"\\u0000");
        if may_have_nul && has_nul(&fields) {
            return Err(nul());
        }
        Ok(Self(fields))
    }

    /// Reads a query; a field that occurs again is a list.
    pub(crate) fn of_query(query: &str) -> Result<Self, Refusal> {
        let mut fields = Map::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decode(name)?, decode(value)?);
            match fields.get_mut(&name) {
                None => {
                    fields.insert(name, Value::String(value));
                }
                Some(Value::Array(list)) => list.push(Value::String(value)),
                Some(single) => {
                    let first = std::mem::take(single);
                    *single = Value::Array(vec![first, Value::String(value)]);
                }
            }
        }
        Ok(Self(fields))
    }

    fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// A text, if it is there.
    pub(crate) fn text(&self, field: &str) -> Result<Option<String>, Refusal> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(mistyped(field, other)),
        }
    }

    /// A text that must be there and not be empty.
    pub(crate) fn required(&self, field: &str) -> Result<String, Refusal> {
        self.text(field)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| Refusal::missing(field))
    }

    /// A 64-bit integer, if it is there.
    pub(crate) fn integer(&self, field: &str) -> Result<Option<i64>, Refusal> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let read = match value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.trim().parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        read.map(Some).ok_or_else(|| mistyped(field, value))
    }

    /// A double, if it is there.
    pub(crate) fn double(&self, field: &str) -> Result<Option<f64>, Refusal> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let read = match value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                text => text.trim().parse().ok(),
            },
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        read.map(Some).ok_or_else(|| mistyped(field, value))
    }

    /// A truth value; absent is false.
    pub(crate) fn flag(&self, field: &str) -> Result<Option<bool>, Refusal> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(other) => Err(mistyped(field, other)),
        }
    }

    /// A list of texts; absent is empty, and one text is a list of one.
    pub(crate) fn texts(&self, field: &str) -> Result<Vec<String>, Refusal> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(value @ Value::Array(list)) => list
                .iter()
                .map(|item| {
                    item.as_str()
                        .map(str::to_owned)
                        .ok_or_else(|| mistyped(field, value))
                })
                .collect(),
            Some(other) => Err(mistyped(field, other)),
        }
    }

    /// A list of objects; absent is empty. An object's own complaints name it.
    pub(crate) fn objects(&self, field: &str) -> Result<Vec<Self>, Refusal> {
        match self.get(field) {
            None => Ok(Vec::new()),
            Some(value @ Value::Array(list)) => list
                .iter()
                .map(|item| match item {
                    Value::Object(fields) => Ok(Self(fields.clone())),
                    Value::Null
                    | Value::Bool(_)
                    | Value::Number(_)
                    | Value::String(_)
                    | Value::Array(_) => Err(mistyped(field, value)),
                })
                .collect(),
            Some(other) => Err(mistyped(field, other)),
        }
    }

    /// An object, if it is there.
    pub(crate) fn object(&self, field: &str) -> Result<Option<Self>, Refusal> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Object(fields)) => Ok(Some(Self(fields.clone()))),
            Some(other) => Err(mistyped(field, other)),
        }
    }

    /// A list of `{key, value}`.
    pub(crate) fn pairs(&self, field: &str) -> Result<Vec<(String, String)>, Refusal> {
        self.objects(field)?
            .iter()
            .map(|pair| {
                Ok((
                    pair.required("key")?,
                    pair.text("value")?.unwrap_or_default(),
                ))
            })
            .collect()
    }

    /// An enum by name or number; the names count from 1.
    pub(crate) fn choice<T: Copy>(
        &self,
        field: &str,
        choices: &[(&str, T)],
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let found = match value {
            Value::String(text) => choices
                .iter()
                .find(|(name, _)| name == text)
                .map(|(_, choice)| *choice),
            Value::Number(number) => number
                .as_u64()
                .and_then(|number| usize::try_from(number).ok())
                .and_then(|number| number.checked_sub(1))
                .and_then(|place| choices.get(place))
                .map(|(_, choice)| *choice),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let by_digit = || {
            let place: usize = value.as_str()?.parse::<usize>().ok()?.checked_sub(1)?;
            choices.get(place).map(|(_, choice)| *choice)
        };
        found
            .or_else(by_digit)
            .map(Some)
            .ok_or_else(|| mistyped(field, value))
    }

    /// A page size: absent or 0 is the default.
    pub(crate) fn limit(&self, field: &str) -> Result<u32, Refusal> {
        match self.integer(field)? {
            None => Ok(0),
            Some(number) => u32::try_from(number).map_err(|_| {
                Refusal::invalid(field, format!("Invalid value {number} for parameter '{field}' supplied: it must not be negative"))
            }),
        }
    }

    /// A page size that may not be given as 0.
    pub(crate) fn positive_limit(&self, field: &str) -> Result<u32, Refusal> {
        if self.integer(field)? == Some(0) {
            return Err(Refusal::invalid(
                field,
                format!("Invalid value 0 for parameter '{field}' supplied: it must be positive"),
            ));
        }
        self.limit(field)
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.get(field).is_some()
    }

    /// The run that `run_id`, or its old name `run_uuid`, names.
    pub(crate) fn run(&self) -> Result<RunId, Refusal> {
        let text = match self.text("run_id")?.filter(|text| !text.is_empty()) {
            Some(text) => text,
            None => self
                .text("run_uuid")?
                .filter(|text| !text.is_empty())
                .ok_or_else(|| Refusal::missing("run_id"))?,
        };
        run_id(&text)
    }

    /// The experiment that `experiment_id` names.
    pub(crate) fn experiment(&self) -> Result<i64, Refusal> {
        let text = match self.get("experiment_id") {
            Some(Value::Number(number)) => number.to_string(),
            _ => self.required("experiment_id")?,
        };
        experiment_id(&text)
    }

    /// The logged model that the path names.
    pub(crate) fn logged_model(&self) -> Result<LoggedModelId, Refusal> {
        logged_model_id(&self.required("model_id")?)
    }

    /// A time in milliseconds, if it is there.
    pub(crate) fn time(&self, field: &str) -> Result<Option<Time>, Refusal> {
        Ok(self.integer(field)?.map(Time::from_millis))
    }
}

fn has_nul(fields: &Map<String, Value>) -> bool {
    fn inside(value: &Value) -> bool {
        match value {
            Value::String(text) => text.contains('\0'),
            Value::Array(items) => items.iter().any(inside),
            Value::Object(fields) => has_nul(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
    fields
        .iter()
        .any(|(key, value)| key.contains('\0') || inside(value))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "checked to be whole and in range"
)]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
}

fn decode(text: &str) -> Result<String, Refusal> {
    let text = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&text)
        .decode_utf8()
        .map_err(|_| Refusal::invalid("query", "The query is not UTF-8"))?
        .into_owned();
    if decoded.contains('\0') {
        Err(nul())
    } else {
        Ok(decoded)
    }
}

fn mistyped(field: &str, value: &Value) -> Refusal {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    let shown: String = value.to_string().chars().take(80).collect();
    Refusal::invalid(
        field,
        format!(
            "Invalid value {shown} for parameter '{field}' supplied: Value was of type '{kind}'. See the API docs for more information about request parameters."
        ),
    )
}

pub(crate) fn run_id(text: &str) -> Result<RunId, Refusal> {
    let is_word = text.len() <= 256
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    if !is_word {
        return Err(Refusal::invalid(
            "run_id",
            format!(
                "Invalid run ID: '{}'",
                text.chars().take(80).collect::<String>()
            ),
        ));
    }
    text.parse()
        .map_err(|_| Refusal::not_found(format!("Run with id={text} not found")))
}

pub(crate) fn experiment_id(text: &str) -> Result<i64, Refusal> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad_experiment_id("experiment_id", text));
    }
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        Refusal::not_found(format!("No Experiment with id={shown} exists"))
    })
}

fn bad_experiment_id(field: &str, text: &str) -> Refusal {
    let shown: String = text.chars().take(80).collect();
    Refusal::invalid(
        field,
        format!("Invalid experiment ID '{shown}'. Experiment ID must be a valid integer."),
    )
}

/// The experiments of a search: a number that names none is one without runs, what is no number is refused.
pub(crate) fn experiment_ids(input: &Input) -> Result<Vec<i64>, Refusal> {
    let read = |text: &String| {
        text.parse()
            .map_err(|_| bad_experiment_id("experiment_ids", text))
    };
    input.texts("experiment_ids")?.iter().map(read).collect()
}

pub(crate) fn logged_model_id(text: &str) -> Result<LoggedModelId, Refusal> {
    text.strip_prefix("m-")
        .and_then(|id| id.parse().ok())
        .ok_or_else(|| {
            let shown: String = text.chars().take(80).collect();
            Refusal::not_found(format!("Logged model with ID '{shown}' not found."))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(json: &str) -> Result<Input, Refusal> {
        Input::of_body(&Bytes::copy_from_slice(json.as_bytes()))
    }

    #[test]
    fn loose_numbers_are_read_and_wrong_types_are_named() {
        let input = body(r#"{"a": 5, "b": "7", "c": "NaN", "d": "-Infinity", "e": 1.0, "f": null, "g": [1], "h": 2.5}"#).unwrap();
        assert_eq!(input.integer("a").unwrap(), Some(5));
        assert_eq!(input.integer("b").unwrap(), Some(7));
        assert_eq!(input.integer("e").unwrap(), Some(1));
        assert!(input.double("c").unwrap().unwrap().is_nan());
        assert_eq!(input.double("d").unwrap(), Some(f64::NEG_INFINITY));
        assert_eq!(input.integer("f").unwrap(), None);
        for field in ["c", "g", "h"] {
            assert!(
                input
                    .integer(field)
                    .unwrap_err()
                    .0
                    .message
                    .contains(&format!("parameter '{field}'"))
            );
        }
        assert!(
            input
                .text("a")
                .unwrap_err()
                .0
                .message
                .starts_with("Invalid value 5 for parameter 'a' supplied")
        );
        assert!(
            input
                .required("x")
                .unwrap_err()
                .0
                .message
                .starts_with("Missing value for required parameter 'x'.")
        );
    }

    #[test]
    fn a_text_that_holds_an_object_is_that_object() {
        let input = body(r#""{\"key\": \"v\"}""#).unwrap();
        assert_eq!(input.text("key").unwrap().as_deref(), Some("v"));
        for bad in [
            r#""x""#,
            r#""[1]""#,
            r#""\"{}\"""#,
            r#""{\"a\": \"\\u0000\"}""#,
            r#""{\"a\": \"\u005c\u00750000\"}""#,
        ] {
            assert!(body(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for bad in [
            "",
            "x",
            "[1]",
            "1",
            "null",
            "{",
            "{\"a\": \"\\u0000\"}",
            "{\"a\": NaN}",
        ] {
            assert!(body(bad).is_err(), "{bad}");
        }
        assert!(
            body(r#"{"a": "\\u0000"}"#).is_ok(),
            "an escaped backslash is no NUL"
        );
        let deep = "[".repeat(100_000);
        assert!(body(&format!("{{\"a\": {deep}")).is_err());
    }

    #[test]
    fn queries_repeat_into_lists() {
        let input = Input::of_query("run_ids=a&run_ids=b%20c&x=1+2&flag=true&n=3").unwrap();
        assert_eq!(input.texts("run_ids").unwrap(), ["a", "b c"]);
        assert_eq!(input.text("x").unwrap().as_deref(), Some("1 2"));
        assert_eq!(input.flag("flag").unwrap(), Some(true));
        assert_eq!(input.integer("n").unwrap(), Some(3));
        assert!(Input::of_query("a=%00").is_err());
        assert!(Input::of_query("a=%ff").is_err());
    }

    #[test]
    fn enums_by_name_or_number() {
        let choices = [("A", 'a'), ("B", 'b')];
        for (json, choice) in [
            (r#"{"x": "B"}"#, Some('b')),
            (r#"{"x": 1}"#, Some('a')),
            ("{}", None),
        ] {
            assert_eq!(body(json).unwrap().choice("x", &choices).unwrap(), choice);
        }
        assert_eq!(
            Input::of_query("x=2")
                .unwrap()
                .choice("x", &choices)
                .unwrap(),
            Some('b')
        );
        for bad in [
            r#"{"x": "C"}"#,
            r#"{"x": 0}"#,
            r#"{"x": 3}"#,
            r#"{"x": -1}"#,
        ] {
            assert!(body(bad).unwrap().choice("x", &choices).is_err(), "{bad}");
        }
    }
}
