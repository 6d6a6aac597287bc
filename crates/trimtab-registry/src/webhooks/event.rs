//! The kinds of events, in MLflow's words, and how the registry's messages become them.

use serde_json::{Value, json};

use crate::{
    ALIAS_DELETED, ALIAS_SET, MODEL_CREATED, MODEL_TAG_DELETED, MODEL_TAG_SET, VERSION_CREATED,
    VERSION_TAG_DELETED, VERSION_TAG_SET,
};

/// Tags that make a prompt a prompt: those who are called know that it is one.
const OF_PROMPTS: &[&str] = &[crate::validate::IS_PROMPT, "_mlflow_prompt_type"];
/// The tag that holds a prompt's text.
const TEXT: &str = "mlflow.prompt.text";

/// What a webhook can be called for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum WebhookEvent {
    RegisteredModelCreated,
    ModelVersionCreated,
    ModelVersionTagSet,
    ModelVersionTagDeleted,
    ModelVersionAliasCreated,
    ModelVersionAliasDeleted,
    PromptCreated,
    PromptVersionCreated,
    PromptTagSet,
    PromptTagDeleted,
    PromptVersionTagSet,
    PromptVersionTagDeleted,
    PromptAliasCreated,
    PromptAliasDeleted,
    /// Accepted, because clients may ask for it; nothing here has budgets.
    BudgetPolicyExceeded,
}

impl WebhookEvent {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::RegisteredModelCreated,
        Self::ModelVersionCreated,
        Self::ModelVersionTagSet,
        Self::ModelVersionTagDeleted,
        Self::ModelVersionAliasCreated,
        Self::ModelVersionAliasDeleted,
        Self::PromptCreated,
        Self::PromptVersionCreated,
        Self::PromptTagSet,
        Self::PromptTagDeleted,
        Self::PromptVersionTagSet,
        Self::PromptVersionTagDeleted,
        Self::PromptAliasCreated,
        Self::PromptAliasDeleted,
        Self::BudgetPolicyExceeded,
    ];

    /// The kind of thing that it is about.
    pub fn entity(self) -> &'static str {
        match self {
            Self::RegisteredModelCreated => "registered_model",
            Self::ModelVersionCreated => "model_version",
            Self::ModelVersionTagSet | Self::ModelVersionTagDeleted => "model_version_tag",
            Self::ModelVersionAliasCreated | Self::ModelVersionAliasDeleted => {
                "model_version_alias"
            }
            Self::PromptCreated => "prompt",
            Self::PromptVersionCreated => "prompt_version",
            Self::PromptTagSet | Self::PromptTagDeleted => "prompt_tag",
            Self::PromptVersionTagSet | Self::PromptVersionTagDeleted => "prompt_version_tag",
            Self::PromptAliasCreated | Self::PromptAliasDeleted => "prompt_alias",
            Self::BudgetPolicyExceeded => "budget_policy",
        }
    }

    /// What happened to it.
    pub fn action(self) -> &'static str {
        match self {
            Self::RegisteredModelCreated
            | Self::ModelVersionCreated
            | Self::ModelVersionAliasCreated
            | Self::PromptCreated
            | Self::PromptVersionCreated
            | Self::PromptAliasCreated => "created",
            Self::ModelVersionTagSet | Self::PromptTagSet | Self::PromptVersionTagSet => "set",
            Self::ModelVersionTagDeleted
            | Self::ModelVersionAliasDeleted
            | Self::PromptTagDeleted
            | Self::PromptVersionTagDeleted
            | Self::PromptAliasDeleted => "deleted",
            Self::BudgetPolicyExceeded => "exceeded",
        }
    }

    /// The kind of that entity and action, in any case.
    pub fn of(entity: &str, action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| {
            event.entity().eq_ignore_ascii_case(entity)
                && event.action().eq_ignore_ascii_case(action)
        })
    }

    /// `entity.action`.
    pub fn name(self) -> String {
        format!("{}.{}", self.entity(), self.action())
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (entity, action) = name.split_once('.')?;
        Self::of(entity, action)
    }

    /// What a test sends.
    pub(crate) fn example(self) -> Value {
        match self {
            Self::RegisteredModelCreated | Self::PromptCreated => json!({
                "name": "example", "tags": { "key": "value" }, "description": "made to try the webhook",
            }),
            Self::ModelVersionCreated => json!({
                "name": "example", "version": "1", "source": "models:/m-0", "run_id": null,
                "tags": { "key": "value" }, "description": "made to try the webhook",
            }),
            Self::PromptVersionCreated => json!({
                "name": "example", "version": "1", "template": "Hello {{name}}!",
                "tags": { "key": "value" }, "description": "made to try the webhook",
            }),
            Self::ModelVersionTagSet | Self::PromptVersionTagSet => {
                json!({ "name": "example", "version": "1", "key": "key", "value": "value" })
            }
            Self::ModelVersionTagDeleted | Self::PromptVersionTagDeleted => {
                json!({ "name": "example", "version": "1", "key": "key" })
            }
            Self::PromptTagSet => json!({ "name": "example", "key": "key", "value": "value" }),
            Self::PromptTagDeleted => json!({ "name": "example", "key": "key" }),
            Self::ModelVersionAliasCreated | Self::PromptAliasCreated => {
                json!({ "name": "example", "alias": "champion", "version": "1" })
            }
            Self::ModelVersionAliasDeleted | Self::PromptAliasDeleted => {
                json!({ "name": "example", "alias": "champion" })
            }
            Self::BudgetPolicyExceeded => json!({
                "budget_policy_id": "bp-example", "budget_unit": "USD", "budget_amount": 100.0,
                "current_spend": 101.5, "duration_unit": "MONTHS", "duration_value": 1,
                "target_scope": "GLOBAL", "workspace": "default", "target_value": null,
                "window_start": 1_767_225_600_000_i64,
            }),
        }
    }
}

