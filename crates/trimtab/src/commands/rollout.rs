//! `trimtab rollout`.

use std::fmt::Write as _;

use serde::Serialize;
use trimtab_edge_api::wire::{AbortRollout, Endpoint, Fired, List, Plan, Rollout, StartRollout};
use trimtab_types::RolloutId;

use super::Context;
use crate::{
    cli::RolloutCommand,
    client::{Client, segment},
    output::table,
    told::{Exit, Told},
};

/// Plans that are looked through, and shown of an endpoint.
const PLANS: (u32, u32) = (500, 5);

/// What is known of an endpoint's moves.
#[derive(Debug, Serialize)]
struct Overview {
    /// Why nobody answers, where nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<trimtab_edge_api::wire::Problem>,
    /// Where the alias that it follows stands.
    alias_version: Option<i64>,
    /// The newest rollouts.
    items: Vec<Rollout>,
    /// The newest plans; one that was refused or waits has no rollout.
    plans: Vec<Plan>,
}

pub(super) async fn run(context: &Context, command: RolloutCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        RolloutCommand::Show { what } => {
            if what.parse::<RolloutId>().is_ok() {
                return show_one(context, &client, &what).await;
            }
            let name = segment(&what);
            // An unknown endpoint is an error, not an empty list.
            let endpoint: Endpoint = client.get(&format!("endpoints/{name}")).await?;
            let rollouts: List<Rollout> = client.get(&format!("rollouts?endpoint={name}")).await?;
            let plans: List<Plan> = client
                .get(&format!("plans?endpoint={name}&limit={}", PLANS.1))
                .await?;
            let overview = Overview {
                waiting: endpoint.waiting.clone(),
                alias_version: endpoint.alias_version,
                items: rollouts.items,
                plans: plans.items,
            };
            context
                .output
                .answer(&overview, || many(&endpoint, &overview))
        }
        RolloutCommand::Start {
            endpoint,
            version,
            skip_gate,
        } => {
            let request = StartRollout {
                endpoint: endpoint.clone(),
                version,
                skip_gate,
            };
            let fired: Fired = client.post("rollouts", &request).await?;
            context.output.answer(&fired, || {
                let gate = if skip_gate {
                    "its rollout opens as soon as it is loaded"
                } else {
                    "the gate judges it on labelled rows before its rollout opens; `--skip-gate` sends it without"
                };
                format!(
                    "{}\nversion {version} is on its way to `{endpoint}` (plan {}): {gate}; `trimtab rollout show {endpoint}` follows it\n",
                    fired.rollout, fired.plan
                )
            })
        }
        RolloutCommand::Abort { what, reason } => {
            let id = match what.parse::<RolloutId>() {
                Ok(id) => id.to_string(),
                Err(_) => open_rollout(&client, &what).await?,
            };
            let rollout: Rollout = client
                .post(&format!("rollouts/{id}/abort"), &AbortRollout { reason })
                .await?;
            context.output.answer(&rollout, || one(&rollout))
        }
    }
}

/// A rollout, or the plan that has not opened it, by the id of either.
async fn show_one(context: &Context, client: &Client, id: &str) -> anyhow::Result<()> {
    if let Some(rollout) = found::<Rollout>(client, &format!("rollouts/{id}")).await? {
        return context.output.answer(&rollout, || one(&rollout));
    }
    let plan = match found::<Plan>(client, &format!("plans/{id}")).await? {
        Some(plan) => Some(plan),
        None => {
            let plans: List<Plan> = client.get(&format!("plans?limit={}", PLANS.0)).await?;
            plans.items.into_iter().find(|plan| plan.rollout == id)
        }
    };
    let Some(plan) = plan else {
        let message = format!("there is no rollout and no plan `{id}`");
        return Err(Told::new(Exit::Refused, message)
            .hint("`trimtab rollout show ENDPOINT` lists those of an endpoint")
            .into());
    };
    context.output.answer(&plan, || of_plan(&plan))
}

/// What a path names, or nothing where there is no such thing.
async fn found<T: serde::de::DeserializeOwned>(
    client: &Client,
    path: &str,
) -> anyhow::Result<Option<T>> {
    match client.get(path).await {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.downcast_ref::<Told>() {
            Some(told) if told.exit() == Exit::Refused => Ok(None),
            Some(_) | None => Err(error),
        },
    }
}

/// The id of an endpoint's open rollout.
async fn open_rollout(client: &Client, endpoint: &str) -> anyhow::Result<String> {
    let name = segment(endpoint);
    let _: Endpoint = client.get(&format!("endpoints/{name}")).await?;
    let rollouts: List<Rollout> = client.get(&format!("rollouts?endpoint={name}")).await?;
    let open = rollouts
        .items
        .into_iter()
        .find(|rollout| rollout.state == "running");
    open.map(|rollout| rollout.id).ok_or_else(|| {
        Told::new(
            Exit::Refused,
            format!("endpoint `{endpoint}` has no open rollout"),
        )
        .hint(format!(
            "`trimtab rollout show {endpoint}` shows what it had"
        ))
        .into()
    })
}

