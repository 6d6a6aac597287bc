//! `trimtab lineage`.

use std::fmt::Write as _;

use trimtab_edge_api::wire::{Lineage, ObjectRef};

use super::Context;
use crate::{
    cli::{LineageArgs, Way},
    client::segment,
    told::{Exit, Told},
};

pub(super) async fn run(context: &Context, args: LineageArgs) -> anyhow::Result<()> {
    let mut path = format!("lineage/{}/{}", segment(&args.kind), segment(&args.id));
    match args.direction {
        Some(Way::Upstream) => path.push_str("?direction=upstream"),
        Some(Way::Downstream) => path.push_str("?direction=downstream"),
        None => {}
    }
    let lineage: Lineage = context.client()?.get(&path).await.map_err(|error| {
        // The server knows no name of a dataset, and a model by its version: say what an id is.
        match (args.kind.as_str(), error.downcast_ref::<Told>()) {
            ("dataset", Some(told)) if is_missing(told) => {
                again(told, "name a dataset version by its id: the console's Data page and `GET /api/v1/datasets` list them")
            }
            ("model", Some(told)) if is_missing(told) => {
                again(told, "name a model version as NAME/VERSION")
            }
            _ => error,
        }
    })?;
    context.output.answer(&lineage, || text(&lineage))
}

/// Whether the server has no such object; another refusal has a hint of its own.
fn is_missing(told: &Told) -> bool {
    told.exit() == Exit::Refused && told.to_string().starts_with("there is no ")
}

fn again(told: &Told, hint: &str) -> anyhow::Error {
    Told::new(Exit::Refused, told.to_string()).hint(hint).into()
}

fn text(lineage: &Lineage) -> String {
    let is_upstream = lineage.direction == "upstream";
    let mut text = format!("{}\n", name(&lineage.node));
    let mut shown = vec![lineage.node.clone()];
    branch(
        lineage,
        &lineage.node,
        is_upstream,
        1,
        &mut shown,
        &mut text,
    );
    for touched in &lineage.predictions {
        let versions: Vec<String> = touched.versions.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            text,
            "touched {} predictions of endpoint {} ({} to {}), by version {}",
            touched.rows,
            touched.endpoint,
            touched.from.0,
            touched.to.0,
            versions.join(", ")
        );
    }
    if lineage.edges.is_empty() {
        text.push_str("nothing is known beyond it\n");
    }
    text
}

fn branch(
    lineage: &Lineage,
    node: &ObjectRef,
    is_upstream: bool,
    depth: usize,
    shown: &mut Vec<ObjectRef>,
    text: &mut String,
) {
    for edge in &lineage.edges {
        let (here, next) = if is_upstream {
            (&edge.from, &edge.to)
        } else {
            (&edge.to, &edge.from)
        };
        if here != node {
            continue;
        }
        let relation = edge.relation.replace('_', " ");
        let line = if is_upstream {
            format!("{}{relation} {}\n", "  ".repeat(depth), name(next))
        } else {
            format!("{}{} {relation} it\n", "  ".repeat(depth), name(next))
        };
        text.push_str(&line);
        if !shown.contains(next) {
            shown.push(next.clone());
            branch(lineage, next, is_upstream, depth + 1, shown, text);
        }
    }
}

fn name(node: &ObjectRef) -> String {
    format!("{} {}", node.kind.replace('_', " "), node.id)
}
