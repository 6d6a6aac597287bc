//! Which requests are traced: every so many of an endpoint, each a line in the log that says where its time went.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use trimtab_edge::Failure;
use trimtab_serving::Prediction;
use trimtab_types::{ErrorCode, Name, Scope, WorkspaceId};

use super::{Texts, Updates};

/// The trace settings of every workspace; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Whether any request may have to be traced: what untraced requests look at.
    is_any_on: AtomicBool,
    workspaces: Mutex<HashMap<WorkspaceId, Workspace>>,
}

#[derive(Debug, Default)]
struct Workspace {
    all: Tracing,
    /// Of endpoints that have settings of their own.
    of: HashMap<Name, Tracing>,
}

/// The settings of one endpoint, or of all that have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tracing {
    is_on: bool,
    /// One of so many requests is traced.
    rate: u32,
    /// How many will still be traced; below zero, without end.
    left: i32,
    seen: u32,
}

impl Default for Tracing {
    fn default() -> Self {
        Self {
            is_on: false,
            rate: 1_000,
            left: -1,
            seen: 0,
        }
    }
}

impl Traces {
    /// The settings that hold for an endpoint, or for all that have none of their own.
    pub(crate) fn get(&self, scope: &Scope, name: Option<&Name>) -> Texts {
        let workspaces = self.lock();
        let tracing = workspaces
            .get(&scope.workspace)
            .map_or_else(Tracing::default, |workspace| workspace.get(name));
        tracing.texts()
    }

    /// Changes them, all or none, and answers what holds then.
    pub(crate) fn change(
        &self,
        scope: &Scope,
        name: Option<&Name>,
        updates: &Updates,
    ) -> Result<Texts, Failure> {
        let mut workspaces = self.lock();
        let workspace = workspaces.entry(scope.workspace.clone()).or_default();
        let mut tracing = workspace.get(name);
        let otherwise = match name {
            Some(_) => workspace.all,
            None => Tracing::default(),
        };
        for (key, value) in updates {
            tracing.set(key, value.as_deref(), otherwise)?;
        }
        tracing.seen = 0;
        match name {
            Some(name) => {
                workspace.of.insert(name.clone(), tracing);
            }
            None => workspace.all = tracing,
        }
        let is_any_on = workspaces
            .values()
            .any(|workspace| workspace.all.is_on || workspace.of.values().any(|of| of.is_on));
        self.0.is_any_on.store(is_any_on, Ordering::Relaxed);
        Ok(tracing.texts())
    }

    /// Tells of an answered request, where it is one that is traced.
    pub(crate) fn tell(
        &self,
        scope: &Scope,
        name: &Name,
        id: Option<&str>,
        prediction: &Prediction,
    ) {
        if !self.0.is_any_on.load(Ordering::Relaxed) || !self.is_due(scope, name) {
            return;
        }
        let spent = &prediction.spent;
        tracing::info!(
            target: "trace",
            endpoint = %name,
            version = prediction.version,
            prediction_id = %prediction.prediction_id,
            request_id = id.unwrap_or(""),
            rows = prediction.rows,
            queue_ns = nanos(spent.queue),
            compute_input_ns = nanos(spent.input),
            compute_infer_ns = nanos(spent.infer),
            compute_output_ns = nanos(spent.output),
            total_ns = nanos(spent.total),
            "request traced"
        );
    }

