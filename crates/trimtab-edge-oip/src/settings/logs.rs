//! How much is logged. Levels nest here: who logs information logs warnings and errors too.

use tracing::level_filters::LevelFilter;
use trimtab_edge::Failure;
use trimtab_telemetry::{log_level, set_log_level};
use trimtab_types::ErrorCode;

/// How much is logged, in the protocol's terms. The log itself goes to stderr, with times as ISO 8601 writes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogSettings {
    pub(crate) info: bool,
    pub(crate) warning: bool,
    pub(crate) error: bool,
    /// 1: what helps to find a fault; 2 and more: everything.
    pub(crate) verbose: u32,
}

/// A change; what it leaves out stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LogUpdate {
    pub(crate) file: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) info: Option<bool>,
    pub(crate) warning: Option<bool>,
    pub(crate) error: Option<bool>,
    pub(crate) verbose: Option<u32>,
}

impl LogSettings {
    pub(crate) const FILE: &'static str = "";
    pub(crate) const FORMAT: &'static str = "ISO8601";

    /// How much is logged now.
    pub(crate) fn now() -> Self {
        Self::of(log_level().unwrap_or(LevelFilter::OFF))
    }

    /// Changes it, for the whole process.
    pub(crate) fn change(update: &LogUpdate) -> Result<Self, Failure> {
        let refused = |what: &str| Err(Failure::new(ErrorCode::Unsupported, what));
        if update
            .file
            .as_deref()
            .is_some_and(|file| file != Self::FILE)
        {
            return refused("the log goes to stderr, and no client can send it to a file");
        }
        if update
            .format
            .as_deref()
            .is_some_and(|format| format != Self::FORMAT)
        {
            return refused("times in the log are written as ISO 8601, and in no other way");
        }
        let before = log_level().unwrap_or(LevelFilter::OFF);
        let level = update.level(before);
        if level != before && !set_log_level(level) {
            return Err(Failure::new(
                ErrorCode::Unavailable,
                "this process has no log that could be set",
            ));
        }
        Ok(Self::of(level))
    }

    fn of(level: LevelFilter) -> Self {
        Self {
            info: level >= LevelFilter::INFO,
            warning: level >= LevelFilter::WARN,
            error: level >= LevelFilter::ERROR,
            verbose: if level >= LevelFilter::TRACE {
                2
            } else {
                u32::from(level >= LevelFilter::DEBUG)
            },
        }
    }
}

impl LogUpdate {
    /// The level that comes of it. What is switched off takes the finer ones with it, what is switched on brings the
    /// coarser ones; the coarsest word counts last.
    fn level(&self, before: LevelFilter) -> LevelFilter {
        let mut level = before;
        match self.verbose {
            Some(0) => level = level.min(LevelFilter::INFO),
            Some(1) => level = LevelFilter::DEBUG,
            Some(_) => level = LevelFilter::TRACE,
            None => {}
        }
        for (switch, own, coarser) in [
            (self.info, LevelFilter::INFO, LevelFilter::WARN),
            (self.warning, LevelFilter::WARN, LevelFilter::ERROR),
            (self.error, LevelFilter::ERROR, LevelFilter::OFF),
        ] {
            match switch {
                Some(true) => level = level.max(own),
                Some(false) => level = level.min(coarser),
                None => {}
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_nest() {
        let check = |update: LogUpdate, before, expected| {
            assert_eq!(update.level(before), expected, "{update:?} {before}");
        };
        let info = |info| LogUpdate {
            info: Some(info),
            ..LogUpdate::default()
        };
        check(LogUpdate::default(), LevelFilter::WARN, LevelFilter::WARN);
        check(info(false), LevelFilter::DEBUG, LevelFilter::WARN);
        check(info(true), LevelFilter::ERROR, LevelFilter::INFO);
        check(info(true), LevelFilter::TRACE, LevelFilter::TRACE);
        let verbose = |verbose| LogUpdate {
            verbose: Some(verbose),
            ..LogUpdate::default()
        };
        check(verbose(0), LevelFilter::TRACE, LevelFilter::INFO);
        check(verbose(0), LevelFilter::ERROR, LevelFilter::ERROR);
        check(verbose(1), LevelFilter::OFF, LevelFilter::DEBUG);
        check(verbose(7), LevelFilter::OFF, LevelFilter::TRACE);
        let silent = LogUpdate {
            error: Some(false),
            verbose: Some(2),
            ..LogUpdate::default()
        };
        check(silent, LevelFilter::INFO, LevelFilter::OFF);
    }

    #[test]
    fn every_level_is_told_as_it_is() {
        let of = |level| {
            let settings = LogSettings::of(level);
            (
                settings.error,
                settings.warning,
                settings.info,
                settings.verbose,
            )
        };
        assert_eq!(of(LevelFilter::OFF), (false, false, false, 0));
        assert_eq!(of(LevelFilter::WARN), (true, true, false, 0));
        assert_eq!(of(LevelFilter::INFO), (true, true, true, 0));
        assert_eq!(of(LevelFilter::DEBUG), (true, true, true, 1));
        assert_eq!(of(LevelFilter::TRACE), (true, true, true, 2));
    }

    #[test]
    fn what_cannot_be_set_is_refused() {
        for update in [
            LogUpdate {
                file: Some("/tmp/x".to_owned()),
                ..LogUpdate::default()
            },
            LogUpdate {
                format: Some("default".to_owned()),
                ..LogUpdate::default()
            },
        ] {
            let refused = LogSettings::change(&update).unwrap_err();
            assert_eq!(refused.code, ErrorCode::Unsupported);
        }
    }
}
