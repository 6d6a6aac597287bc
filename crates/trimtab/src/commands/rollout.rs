//! `trimtab rollout`.

use std::fmt::Write as _;

use trimtab_edge_api::wire::{AbortRollout, Fired, List, Rollout, StartRollout};
use trimtab_types::RolloutId;

use super::Context;
use crate::{cli::RolloutCommand, client::segment, output::table};

pub(super) async fn run(context: &Context, command: RolloutCommand) -> anyhow::Result<()> {
    let client = context.client()?;
    match command {
        RolloutCommand::Show { what } => {
            if what.parse::<RolloutId>().is_ok() {
                let rollout: Rollout = client.get(&format!("rollouts/{what}")).await?;
                return context.output.answer(&rollout, || one(&rollout));
            }
            // An unknown endpoint is an error, not an empty list.
            let _: serde_json::Value = client.get(&format!("endpoints/{}", segment(&what))).await?;
            let rollouts: List<Rollout> = client
                .get(&format!("rollouts?endpoint={}", segment(&what)))
                .await?;
            context.output.answer(&rollouts, || many(&rollouts.items))
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
                format!(
                    "{}\nversion {version} is on its way to `{endpoint}` (plan {}); `trimtab rollout show {}` follows it\n",
                    fired.rollout, fired.plan, fired.rollout
                )
            })
        }
        RolloutCommand::Abort { id, reason } => {
            let rollout: Rollout = client
                .post(&format!("rollouts/{id}/abort"), &AbortRollout { reason })
                .await?;
            context.output.answer(&rollout, || one(&rollout))
        }
    }
}

fn many(rollouts: &[Rollout]) -> String {
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