    /// Whether this request is the one of so many.
    fn is_due(&self, scope: &Scope, name: &Name) -> bool {
        let mut workspaces = self.lock();
        let Some(workspace) = workspaces.get_mut(&scope.workspace) else {
            return false;
        };
        match workspace.of.get_mut(name) {
            Some(own) => own.is_due(),
            None => workspace.all.is_due(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<WorkspaceId, Workspace>> {
        self.0
            .workspaces
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Workspace {
    fn get(&self, name: Option<&Name>) -> Tracing {
        name.and_then(|name| self.of.get(name))
            .copied()
            .unwrap_or(self.all)
    }
}

impl Tracing {
    fn is_due(&mut self) -> bool {
        if !self.is_on || self.left == 0 {
            return false;
        }
        self.seen += 1;
        if self.seen < self.rate {
            return false;
        }
        self.seen = 0;
        if self.left > 0 {
            self.left -= 1;
        }
        true
    }

    /// Sets one value; none of it sets what would hold otherwise.
    fn set(&mut self, key: &str, value: Option<&[String]>, otherwise: Self) -> Result<(), Failure> {
        let refused = |reason: String| Failure::invalid(key, format!("`{key}`: {reason}"));
        let one = |values: &[String]| match values {
            [value] => Ok(value.clone()),
            _ => Err(refused("one value is wanted".to_owned())),
        };
        let number = |values: &[String]| {
            let text = one(values)?;
            text.parse::<i32>()
                .map_err(|_| refused(format!("`{text}` is no number that fits")))
        };
        match (key, value) {
            ("trace_level", None) => self.is_on = otherwise.is_on,
            ("trace_level", Some(levels)) => {
                if let Some(other) = levels
                    .iter()
                    .find(|level| !matches!(level.as_str(), "OFF" | "TIMESTAMPS"))
                {
                    return Err(Failure::new(
                        ErrorCode::Unsupported,
                        format!("`trace_level` {other} is not known: use OFF or TIMESTAMPS"),
                    )
                    .hint("inputs and outputs of every prediction are in the event log"));
                }
                self.is_on = levels.iter().any(|level| level == "TIMESTAMPS");
            }
            ("trace_rate", None) => self.rate = otherwise.rate,
            ("trace_rate", Some(values)) => {
                self.rate = u32::try_from(number(values)?)
                    .ok()
                    .filter(|rate| *rate > 0)
                    .ok_or_else(|| refused("it must be 1 or more".to_owned()))?;
            }
            ("trace_count", None) => self.left = otherwise.left,
            ("trace_count", Some(values)) => {
                self.left = number(values)?;
                if self.left < -1 {
                    return Err(refused("it must be -1 (without end) or more".to_owned()));
                }
            }
            // Nothing is gathered: each trace is written as it comes.
            ("log_frequency", None) => {}
            ("log_frequency", Some(values)) if number(values)? == 0 => {}
            ("trace_file", None) => {}
            ("trace_file" | "log_frequency", Some(_)) => {
                return Err(Failure::new(
                    ErrorCode::Unsupported,
                    format!("`{key}` cannot be set: traces go to the server's log, one by one"),
                ));
            }
            _ => return Err(refused("there is no such trace setting".to_owned())),
        }
        Ok(())
    }

    fn texts(self) -> Texts {
        let level = if self.is_on { "TIMESTAMPS" } else { "OFF" };
        [
            ("trace_level", level.to_owned()),
            ("trace_rate", self.rate.to_string()),
            ("trace_count", self.left.to_string()),
            ("log_frequency", "0".to_owned()),
            ("trace_file", String::new()),
            ("trace_mode", "triton".to_owned()),
        ]
        .into_iter()
        .map(|(key, value)| (key, vec![value]))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn updates(pairs: &[(&str, Option<&str>)]) -> Updates {
        let value = |value: Option<&str>| value.map(|text| vec![text.to_owned()]);
        pairs
            .iter()
            .map(|(key, of)| ((*key).to_owned(), value(*of)))
            .collect()
    }

    #[test]
    fn every_so_many_requests_are_due_until_the_count_is_used_up() {
        let (traces, scope) = (Traces::default(), Scope::local());
        let (a, b): (Name, Name) = ("a".parse().unwrap(), "b".parse().unwrap());
        let on = updates(&[
            ("trace_level", Some("TIMESTAMPS")),
            ("trace_rate", Some("3")),
            ("trace_count", Some("2")),
        ]);
        let texts = traces.change(&scope, Some(&a), &on).unwrap();
        assert_eq!(texts["trace_level"], ["TIMESTAMPS"]);
        let due = |name| {
            (0..12)
                .map(|_| traces.is_due(&scope, name))
                .collect::<Vec<_>>()
        };
        let found = due(&a);
        let places: Vec<_> = (0..12).filter(|at| found[*at]).collect();
        assert_eq!(places, [2, 5]);
        assert_eq!(traces.get(&scope, Some(&a))["trace_count"], ["0"]);
        // Others are not traced, until all are; who has settings of its own keeps them.
        assert!(!due(&b).contains(&true));
        let all = updates(&[
            ("trace_level", Some("TIMESTAMPS")),
            ("trace_rate", Some("1")),
        ]);
        traces.change(&scope, None, &all).unwrap();
        assert!(due(&b).iter().all(|due| *due) && !due(&a).contains(&true));
        // Clearing brings back what holds for all, and for all the default.
        let clear = updates(&[("trace_rate", None), ("trace_count", None)]);
        assert_eq!(
            traces.change(&scope, Some(&a), &clear).unwrap()["trace_rate"],
            ["1"]
        );
        let off = updates(&[("trace_level", None), ("trace_rate", None)]);
        let texts = traces.change(&scope, None, &off).unwrap();
        assert_eq!(
            (&texts["trace_level"][0], &texts["trace_rate"][0]),
            (&"OFF".to_owned(), &"1000".to_owned())
        );
    }

    #[test]
    fn what_cannot_be_set_is_refused_and_changes_nothing() {
        let (traces, scope) = (Traces::default(), Scope::local());
        for (key, value, code) in [
            ("trace_level", "TENSORS", ErrorCode::Unsupported),
            ("trace_file", "/tmp/x", ErrorCode::Unsupported),
            ("log_frequency", "10", ErrorCode::Unsupported),
            ("trace_rate", "0", ErrorCode::invalid("trace_rate")),
            ("trace_rate", "x", ErrorCode::invalid("trace_rate")),
            (
                "trace_rate",
                "99999999999",
                ErrorCode::invalid("trace_rate"),
            ),
            ("trace_count", "-2", ErrorCode::invalid("trace_count")),
            ("colour", "red", ErrorCode::invalid("colour")),
        ] {
            let mut change = updates(&[(key, Some(value))]);
            // Names sort: this one is looked at first.
            change.insert(
                "log_frequency".to_owned(),
                change.get("log_frequency").cloned().unwrap_or(None),
            );
            let refused = traces.change(&scope, None, &change).unwrap_err();
            assert_eq!(refused.code, code, "{key}");
        }
        assert_eq!(traces.get(&scope, None), Tracing::default().texts());
        let two = Updates::from([(
            "trace_rate".to_owned(),
            Some(vec!["1".to_owned(), "2".to_owned()]),
        )]);
        assert!(traces.change(&scope, None, &two).is_err());
    }
}
