//! Feedback: outcomes of predictions.

use std::collections::HashSet;

use axum::{Json, extract::State};
use serde_json::Value;
use trimtab_edge::{CallScope, Failure};
use trimtab_events::{EventsError, Feedback, FeedbackAddress, FeedbackValue};
use trimtab_types::{Name, Scope, Time};

use crate::{
    extract::Json as Body,
    handlers::Answer,
    state::Api,
    wire::{FeedbackItem, FeedbackReceipt, FeedbackRequest},
};

/// How many outcomes one request may bring.
const MOST: usize = 10_000;

pub(crate) async fn post(
    State(api): State<Api>,
    CallScope(scope): CallScope,
    Body(request): Body<FeedbackRequest>,
) -> Answer<FeedbackReceipt> {
    let endpoint: Name = request
        .endpoint
        .parse()
        .map_err(|error: trimtab_types::NameError| {
            Failure::invalid("endpoint", error.to_string())
        })?;
    if request.items.len() > MOST {
        return Err(Failure::invalid(
            "items",
            format!(
                "a request brings at most {MOST} items, this one {}",
                request.items.len()
            ),
        ));
    }
    api.serving.endpoint(&scope, &endpoint).await?;
    let now = api.clock.now();
    let items = request
        .items
        .into_iter()
        .enumerate()
        .map(|(index, item)| convert(&endpoint, now, index, item))
        .collect::<Result<Vec<_>, _>>()?;
    let (receipt, unknown) = store(&api, &scope, items, request.ignore_unknown).await?;
    Ok(Json(FeedbackReceipt {
        stored: receipt.accepted,
        duplicates: receipt.duplicates,
        unknown,
    }))
}

/// Stores all, or all but what addresses no prediction; answers how many those were.
async fn store(
    api: &Api,
    scope: &Scope,
    mut items: Vec<Feedback>,
    ignore_unknown: bool,
) -> Result<(trimtab_events::FeedbackReceipt, u64), Failure> {
    if !ignore_unknown {
        return Ok((api.events.post_feedback(scope, items).await?, 0));
    }
    let mut unknown = 0;
    loop {
        match api.events.post_feedback(scope, items.clone()).await {
            Err(EventsError::UnknownAddress { items: places, .. }) if !places.is_empty() => {
                unknown += places.len() as u64;
                let places: HashSet<usize> = places.into_iter().collect();
                let mut place = 0..;
                items.retain(|_| place.next().is_none_or(|place| !places.contains(&place)));
            }
            stored => return Ok((stored?, unknown)),
        }
    }
}

fn convert(
    endpoint: &Name,
    now: Time,
    index: usize,
    item: FeedbackItem,
) -> Result<Feedback, Failure> {
    let wrong =
        |field: &str, message: String| Failure::invalid(format!("items[{index}]{field}"), message);
    let address = match (item.prediction_id, item.row_key, item.client_request_id) {
        (Some(text), None, None) => {
            let (id, row) = match text.split_once(':') {
                Some((id, row)) => {
                    let row = row
                        .parse()
                        .map_err(|_| wrong(".prediction_id", format!("`{row}` is not a row")))?;
                    (id, Some(row))
                }
                None => (text.as_str(), item.row),
            };
            let id = id.parse().map_err(|error: trimtab_types::IdError| {
                wrong(".prediction_id", error.to_string())
            })?;
            FeedbackAddress::Prediction { id, row }
        }
        (None, Some(key), None) => FeedbackAddress::RowKey(key),
        (None, None, Some(id)) => FeedbackAddress::ClientRequestId(id),
        (None, None, None) => {
            return Err(wrong(
                "",
                "name the prediction by `prediction_id`, `row_key` or `client_request_id`"
                    .to_owned(),
            ));
        }
        _ => {
            return Err(wrong(
                "",
                "name the prediction in one way, not in several".to_owned(),
            ));
        }
    };
    let value = match item.value {
        Value::Bool(value) => FeedbackValue::Number(f64::from(u8::from(value))),
        Value::Number(number) => number
            .as_f64()
            .map(FeedbackValue::Number)
            .ok_or_else(|| wrong(".value", "the number is too large".to_owned()))?,
        Value::String(text) => FeedbackValue::Text(text),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            return Err(wrong(
                ".value",
                "an outcome is a number, a text, or true or false".to_owned(),
            ));
        }
    };
    Ok(Feedback {
        event_id: item.event_id,
        endpoint: endpoint.clone(),
        address,
        event_time: item.event_time.map_or(now, |at| at.0),
        value,
    })
}
