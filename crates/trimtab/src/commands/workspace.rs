//! `trimtab workspace`.

use trimtab_edge_api::wire::{List, NewWorkspace, WorkspaceInfo};

use super::Context;
use crate::{cli::WorkspaceCommand, output::table};

pub(super) async fn run(context: &Context, command: WorkspaceCommand) -> anyhow::Result<()> {
    match command {
        WorkspaceCommand::Create { name } => {
            let made: WorkspaceInfo = context
                .client()?
                .post("workspaces", &NewWorkspace { name })
                .await?;
            context.output.answer(&made, || {
                format!(
                    "workspace `{0}` is made; act in it with `--workspace {0}`\n",
                    made.name
                )
            })
        }
        WorkspaceCommand::List => {
            let workspaces: List<WorkspaceInfo> = context.client()?.get("workspaces").await?;
            context
                .output
                .answer(&workspaces, || list(&workspaces.items))
        }
    }
}

fn list(workspaces: &[WorkspaceInfo]) -> String {
    let rows: Vec<Vec<String>> = workspaces
        .iter()
        .map(|workspace| {
            vec![
                workspace.name.clone(),
                workspace.created_at.0.to_string(),
                workspace.created_by.clone(),
            ]
        })
        .collect();
    table(&["NAME", "MADE", "BY"], &rows)
}
