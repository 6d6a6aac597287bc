//! `trimtab apply`.

use std::{fmt::Write as _, fs};

use anyhow::Context as _;
use trimtab_edge_api::{
    desired::Desired,
    wire::{Applied, ApplyRequest, ProjectSource},
};

use super::Context;
use crate::{cli::ApplyArgs, output::table, project::Project, told::told};

pub(super) async fn run(context: &Context, args: ApplyArgs) -> anyhow::Result<()> {
    let file = args.folder.join("trimtab.yaml");
    let spec = fs::read_to_string(&file).with_context(|| {
        format!(
            "cannot read {} (hint: `trimtab apply DIR` names the folder with trimtab.yaml)",
            file.display()
        )
    })?;
    // Errors in the file are shown without asking a server.
    let desired =
        Desired::parse(&file.display().to_string(), &spec).map_err(|error| told(&error))?;
    let project = if desired.triggers.is_empty() {
        None
    } else {
        let project = Project::read(&args.folder)?;
        Some(ProjectSource {
            git: project.repository.display().to_string(),
            subfolder: project.subfolder,
            commit: project.commit,
        })
    };
    let request = ApplyRequest { spec, project };
    let applied: Applied = context.client()?.post("apply", &request).await?;
    context.output.answer(&applied, || {
        let rows: Vec<Vec<String>> = applied
            .objects
            .iter()
            .map(|object| {
                vec![
                    object.kind.clone(),
                    object.name.clone(),
                    object.change.clone(),
                ]
            })
            .collect();
        let mut text = format!("project {}", applied.project);
        if let Some(commit) = &applied.commit {
            let _ = write!(text, " at {commit}");
        }
        text.push('\n');
        text + &table(&["KIND", "NAME", "CHANGE"], &rows)
    })
}
