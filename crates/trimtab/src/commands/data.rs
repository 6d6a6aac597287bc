//! `trimtab data version`.

use std::{fs, path::Path};

use trimtab_edge_api::wire::{DatasetFromEvents, DatasetVersion, Timestamp};

use super::Context;
use crate::{
    cli::{DataCommand, DataVersionArgs},
    client::segment,
    told::{Exit, Told},
};

pub(super) async fn run(context: &Context, command: DataCommand) -> anyhow::Result<()> {
    let DataCommand::Version(args) = command;
    let client = context.client()?;
    let version: DatasetVersion = match (&args.from_events, &args.file) {
        (Some(endpoint), _) => {
            let request = of_events(endpoint, &args);
            client.post("datasets/from-events", &request).await?
        }
        (None, Some(file)) => {
            let bytes = fs::read(file).map_err(|error| {
                Told::new(
                    Exit::Refused,
                    format!("cannot read {}: {error}", file.display()),
                )
            })?;
            let name = args.name.clone().unwrap_or_else(|| stem(file));
            let mut path = format!(
                "datasets?name={}&file={}",
                segment(&name),
                segment(&file.file_name().unwrap_or_default().to_string_lossy())
            );
            if let Some(column) = &args.time_column {
                path.push_str("&time_column=");
                path.push_str(&segment(column));
            }
            client.post_bytes(&path, bytes).await?
        }
        (None, None) => anyhow::bail!("name a file, or an endpoint with --from-events"),
    };
    context.output.answer(&version, || {
        let span = match (version.from, version.to) {
            (Some(from), Some(to)) => format!(", {} to {}", from.0, to.0),
            _ => String::new(),
        };
        format!(
            "{}\n{} version {}: {} rows, {} columns{span}\n",
            version.id,
            version.name,
            version.number,
            version.rows,
            version.columns.len()
        )
    })
}

fn of_events(endpoint: &str, args: &DataVersionArgs) -> DatasetFromEvents {
    DatasetFromEvents {
        endpoint: endpoint.to_owned(),
        name: args.name.clone(),
        from: args.from.map(Timestamp),
        to: args.to.map(Timestamp),
        labelled: args.labelled,
        exclude_quarantined: args.exclude_quarantined,
        as_of: args.as_of.map(Timestamp),
    }
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default()
}
