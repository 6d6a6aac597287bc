//! `trimtab export`.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use trimtab_transfer::{ExportOptions, ExportReport, Peer, export};

use super::{
    Context,
    import::{explain, peer_token, progress, require_another, resolve, trimtab},
};
use crate::told::{Exit, Told};

/// To which tool.
#[derive(Debug, Subcommand)]
pub(crate) enum ExportCommand {
    /// MLflow: everything, written through the REST API of its server. Again, it writes only what is not there.
    Mlflow(ExportMlflowArgs),
}

/// Options of `trimtab export mlflow`.
#[derive(Debug, Args)]
pub(crate) struct ExportMlflowArgs {
    /// The MLflow server: http(s)://[USER:PASSWORD@]HOST, or env:NAME, or file:/path.
    #[arg(value_name = "URL")]
    pub(crate) target: String,
    /// Only this experiment, without models; may be given several times.
    #[arg(long = "experiment", value_name = "NAME")]
    pub(crate) experiments: Vec<String>,
    /// Leave the files out.
    #[arg(long)]
    pub(crate) no_artifacts: bool,
}

pub(super) async fn run(context: &Context, command: ExportCommand) -> anyhow::Result<()> {
    let ExportCommand::Mlflow(args) = command;
    let address = resolve(&args.target)?;
    if !address.starts_with("http://") && !address.starts_with("https://") {
        let scheme = address.split("://").next().unwrap_or_default();
        return Err(Told::new(
            Exit::Refused,
            format!("`{scheme}` is no MLflow server: an export is written by HTTP"),
        )
        .hint("start one on that store with `mlflow server`, and name it: http://127.0.0.1:5000")
        .into());
    }
    require_another(context, &address).await?;
    let target = Peer::mlflow(&address, peer_token()).map_err(|error| explain(&error))?;
    let source = trimtab(context)?;
    let bar = progress();
    let options = ExportOptions {
        experiments: args.experiments,
        artifacts: !args.no_artifacts,
    };
    let report = export(&source, &target, &options, &|said| {
        bar.set_message(said.to_owned());
    })
    .await;
    bar.finish_and_clear();
    let report = report.map_err(|error| explain(&error))?;
    context.output.answer(&report, || describe(&report))
}

fn describe(report: &ExportReport) -> String {
    let mut text = format!(
        "{} experiments made; {} runs written, {} were there; {} points, {} logged models, {} models, {} versions, {} files ({} bytes)\n",
        report.experiments,
        report.runs,
        report.runs_unchanged,
        report.points,
        report.logged_models,
        report.models,
        report.versions,
        report.files,
        report.bytes
    );
    for line in &report.skipped {
        let _ = writeln!(text, "skipped: {line}");
    }
    text
}
