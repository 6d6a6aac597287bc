//! `trimtab gc`: what was deleted goes for good.

use clap::Args;
use trimtab_edge_api::wire::{GcAnswer, GcRequest};

use super::Context;
use crate::told::{Exit, Told};

/// Options of `trimtab gc`: those of `mlflow gc`.
#[derive(Debug, Args)]
pub(crate) struct GcArgs {
    /// Only what was deleted at least so long ago: 30d, 8h, 2d8h5m20s.
    #[arg(long, value_name = "AGE")]
    pub(crate) older_than: Option<String>,
    /// Only these runs, separated by commas.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) run_ids: Option<Vec<String>>,
    /// Only these experiments, with all in them, separated by commas.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) experiment_ids: Option<Vec<String>>,
    /// Only these logged models, separated by commas.
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    pub(crate) logged_model_ids: Option<Vec<String>>,
    /// In every workspace.
    #[arg(long)]
    pub(crate) all_workspaces: bool,
    /// The server, as `mlflow gc` names it; the same as --server.
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    pub(crate) tracking_uri: Option<String>,
    /// Taken for `mlflow gc`'s sake: this server keeps no jobs.
    #[arg(long, hide = true)]
    pub(crate) jobs: bool,
    /// Taken for `mlflow gc`'s sake: this server keeps no jobs.
    #[arg(long, hide = true, value_name = "IDS")]
    pub(crate) job_ids: Option<String>,
    /// Refused: a server owns its database.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) backend_store_uri: Option<String>,
    /// Refused: a server owns its artifacts.
    #[arg(long, hide = true, value_name = "URI")]
    pub(crate) artifacts_destination: Option<String>,
}

pub(super) async fn run(context: &Context, args: GcArgs) -> anyhow::Result<()> {
    if args.backend_store_uri.is_some() || args.artifacts_destination.is_some() {
        return Err(Told::new(
            Exit::Usage,
            "`trimtab gc` asks the server, which owns its database and its artifacts",
        )
        .hint("leave --backend-store-uri and --artifacts-destination out, and name the server with --server URL")
        .into());
    }
    let request = GcRequest {
        older_than_s: args.older_than.as_deref().map(seconds).transpose()?,
        run_ids: args.run_ids,
        experiment_ids: args.experiment_ids,
        logged_model_ids: args.logged_model_ids,
        all_workspaces: args.all_workspaces,
    };
    let client = match &args.tracking_uri {
        Some(url) => context.client_of(url)?,
        None => context.client()?,
    };
    let answer: GcAnswer = client.post("gc", &request).await?;
    context.output.answer(&answer, || text(&answer))
}

fn text(answer: &GcAnswer) -> String {
    let mut lines = vec![format!(
        "removed for good: {}, {}, {}, {}",
        count(answer.runs, "run"),
        count(answer.logged_models, "logged model"),
        count(answer.experiments, "experiment"),
        count(answer.files, "file"),
    )];
    if answer.foreign > 0 {
        let foreign = answer.foreign;
        lines.push(format!(
            "{foreign} of them had files in another store, which stay there"
        ));
    }
    if answer.kept > 0 {
        let kept = answer.kept;
        lines.push(format!("{kept} of what was deleted stay:"));
        lines.extend(answer.kept_names.iter().map(|name| format!("  {name}")));
    }
    lines.join("\n")
}

fn count(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// An age as `mlflow gc` writes it: days, hours, minutes, seconds, each at most once and in this order.
fn seconds(text: &str) -> anyhow::Result<f64> {
    let wrong = || {
        Told::new(
            Exit::Usage,
            format!("Could not parse any time information from '{text}'"),
        )
        .hint("write it as 30d, 8h, 2d8h5m20s")
    };
    let (mut rest, mut total, mut is_empty) = (text, 0.0, true);
    for (unit, size) in [('d', 86_400.0), ('h', 3_600.0), ('m', 60.0), ('s', 1.0)] {
        let Some((number, after)) = rest.split_once(unit) else {
            continue;
        };
        let is_number = number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: f64 = number.parse().map_err(|_| wrong())?;
        if !is_number {
            return Err(wrong().into());
        }
        total += number * size;
        rest = after;
        is_empty = false;
    }
    if is_empty || !rest.is_empty() {
        return Err(wrong().into());
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_as_mlflow_writes_them() {
        for (text, expected) in [
            ("30d", 2_592_000.0),
            ("8h", 28_800.0),
            ("2d8h5m20s", 201_920.0),
            ("2m4s", 124.0),
            ("1.5h", 5_400.0),
            ("0s", 0.0),
        ] {
            let read = seconds(text).unwrap();
            assert!((read - expected).abs() < 1e-9, "{text}: {read}");
        }
        for bad in [
            "", "5", "5x", "h", "s5", "5s3d", "-1d", "1e3s", "inf s", "2d 3h",
        ] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
