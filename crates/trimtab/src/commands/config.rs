//! `trimtab config show`.

use super::Context;
use crate::{cli::ConfigCommand, config::Flags, output::table};

pub(super) fn run(context: &Context, command: &ConfigCommand) -> anyhow::Result<()> {
    let ConfigCommand::Show = command;
    let config = context.config(Flags::default())?;
    let rows = config.rows();
    let answer: serde_json::Map<String, serde_json::Value> = rows
        .iter()
        .map(|(name, value, source)| {
            (
                (*name).to_owned(),
                serde_json::json!({ "value": value, "source": source }),
            )
        })
        .collect();
    context.output.answer(&answer, || {
        let cells: Vec<Vec<String>> = rows
            .iter()
            .map(|(name, value, source)| {
                let value = match value {
                    serde_json::Value::Null => "-".to_owned(),
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                vec![(*name).to_owned(), value, source.clone()]
            })
            .collect();
        let file = config.file.as_ref().map_or_else(
            || "no trimtab.toml was found\n".to_owned(),
            |path| format!("file {}\n", path.display()),
        );
        file + &table(&["SETTING", "VALUE", "FROM"], &cells)
    })
}
