//! Searches whose answers were recorded from MLflow's own server (`tests/mlflow/recorded/record.py`), asked of ours on
//! the same data.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use axum::body::Body;
use http::{Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use trimtab_types::Clock;

use crate::harness::{self, Harness};

/// What a server reads from its clock.
const TIMES: &[&str] = &[
    "creation_time",
    "last_update_time",
    "creation_timestamp",
    "last_updated_timestamp",
    "creation_timestamp_ms",
    "last_updated_timestamp_ms",
];
/// Lists that are sets.
const SETS: &[&str] = &[
    "tags",
    "params",
    "metrics",
    "aliases",
    "dataset_inputs",
    "model_inputs",
    "model_outputs",
    "latest_versions",
];

pub(crate) struct Replay<'h> {
    pub(crate) server: &'h Harness,
    pub(crate) names: BTreeMap<String, String>,
}

impl Replay<'_> {
    /// Names become what they stand for.
    pub(crate) fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => {
                let mut text = text.clone();
                for (name, made) in &self.names {
                    text = text.replace(&format!("${{{name}}}"), made);
                }
                text.into()
            }
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(fields) => fields
                .iter()
                .map(|(name, item)| (name.clone(), self.fill(item)))
                .collect::<Map<_, _>>()
                .into(),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// What the server made becomes names; sets are sorted.
    pub(crate) fn empty(&self, value: &Value, key: &str) -> Value {
        if TIMES.contains(&key) {
            return "TIME".into();
        }
        if key == "next_page_token" {
            return "TOKEN".into();
        }
        match value {
            Value::String(text) => {
                let mut text = text.clone();
                for (name, made) in &self.names {
                    if made.len() > 8 && !name.starts_with("time_") {
                        text = text.replace(made, &format!("${{{name}}}"));
                    }
                }
                text.into()
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|item| self.empty(item, "")).collect();
                if SETS.contains(&key) {
                    items.sort_by_key(ToString::to_string);
                }
                items.into()
            }
            Value::Object(fields) => fields
                .iter()
                .filter(|(name, _)| !is_ours(fields, name))
                .map(|(name, item)| (name.clone(), self.empty(item, name)))
                .collect::<Map<_, _>>()
                .into(),
            // Python writes a whole double as `1.0`; the numbers are the same.
            Value::Number(number) if number.is_f64() => json!(number.as_f64()),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    async fn send(&self, step: &Value, page_token: Option<&str>) -> (u16, Value) {
        let text = |field: &str| step[field].as_str().unwrap();
        let mut body = self.fill(&step["body"]);
        if let Some(token) = page_token {
            body["page_token"] = token.into();
        }
        let path = self.fill(&step["path"]);
        let mut uri = format!("/api/2.0/mlflow/{}", path.as_str().unwrap());
        let is_get = text("method") == "GET";
        if is_get {
            let mut mark = '?';
            for (name, value) in body.as_object().unwrap() {
                let values = match value {
                    Value::Array(items) => items.clone(),
                    one => vec![one.clone()],
                };
                for value in values {
                    let value = value.as_str().map_or(value.to_string(), str::to_owned);
                    let value = utf8_percent_encode(&value, NON_ALPHANUMERIC);
                    write!(uri, "{mark}{name}={value}").unwrap();
                    mark = '&';
                }
            }
        }
        let request = Request::builder()
            .method(text("method"))
            .uri(uri)
            .header(header::HOST, "127.0.0.1")
            .header(header::CONTENT_TYPE, "application/json")
            .body(if is_get {
                Body::empty()
            } else {
                Body::from(body.to_string())
            })
            .unwrap();
        let (status, bytes) = self.server.send(request).await;
        (
            status.as_u16(),
            serde_json::from_slice(&bytes).unwrap_or_default(),
        )
    }

    async fn seed(&mut self, steps: &[Value]) {
        let clock = Clock::system();
        for step in steps {
            let (status, answer) = self.send(step, None).await;
            assert_eq!(status, 200, "{step}: {answer}");
            for (name, path) in step["save"].as_object().into_iter().flatten() {
                let pointer = format!("/{}", path.as_str().unwrap().replace('.', "/"));
                let made = answer.pointer(&pointer).unwrap();
                let made = made.as_str().map_or(made.to_string(), str::to_owned);
                self.names.insert(name.clone(), made);
            }
            // Times are whole milliseconds: what is made later must be seen to be later.
            let made_at = clock.now().as_millis();
            while clock.now().as_millis() == made_at {
                std::thread::yield_now();
            }
        }
    }

    async fn ask(&self, question: &Value) -> Value {
        let (status, answer) = self.send(question, None).await;
        if status != 200 {
            return json!({ "status": status, "error_code": answer["error_code"], "words": answer["message"] });
        }
        if question["pages"] != true {
            return json!({ "status": 200, "json": self.empty(&answer, "") });
        }
        let mut pages = vec![self.empty(&answer, "")];
        let mut next = answer["next_page_token"].as_str().map(str::to_owned);
        while let Some(token) = next {
            let (status, answer) = self.send(question, Some(&token)).await;
            assert_eq!(status, 200, "{question}: {answer}");
            pages.push(self.empty(&answer, ""));
            next = answer["next_page_token"].as_str().map(str::to_owned);
        }
        json!({ "status": 200, "pages": pages })
    }
}

