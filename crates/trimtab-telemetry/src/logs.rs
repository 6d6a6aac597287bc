//! Logs go to stderr, as lines for people or as JSON; `TRIMTAB_LOG` filters them (default `info`).

use std::{io::IsTerminal as _, sync::OnceLock};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// The filter of this process's logs, once they are set up.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Colours are for terminals: in a file they are noise.
fn is_coloured() -> bool {
    let wants_none = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !wants_none && std::io::stderr().is_terminal()
}

/// Installs the log writer; a second call in one process changes nothing.
pub fn init_logs(format: LogFormat, default_filter: &str) {
    let filter =
        EnvFilter::try_from_env("TRIMTAB_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let (filter, handle) = reload::Layer::new(filter);
    let registry = tracing_subscriber::registry().with(filter);
    let installed = match format {
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .with_writer(std::io::stderr)
                    .with_ansi(is_coloured())
                    .with_target(false),
            )
            .try_init(),
        LogFormat::Json => registry
            .with(fmt::layer().json().with_writer(std::io::stderr))
            .try_init(),
    };
    if installed.is_err() {
        tracing::debug!("logs were set up already");
        return;
    }
    let _ = FILTER.set(handle);
}

/// The finest level that is written; `None` where this process's logs are not set up.
pub fn log_level() -> Option<LevelFilter> {
    let filter = FILTER.get()?;
    let level = filter.with_current(EnvFilter::max_level_hint).ok()?;
    // A filter that gives no bound may let everything through.
    Some(level.unwrap_or(LevelFilter::TRACE))
}

/// Writes what has this level or a coarser one from now on, in place of what `TRIMTAB_LOG` or the default said.
/// Answers whether there are logs to be set.
pub fn set_log_level(level: LevelFilter) -> bool {
    FILTER.get().is_some_and(|filter| {
        filter
            .reload(EnvFilter::default().add_directive(level.into()))
            .is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_changed_while_the_process_runs() {
        assert_eq!(log_level(), None);
        assert!(!set_log_level(LevelFilter::DEBUG));
        init_logs(LogFormat::Json, "warn");
        assert_eq!(log_level(), Some(LevelFilter::WARN));
        for level in [LevelFilter::DEBUG, LevelFilter::OFF, LevelFilter::INFO] {
            assert!(set_log_level(level));
            assert_eq!(log_level(), Some(level));
            assert_eq!(
                tracing::enabled!(tracing::Level::DEBUG),
                level >= tracing::Level::DEBUG
            );
        }
    }
}
