//! `trimtab apply`.

use std::{fmt::Write as _, fs};

use trimtab_edge_api::{
    desired::Desired,
    wire::{Applied, ApplyRequest, Endpoint, ProjectSource},
};

use super::Context;
use crate::{
    cli::ApplyArgs,
    client::{Client, segment},
    output::table,
    project::Project,
    told::{Exit, Told, told},
};

/// How often endpoints without a champion are looked at again, in all.
const LOOKS: u32 = 4;
/// The time between two looks.
const LOOK: std::time::Duration = std::time::Duration::from_millis(500);

pub(super) async fn run(context: &Context, args: ApplyArgs) -> anyhow::Result<()> {
    let file = args.folder.join("trimtab.yaml");
    let spec = fs::read_to_string(&file).map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("cannot read {}: {error}", file.display()),
        )
        .hint("`trimtab apply DIR` names the folder with trimtab.yaml")
    })?;
    // Errors in the file are shown without asking a server.
    let desired =
        Desired::parse(&file.display().to_string(), &spec).map_err(|error| told(&error))?;
    let project = if desired.triggers.is_empty() {
        None
    } else {
        let project = Project::read(&args.folder)?;
        if let Some(warning) = project.uncommitted() {
            context.output.note(&warning);
        }
        Some(ProjectSource {
            git: project.repository.display().to_string(),
            subfolder: project.subfolder,
            commit: project.commit,
        })
    };
    let request = ApplyRequest { spec, project };
    let client = context.client()?;
    let applied: Applied = client.post("apply", &request).await?;
    for waiting in waiting(&client, &applied).await? {
        context.output.note(&waiting);
    }
    context.output.answer(&applied, || {
        let rows: Vec<Vec<String>> = applied
            .objects
            .iter()
            .map(|object| {
                vec![
                    object.kind.clone(),
                    object.name.clone(),
                    match object.change.as_str() {
                        "left" => "left (not in the file)".to_owned(),
                        change => change.to_owned(),
                    },
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

/// What the endpoints of the file wait for, when the loop has had a moment to look.
async fn waiting(client: &Client, applied: &Applied) -> anyhow::Result<Vec<String>> {
    let mut told = Vec::new();
    let mut patience = LOOKS;
    let endpoints = applied
        .objects
        .iter()
        .filter(|object| object.kind == "endpoint" && object.change != "left");
    for object in endpoints {
        let path = format!("endpoints/{}", segment(&object.name));
        let mut endpoint: Endpoint = client.get(&path).await?;
        while endpoint.waiting.is_some() && patience > 0 {
            patience -= 1;
            tokio::time::sleep(LOOK).await;
            endpoint = client.get(&path).await?;
        }
        if let Some(waiting) = endpoint.waiting {
            let hint = waiting
                .hint
                .map_or_else(String::new, |hint| format!("\nhint: {hint}"));
            told.push(format!(
                "warning: endpoint `{}` has no champion yet: {}{hint}",
                object.name, waiting.message
            ));
        }
    }
    Ok(told)
}
