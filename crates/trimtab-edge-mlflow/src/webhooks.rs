//! Webhooks. A secret comes in with a webhook and is in no answer.

use axum::extract::State;
use serde_json::{Value, json};
use trimtab_edge::{CallScope, Edge, Route, Routes};
use trimtab_registry::{
    CreateWebhook, UpdateWebhook, Webhook, WebhookEvent, WebhookId, WebhookTest, Webhooks,
};
use trimtab_types::Verb::{Operate, Read};

use crate::{
    input::Input,
    refusal::Refusal,
    wire::{self, Answer, Json},
};

/// Both prefixes of a path.
macro_rules! both {
    ($routes:ident, $method:ident $path:literal $verb:ident $handler:ident) => {
        $routes
            .route(
                Route::$method(concat!("/api/2.0/mlflow/webhooks", $path), $verb, "webhook"),
                $handler,
            )
            .route(
                Route::$method(
                    concat!("/ajax-api/2.0/mlflow/webhooks", $path),
                    $verb,
                    "webhook",
                ),
                $handler,
            )
    };
}

/// Whoever may say what the server calls may send what happens here to anyone: operators.
pub(crate) fn routes() -> Routes<Webhooks> {
    let routes = Routes::new(Edge::Mlflow);
    let routes = both!(routes, post "" Operate create);
    let routes = both!(routes, get "" Read list);
    let routes = both!(routes, get "/{webhook_id}" Read get);
    let routes = both!(routes, patch "/{webhook_id}" Operate update);
    let routes = both!(routes, delete "/{webhook_id}" Operate delete);
    both!(routes, post "/{webhook_id}/test" Operate test)
}

const STATUSES: &[(&str, bool)] = &[("ACTIVE", true), ("DISABLED", false)];

async fn create(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let webhook = CreateWebhook {
        name: input.required("name")?,
        url: input.required("url")?,
        events: events(&input)?,
        description: filled(&input, "description")?,
        secret: filled(&input, "secret")?,
        is_disabled: input.choice("status", STATUSES)? == Some(false),
    };
    Ok(answer(&webhooks.create(&scope, webhook).await?))
}

async fn list(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let (limit, token) = (input.limit("max_results")?, input.text("page_token")?);
    let page = webhooks.list(&scope, limit, token.as_deref()).await?;
    let items = page.items.iter().map(spelled).collect();
    Ok(wire::list("webhooks", items, page.next))
}

async fn get(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    Ok(answer(&webhooks.get(&scope, id(&input)?).await?))
}

async fn update(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let given = events(&input)?;
    let change = UpdateWebhook {
        name: filled(&input, "name")?,
        url: filled(&input, "url")?,
        events: Some(given).filter(|events| !events.is_empty()),
        description: input.text("description")?,
        secret: input.text("secret")?,
        is_active: input.choice("status", STATUSES)?,
    };
    let webhook = webhooks.update(&scope, id(&input)?, change).await?;
    Ok(answer(&webhook))
}

async fn delete(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    webhooks.delete(&scope, id(&input)?).await?;
    Ok(wire::nothing())
}

async fn test(
    State(webhooks): State<Webhooks>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let event = match input.object("event")? {
        Some(event) => Some(read_event(&event)?),
        None => None,
    };
    let WebhookTest {
        is_success,
        status,
        body,
        error,
    } = webhooks.test(&scope, id(&input)?, event).await?;
    let mut result = json!({ "success": is_success });
    for (field, value) in [
        ("response_status", status.map(Value::from)),
        ("response_body", body.map(Value::from)),
        ("error_message", error.map(Value::from)),
    ] {
        if let Some(value) = value {
            result[field] = value;
        }
    }
    Ok(Json(json!({ "result": result })))
}

fn filled(input: &Input, field: &str) -> Result<Option<String>, Refusal> {
    Ok(input.text(field)?.filter(|text| !text.is_empty()))
}

fn id(input: &Input) -> Result<WebhookId, Refusal> {
    let text = input.required("webhook_id")?;
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        Refusal::not_found(format!("Webhook with ID {shown} not found."))
    })
}

fn events(input: &Input) -> Result<Vec<WebhookEvent>, Refusal> {
    input.objects("events")?.iter().map(read_event).collect()
}

/// `{entity, action}`, each by name or by number.
fn read_event(input: &Input) -> Result<WebhookEvent, Refusal> {
    const ENTITIES: &[(&str, &str)] = &[
        ("REGISTERED_MODEL", "registered_model"),
        ("MODEL_VERSION", "model_version"),
        ("MODEL_VERSION_TAG", "model_version_tag"),
        ("MODEL_VERSION_ALIAS", "model_version_alias"),
        ("PROMPT", "prompt"),
        ("PROMPT_VERSION", "prompt_version"),
        ("PROMPT_TAG", "prompt_tag"),
        ("PROMPT_VERSION_TAG", "prompt_version_tag"),
        ("PROMPT_ALIAS", "prompt_alias"),
        ("BUDGET_POLICY", "budget_policy"),
    ];
    const ACTIONS: &[(&str, &str)] = &[
        ("CREATED", "created"),
        ("UPDATED", "updated"),
        ("DELETED", "deleted"),
        ("SET", "set"),
        ("EXCEEDED", "exceeded"),
    ];
    let entity = input
        .choice("entity", ENTITIES)?
        .ok_or_else(|| Refusal::missing("entity"))?;
    let action = input
        .choice("action", ACTIONS)?
        .ok_or_else(|| Refusal::missing("action"))?;
    WebhookEvent::of(entity, action).ok_or_else(|| {
        Refusal::invalid(
            "events",
            format!("Invalid action '{action}' for entity '{entity}'"),
        )
    })
}

fn answer(webhook: &Webhook) -> Json {
    Json(json!({ "webhook": spelled(webhook) }))
}

fn spelled(webhook: &Webhook) -> Value {
    let events: Vec<Value> = webhook
        .events
        .iter()
        .map(|event| {
            json!({
                "entity": event.entity().to_ascii_uppercase(),
                "action": event.action().to_ascii_uppercase(),
            })
        })
        .collect();
    let mut value = json!({
        "webhook_id": webhook.id.to_string(),
        "name": webhook.name,
        "url": webhook.url,
        "events": events,
        "status": if webhook.is_active { "ACTIVE" } else { "DISABLED" },
        "creation_timestamp": webhook.created_at.as_micros() / 1_000,
        "last_updated_timestamp": webhook.updated_at.as_micros() / 1_000,
    });
    if let Some(description) = &webhook.description {
        value["description"] = description.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_ours() {
        assert_eq!(routes().stray(), None);
        assert_eq!(routes().table().len(), 12);
    }
}