/// A plan whose rollout is not there: what it came to, and where it stands.
fn of_plan(plan: &Plan) -> String {
    let what = plan
        .version
        .map_or_else(String::new, |version| format!(", version {version}"));
    let mut text = format!(
        "plan {} of `{}`{what}: {}\ncause: {}\n",
        plan.id, plan.endpoint, plan.state, plan.cause
    );
    if let Some(why) = outcome(plan) {
        let _ = writeln!(text, "outcome: {why}");
    }
    let rows: Vec<Vec<String>> = plan
        .steps
        .iter()
        .map(|step| {
            vec![
                step.name.clone(),
                step.state.clone(),
                step.started_at
                    .map(|at| at.0.to_string())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(&["STEP", "STATE", "BEGUN"], &rows));
    text
}

/// Why a plan ended, or what it is about.
fn outcome(plan: &Plan) -> Option<String> {
    let failed = plan.steps.iter().find_map(|step| {
        let error = step.error.clone()?;
        Some(match &step.hint {
            Some(hint) => format!("{error} (hint: {hint})"),
            None => error,
        })
    });
    let step = || {
        let open = plan
            .steps
            .iter()
            .find(|step| matches!(step.state.as_str(), "running" | "pending"))?;
        Some(format!("at step `{}`", open.name))
    };
    // A refusal is the output of the step that refused.
    let said = || {
        let done = plan.steps.iter().rev().find(|step| step.state == "done")?;
        let said = done.output.get("reason").or(done.output.get("outcome"))?;
        Some(said.as_str()?.to_owned())
    };
    failed.or_else(step).or_else(said)
}

fn many(endpoint: &Endpoint, overview: &Overview) -> String {
    let mut text = String::new();
    if let Some(waiting) = &overview.waiting {
        let _ = writeln!(text, "no champion yet: {}", waiting.message);
        if let Some(hint) = &waiting.hint {
            let _ = writeln!(text, "hint: {hint}");
        }
    }
    let champion = endpoint
        .revisions
        .iter()
        .find(|revision| Some(&revision.id) == endpoint.traffic.champion.as_ref());
    if let (Some(alias), Some(champion)) = (overview.alias_version, champion)
        && alias != champion.version
    {
        let _ = writeln!(
            text,
            "alias `{}` is at version {alias}, version {} answers",
            endpoint.alias, champion.version
        );
    }
    let without: Vec<Vec<String>> = overview
        .plans
        .iter()
        .filter(|plan| !overview.items.iter().any(|item| item.plan == plan.id))
        .map(|plan| {
            vec![
                plan.id.clone(),
                plan.created_at.0.to_string(),
                plan.version
                    .map_or_else(|| "-".to_owned(), |version| version.to_string()),
                plan.state.clone(),
                outcome(plan).unwrap_or_default(),
            ]
        })
        .collect();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&rollouts(&overview.items));
    if !without.is_empty() {
        text.push('\n');
        text.push_str(&table(
            &["PLAN WITHOUT ROLLOUT", "WRITTEN", "VERSION", "STATE", "WHY"],
            &without,
        ));
    }
    text
}

fn rollouts(rollouts: &[Rollout]) -> String {
    if rollouts.is_empty() {
        return "no rollout yet\n".to_owned();
    }
    let rows: Vec<Vec<String>> = rollouts
        .iter()
        .map(|rollout| {
            vec![
                rollout.id.clone(),
                rollout.created_at.0.to_string(),
                format!(
                    "{} -> {}",
                    rollout
                        .from
                        .as_ref()
                        .map_or_else(|| "none".to_owned(), |from| from.version.to_string()),
                    rollout.to.version
                ),
                rollout.state.clone(),
                percent(rollout.weight),
                rollout.outcome.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &["ROLLOUT", "OPENED", "VERSIONS", "STATE", "SHARE", "OUTCOME"],
        &rows,
    )
}

fn one(rollout: &Rollout) -> String {
    let from = rollout.from.as_ref().map_or_else(
        || "nothing".to_owned(),
        |from| format!("version {}", from.version),
    );
    let mut text = format!(
        "rollout {} of `{}`: {from} -> version {}, {}, share {}\ncause: {}\n",
        rollout.id,
        rollout.endpoint,
        rollout.to.version,
        rollout.state,
        percent(rollout.weight),
        rollout.cause
    );
    if let Some(outcome) = &rollout.outcome {
        let _ = writeln!(text, "outcome: {outcome}");
    }
    let steps: Vec<Vec<String>> = rollout
        .steps
        .iter()
        .map(|step| {
            vec![
                step.name.clone(),
                step.state.clone(),
                step.hold.clone(),
                step.entered_at
                    .map(|at| at.0.to_string())
                    .unwrap_or_default(),
            ]
        })
        .collect();
    text.push('\n');
    text.push_str(&table(&["STEP", "STATE", "HOLD", "ENTERED"], &steps));
    if !rollout.guardrails.is_empty() {
        let number =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:+.5}"));
        let rows: Vec<Vec<String>> = rollout
            .guardrails
            .iter()
            .map(|guardrail| {
                vec![
                    guardrail.name.clone(),
                    guardrail.verdict.clone(),
                    number(guardrail.estimate),
                    format!("{} to {}", number(guardrail.low), number(guardrail.high)),
                    number(guardrail.bound),
                    guardrail.n.to_string(),
                ]
            })
            .collect();
        text.push('\n');
        text.push_str(&table(
            &["GUARDRAIL", "VERDICT", "ESTIMATE", "INTERVAL", "BOUND", "N"],
            &rows,
        ));
    }
    if !rollout.history.is_empty() {
        text.push('\n');
        for item in &rollout.history {
            let _ = writeln!(text, "{}  {}", item.at.0, item.text);
        }
    }
    text
}

fn percent(weight: u32) -> String {
    format!("{} %", f64::from(weight) / 100.0)
}
