//! TraceSetting and LogSettings. One method reads and changes: without settings it changes nothing.

use std::collections::HashMap;

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use prost::{Message, Oneof};
use trimtab_edge::{CallScope, Failure};

use super::call;
use crate::{
    Inference, context,
    settings::{LogSettings, LogUpdate, Updates},
};

#[derive(Clone, PartialEq, Message)]
struct TraceSettingRequest {
    #[prost(map = "string, message", tag = "1")]
    settings: HashMap<String, TraceValue>,
    #[prost(string, tag = "2")]
    model_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct TraceSettingResponse {
    #[prost(map = "string, message", tag = "1")]
    settings: HashMap<String, TraceValue>,
}

#[derive(Clone, PartialEq, Message)]
struct TraceValue {
    #[prost(string, repeated, tag = "1")]
    value: Vec<String>,
}

/// Request and answer of LogSettings.
#[derive(Clone, PartialEq, Message)]
struct LogSettingsMessage {
    #[prost(map = "string, message", tag = "1")]
    settings: HashMap<String, LogValue>,
}

#[derive(Clone, PartialEq, Message)]
struct LogValue {
    #[prost(oneof = "LogChoice", tags = "1, 2, 3")]
    choice: Option<LogChoice>,
}

#[derive(Clone, PartialEq, Oneof)]
enum LogChoice {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(uint32, tag = "2")]
    Number(u32),
    #[prost(string, tag = "3")]
    Text(String),
}

pub(super) async fn traces(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: TraceSettingRequest| {
        let name = Some(asked.model_name.as_str())
            .filter(|name| !name.is_empty())
            .map(context::endpoint)
            .transpose()?;
        if let Some(name) = &name {
            state.serving.is_ready(&scope, name, None)?;
        }
        let texts = if asked.settings.is_empty() {
            state.traces.get(&scope, name.as_ref())
        } else {
            // A setting without a value is set to its default again.
            let updates: Updates = asked
                .settings
                .into_iter()
                .map(|(key, value)| (key, Some(value.value).filter(|values| !values.is_empty())))
                .collect();
            state.traces.change(&scope, name.as_ref(), &updates)?
        };
        Ok(TraceSettingResponse {
            settings: texts
                .into_iter()
                .map(|(key, value)| (key.to_owned(), TraceValue { value }))
                .collect(),
        })
    })
    .await
}

pub(super) async fn logs(
    _: CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: LogSettingsMessage| {
        let settings = LogSettings::change(&update(asked.settings)?)?;
        let value = |choice| LogValue {
            choice: Some(choice),
        };
        let settings = [
            ("log_file", LogChoice::Text(LogSettings::FILE.to_owned())),
            ("log_info", LogChoice::Bool(settings.info)),
            ("log_warning", LogChoice::Bool(settings.warning)),
            ("log_error", LogChoice::Bool(settings.error)),
            ("log_verbose_level", LogChoice::Number(settings.verbose)),
            (
                "log_format",
                LogChoice::Text(LogSettings::FORMAT.to_owned()),
            ),
        ];
        Ok(LogSettingsMessage {
            settings: settings
                .into_iter()
                .map(|(key, choice)| (key.to_owned(), value(choice)))
                .collect(),
        })
    })
    .await
}

fn update(settings: HashMap<String, LogValue>) -> Result<LogUpdate, Failure> {
    let mut update = LogUpdate::default();
    for (key, value) in settings {
        match (key.as_str(), value.choice) {
            (_, None) => {}
            ("log_file", Some(LogChoice::Text(file))) => update.file = Some(file),
            ("log_format", Some(LogChoice::Text(format))) => update.format = Some(format),
            ("log_info", Some(LogChoice::Bool(is_on))) => update.info = Some(is_on),
            ("log_warning", Some(LogChoice::Bool(is_on))) => update.warning = Some(is_on),
            ("log_error", Some(LogChoice::Bool(is_on))) => update.error = Some(is_on),
            ("log_verbose_level", Some(LogChoice::Number(level))) => update.verbose = Some(level),
            (key, Some(_)) => {
                return Err(Failure::invalid(
                    key,
                    format!("`{key}` is no log setting, or its value is of another type"),
                ));
            }
        }
    }
    Ok(update)
}