/// What only one of the servers says: MLflow names the one workspace it has, ours who registered what, and the aliases
/// of versions in searches too.
fn is_ours(fields: &Map<String, Value>, name: &str) -> bool {
    let is_registry = fields.contains_key("name");
    name == "workspace"
        || (is_registry && name == "user_id")
        || (fields.contains_key("current_stage") && name == "aliases")
}

/// The recorded answer with its objects in place, sorted and spelled as [`Replay::empty`] does.
fn whole(replay: &Replay<'_>, items: &Value, answer: &Value) -> Value {
    let page = |page: &Value| {
        let fields = page.as_object().unwrap().iter().map(|(name, value)| {
            let value = match value {
                Value::Array(places) => places
                    .iter()
                    .map(|place| {
                        let place = usize::try_from(place.as_u64().unwrap()).unwrap();
                        items[place].clone()
                    })
                    .collect(),
                other => other.clone(),
            };
            (name.clone(), value)
        });
        replay.empty(&fields.collect::<Map<_, _>>().into(), "")
    };
    let mut answer = answer.clone();
    if let Some(json) = answer.get_mut("json") {
        *json = page(json);
    }
    if let Some(Value::Array(pages)) = answer.get_mut("pages") {
        for one in pages.iter_mut() {
            *one = page(one);
        }
    }
    answer
}

/// What the answer says in short, for a person who reads why the test failed.
fn short(answer: &Value) -> String {
    let names = |json: &Value| {
        let items = json
            .as_object()
            .into_iter()
            .flatten()
            .find_map(|(_, value)| value.as_array());
        let names: Vec<String> = items
            .into_iter()
            .flatten()
            .map(|item| {
                let name = item
                    .pointer("/info/run_name")
                    .or(item.pointer("/info/name"))
                    .unwrap_or(&item["name"]);
                let version = item["version"].as_str().unwrap_or_default();
                format!("{}{version}", name.as_str().unwrap_or_default())
            })
            .collect();
        format!("[{}]", names.join(", "))
    };
    if let Some(pages) = answer["pages"].as_array() {
        return pages.iter().map(names).collect::<Vec<_>>().join(" | ");
    }
    if answer["status"] == 200 {
        return names(&answer["json"]);
    }
    answer.to_string()
}

/// The first place where two values differ.
pub(crate) fn difference(path: &str, left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter()
                .find_map(|key| difference(&format!("{path}/{key}"), &left[key], &right[key]))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(i, (a, b))| difference(&format!("{path}/{i}"), a, b)),
        _ if left == right => None,
        _ => Some(format!("{path}: {left} <> {right}")),
    }
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mlflow/recorded")
}

fn file(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Which entry of `deviations.json` is about this question.
fn deviation<'d>(deviations: &'d [Value], question: &Value) -> Option<&'d Value> {
    deviations.iter().find(|deviation| {
        deviation["path"] == question["path"] && deviation["body"] == question["body"]
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_answer_as_mlflow_answered() {
    let recorded = file("recorded.json");
    let deviations = file("deviations.json");
    let deviations = deviations.as_array().unwrap();
    for server in harness::all().await {
        let mut replay = Replay {
            server: &server,
            names: BTreeMap::new(),
        };
        replay.seed(recorded["seed"].as_array().unwrap()).await;
        let mut report = String::new();
        let mut wrong = 0;
        let mut used = 0;
        for question in recorded["questions"].as_array().unwrap() {
            let expected = whole(&replay, &recorded["items"], &question["answer"]);
            let mut answer = replay.ask(question).await;
            let mut expected_here = expected.clone();
            if let Some(deviation) = deviation(deviations, question) {
                used += 1;
                expected_here = deviation["answer"].clone();
                if expected_here["names"].is_string() {
                    answer = json!({ "names": short(&answer) });
                } else if let Some(answer) = answer.as_object_mut() {
                    answer.remove("words");
                }
            } else if expected["status"].as_u64() >= Some(500) {
                // Where MLflow fails, ours refuses.
                expected_here = json!({ "status": 400, "error_code": "INVALID_PARAMETER_VALUE" });
                answer.as_object_mut().unwrap().remove("words");
            } else if expected["status"] != 200 {
                for words in [&mut answer, &mut expected_here] {
                    if let Some(answer) = words.as_object_mut() {
                        answer.remove("words");
                    }
                }
            }
            if let Some(place) = difference("", &answer, &expected_here) {
                wrong += 1;
                writeln!(
                    report,
                    "{} {} {}\n  ours   {}\n  mlflow {}\n  {place}\n",
                    question["path"],
                    question["body"],
                    question["pages"],
                    short(&answer),
                    short(&expected_here),
                )
                .unwrap();
            }
        }
        assert_eq!(wrong, 0, "{wrong} answers differ\n{report}");
        assert!(
            used >= deviations.len(),
            "an entry of deviations.json is about no question"
        );
    }
}
