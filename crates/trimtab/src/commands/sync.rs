//! `trimtab sync`: what was spooled while the server was away goes to it.

use std::{fmt::Write as _, path::PathBuf};

use clap::Args;

use super::{Context, import};
use crate::{
    recording::{Delivery, deliver, spools},
    told::{self, Exit, Told},
};

/// Options of `trimtab sync`.
#[derive(Debug, Args)]
pub(crate) struct SyncArgs {
    /// The folder whose `.trimtab/spool` is delivered.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

pub(super) async fn run(context: &Context, args: SyncArgs) -> anyhow::Result<()> {
    if !args.folder.is_dir() {
        return Err(Told::new(
            Exit::Refused,
            format!("there is no folder `{}`", args.folder.display()),
        )
        .hint("name the folder in which `trimtab run` was called")
        .into());
    }
    let bar = import::progress();
    let mut delivered = Vec::new();
    let mut failed = None;
    let mut staying = 0;
    for spool in spools(&args.folder)? {
        let result = deliver(
            &spool,
            context.global.server.as_deref(),
            context.global.workspace.as_deref(),
            &|said| bar.set_message(said.to_owned()),
        )
        .await;
        match result {
            Ok(delivery) => delivered.push(delivery),
            // The next one may belong to another server.
            Err(error) => {
                let (said, exit) = told::explain(&error);
                let said = said.trim_start_matches("error: ");
                let said = said.split("\n\nhint: ").next().unwrap_or(said);
                context
                    .output
                    .note(&format!("{} stays: {said}", spool.display()));
                staying += 1;
                failed = Some(exit);
            }
        }
    }
    bar.finish_and_clear();
    context.output.answer(&delivered, || describe(&delivered))?;
    match failed {
        None => Ok(()),
        Some(exit) => Err(Told::new(exit, format!("{staying} spools were not delivered"))
            .hint("run `trimtab sync` again when what is said above is mended: it goes on where it stopped")
            .into()),
    }
}

fn describe(delivered: &[Delivery]) -> String {
    if delivered.is_empty() {
        return "nothing waits here to be delivered\n".to_owned();
    }
    let mut text = String::new();
    for delivery in delivered {
        let report = &delivery.report;
        let _ = writeln!(
            text,
            "{}: {} runs, {} points, {} files ({} bytes), {} logged models, {} versions are at {}",
            delivery.spool.display(),
            report.runs + report.runs_unchanged,
            report.points,
            report.files,
            report.bytes,
            report.logged_models + report.logged_models_unchanged,
            report.versions,
            delivery.server
        );
        for line in &report.skipped {
            let _ = writeln!(text, "skipped: {line}");
        }
    }
    text
}