/// The event that a message of the registry is, with what is sent as its data; `None` for what nobody can ask for.
pub(crate) fn of_message(topic: &str, payload: &Value) -> Option<(WebhookEvent, Value)> {
    let is_prompt = payload["is_prompt"] == true;
    let (name, version) = (&payload["model"], text_of(&payload["version"]));
    let (key, value) = (&payload["key"], &payload["value"]);
    let choose = |model, prompt| if is_prompt { prompt } else { model };
    Some(match topic {
        MODEL_CREATED => (
            choose(
                WebhookEvent::RegisteredModelCreated,
                WebhookEvent::PromptCreated,
            ),
            json!({
                "name": name, "tags": tags(payload, if is_prompt { OF_PROMPTS } else { &[] }),
                "description": payload["description"],
            }),
        ),
        VERSION_CREATED if is_prompt => (
            WebhookEvent::PromptVersionCreated,
            json!({
                "name": name, "version": version, "template": payload["tags"][TEXT],
                "tags": tags(payload, &[OF_PROMPTS[0], OF_PROMPTS[1], TEXT]),
                "description": payload["description"],
            }),
        ),
        VERSION_CREATED => (
            WebhookEvent::ModelVersionCreated,
            json!({
                "name": name, "version": version, "source": payload["source"], "run_id": payload["run_id"],
                "tags": payload["tags"], "description": payload["description"],
            }),
        ),
        MODEL_TAG_SET if is_prompt => (
            WebhookEvent::PromptTagSet,
            json!({ "name": name, "key": key, "value": value }),
        ),
        MODEL_TAG_DELETED if is_prompt => (
            WebhookEvent::PromptTagDeleted,
            json!({ "name": name, "key": key }),
        ),
        VERSION_TAG_SET => (
            choose(
                WebhookEvent::ModelVersionTagSet,
                WebhookEvent::PromptVersionTagSet,
            ),
            json!({ "name": name, "version": version, "key": key, "value": value }),
        ),
        VERSION_TAG_DELETED => (
            choose(
                WebhookEvent::ModelVersionTagDeleted,
                WebhookEvent::PromptVersionTagDeleted,
            ),
            json!({ "name": name, "version": version, "key": key }),
        ),
        ALIAS_SET => (
            choose(
                WebhookEvent::ModelVersionAliasCreated,
                WebhookEvent::PromptAliasCreated,
            ),
            json!({ "name": name, "alias": payload["alias"], "version": version }),
        ),
        ALIAS_DELETED => (
            choose(
                WebhookEvent::ModelVersionAliasDeleted,
                WebhookEvent::PromptAliasDeleted,
            ),
            json!({ "name": name, "alias": payload["alias"] }),
        ),
        _ => return None,
    })
}

/// Version numbers are texts on the wire.
fn text_of(number: &Value) -> Value {
    number
        .as_i64()
        .map_or(Value::Null, |number| number.to_string().into())
}

fn tags(payload: &Value, without: &[&str]) -> Value {
    let mut tags = payload["tags"].clone();
    if let Some(tags) = tags.as_object_mut() {
        tags.retain(|key, _| !without.contains(&key.as_str()));
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mlflows_and_round_trip() {
        let names: Vec<String> = WebhookEvent::ALL
            .into_iter()
            .map(WebhookEvent::name)
            .collect();
        assert_eq!(
            names.join(" "),
            "registered_model.created model_version.created model_version_tag.set model_version_tag.deleted \
             model_version_alias.created model_version_alias.deleted prompt.created prompt_version.created \
             prompt_tag.set prompt_tag.deleted prompt_version_tag.set prompt_version_tag.deleted \
             prompt_alias.created prompt_alias.deleted budget_policy.exceeded"
        );
        for event in WebhookEvent::ALL {
            assert_eq!(WebhookEvent::parse(&event.name()), Some(event));
            assert!(event.example().is_object());
        }
        assert_eq!(
            WebhookEvent::of("PROMPT", "CREATED"),
            Some(WebhookEvent::PromptCreated)
        );
        assert_eq!(WebhookEvent::of("prompt", "deleted"), None);
    }

    #[test]
    fn a_prompts_own_tags_are_not_sent() {
        let payload = json!({
            "model": "p", "version": 2, "is_prompt": true, "description": null, "source": "dummy-source",
            "tags": { "mlflow.prompt.is_prompt": "true", "_mlflow_prompt_type": "text", "mlflow.prompt.text": "hi", "a": "b" },
        });
        assert_eq!(
            of_message(VERSION_CREATED, &payload),
            Some((
                WebhookEvent::PromptVersionCreated,
                json!({ "name": "p", "version": "2", "template": "hi", "tags": { "a": "b" }, "description": null }),
            ))
        );
        // A tag of a model that is no prompt is an event for nobody.
        assert_eq!(
            of_message(
                MODEL_TAG_SET,
                &json!({ "model": "m", "key": "k", "value": "v" })
            ),
            None
        );
    }
}
