//! `trimtab server`.

use trimtab_telemetry::LogFormat;

use super::{Context, logs, told_to_stop};
use crate::{
    cli::{ClockArg, ServerArgs},
    config::Flags,
    serve::{self, ServerConfig},
    told::{Exit, Told},
};

pub(super) async fn run(context: &Context, args: ServerArgs) -> anyhow::Result<()> {
    let config = context.config(Flags {
        data_dir: args.data_dir,
        listen: args.listen,
        database: args.database,
        python: args.python,
        insecure_no_auth: args.insecure_no_auth,
    })?;
    let format = match config.log_format.value.as_str() {
        "text" => LogFormat::Text,
        "json" => LogFormat::Json,
        other => {
            return Err(
                Told::new(Exit::Usage, format!("`log_format` cannot be `{other}`"))
                    .hint("it is `text` or `json`")
                    .into(),
            );
        }
    };
    logs(format, "info");
    let mut server = ServerConfig::of(&config)?;
    if args.clock == ClockArg::Replay {
        server.replay_from = Some(
            args.replay_from
                .unwrap_or(trimtab_types::Time::from_micros(0)),
        );
    }
    // Asked for before the start, so that a signal during it is not lost.
    let mut stop = std::pin::pin!(told_to_stop());
    let running = tokio::select! {
        running = serve::start(server) => running?,
        stopped = &mut stop => return stopped,
    };
    let url = running.url.clone();
    let data_dir = config.data_dir.value.display().to_string();
    let answer = serde_json::json!({ "url": url, "data_dir": data_dir });
    context.output.answer(&answer, || {
        format!(
            "Trimtab {} is at {url} (data in {data_dir})\n\n  export MLFLOW_TRACKING_URI={url}\n",
            env!("CARGO_PKG_VERSION")
        )
    })?;
    stop.await?;
    context
        .output
        .note("stopping: requests in flight finish (once more ends at once)");
    tokio::select! {
        () = running.shutdown() => {}
        stopped = told_to_stop() => return stopped,
    }
    Ok(())
}
