//! Errors as a person reads them: what went wrong, what to do about it, and the exit code.

use std::fmt;

use trimtab_types::{Coded, ErrorCode};

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Something failed.
    Failed = 1,
    /// The command line is wrong; clap's own.
    Usage = 2,
    /// The server cannot be reached.
    Unreachable = 3,
    /// The server, or the input, says no.
    Refused = 4,
    /// Somebody ended it; as shells say it of Ctrl-C.
    Interrupted = 130,
}

/// An error with what to do about it.
#[derive(Debug)]
pub(crate) struct Told {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Told {
    /// An error of that kind.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            exit,
        }
    }

    /// How the process ends with it.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The same with what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Told {}

/// A service's error with its causes and its hint.
pub(crate) fn told(error: &impl Coded) -> anyhow::Error {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !message.ends_with(&said) {
            message = format!("{message}: {said}");
        }
        source = cause.source();
    }
    // What a server would refuse is refused here too, with the same exit code.
    let exit = match error.code() {
        ErrorCode::Invalid { .. }
        | ErrorCode::NotFound
        | ErrorCode::AlreadyExists
        | ErrorCode::Conflict
        | ErrorCode::Denied
        | ErrorCode::Unauthenticated
        | ErrorCode::Unsupported => Exit::Refused,
        ErrorCode::Limited { .. }
        | ErrorCode::Unavailable
        | ErrorCode::DeadlineExceeded
        | ErrorCode::Internal => Exit::Failed,
    };
    let mut told = Told::new(exit, message);
    told.hint = error.hint();
    told.into()
}

/// What goes to stderr, and how the process ends.
pub(crate) fn explain(error: &anyhow::Error) -> (String, Exit) {
    let mut text = String::new();
    let mut hint = None;
    let mut exit = Exit::Failed;
    for cause in error.chain() {
        if let Some(told) = cause.downcast_ref::<Told>() {
            exit = told.exit;
            hint = hint.or_else(|| told.hint.clone());
        }
        let said = cause.to_string();
        // Messages may carry their hint in brackets at their end.
        let (said, inner) = match said
            .trim_end()
            .strip_suffix(')')
            .and_then(|s| s.rsplit_once("(hint: "))
        {
            Some((said, inner)) => (said.trim_end().to_owned(), Some(inner.to_owned())),
            None => (said, None),
        };
        hint = hint.or(inner);
        if text.is_empty() {
            text = said;
        } else if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
    }
    let mut lines = format!("error: {text}");
    if let Some(hint) = hint {
        lines.push_str("\n\nhint: ");
        lines.push_str(&hint);
    }
    (lines, exit)
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn hints_come_last_wherever_they_were_said() {
        let refused: anyhow::Error = Told::new(Exit::Refused, "no").hint("do that").into();
        let (text, exit) = explain(&refused.context("cannot apply"));
        assert_eq!(text, "error: cannot apply: no\n\nhint: do that");
        assert_eq!(exit, Exit::Refused);
        let bracketed = anyhow!("no commit (hint: git commit)").context("cannot read");
        assert_eq!(
            explain(&bracketed).0,
            "error: cannot read: no commit\n\nhint: git commit"
        );
        let plain = Err::<(), _>(anyhow!("broken"))
            .context("broken")
            .unwrap_err();
        assert_eq!(explain(&plain).0, "error: broken");
    }
}
