//! `trimtab.yaml`: what should exist. Read with the place of every word, so that an error names its line and, for a
//! misspelt key, the nearest right one.
//!
//! ```yaml
//! project: flights
//! endpoints:
//!   flights: { model: flights-delay, row_key: flight_id, label: late, event_time: caller, rollout: { autonomy: act } }
//! monitors:
//!   flights: { endpoint: flights }
//! triggers:
//!   retrain: { endpoint: flights, monitor: flights, stages: [train], dataset: data/train.parquet }
//! ```

mod error;
mod file;

pub use error::DesiredError;

use std::collections::HashSet;

use serde_saphyr::Spanned;
use trimtab_loop::{Autonomy, RolloutPolicy, StepKind, StepSpec, TriggerSpec};
use trimtab_monitor::{LONGEST_WINDOW, MonitorSpec, SHORTEST_WINDOW};
use trimtab_pipeline::Outline;
use trimtab_serving::{EndpointSpec, EventTimeSource};
use trimtab_types::{Duration, Name};

use file::{EndpointEntry, File, RolloutEntry, StepEntry, Word};

/// What a `trimtab.yaml` asks for, checked as far as the file alone can be.
#[derive(Debug, Clone, PartialEq)]
pub struct Desired {
    /// The project that owns everything in the file.
    pub project: Name,
    /// The server to talk to, for commands.
    pub server: Option<String>,
    /// Its endpoints.
    pub endpoints: Vec<EndpointSpec>,
    /// The rollout policy of each endpoint.
    pub policies: Vec<(Name, RolloutPolicy)>,
    /// Its monitors.
    pub monitors: Vec<MonitorSpec>,
    /// Its triggers.
    pub triggers: Vec<TriggerSpec>,
    places: Vec<Place>,
    wanted: Vec<Wanted>,
}

/// What a trigger asks of the project's pipeline, and where.
#[derive(Debug, Clone, PartialEq)]
struct Wanted {
    trigger: Name,
    stages: Vec<(String, u64)>,
    dataset: (String, u64),
}

/// Where a name is used that must exist: in the file, or on the server already.
#[derive(Debug, Clone, PartialEq)]
struct Place {
    name: Name,
    by: String,
    line: u64,
}

impl Desired {
    /// Reads the text of a `trimtab.yaml`; `name` is what errors call the file.
    pub fn parse(name: &str, text: &str) -> Result<Self, DesiredError> {
        let file = File::read(name, text)?;
        let at = At { file: name };
        let project = at.name("project", &file.project)?;
        let mut desired = Self {
            server: file.server,
            endpoints: Vec::new(),
            policies: Vec::new(),
            monitors: Vec::new(),
            triggers: Vec::new(),
            places: Vec::new(),
            wanted: Vec::new(),
            project,
        };
        for (key, entry) in &file.endpoints.0 {
            let endpoint = at.name("endpoint", key)?;
            desired
                .endpoints
                .push(at.endpoint(&desired.project, &endpoint, entry)?);
            let policy = match &entry.rollout {
                Some(rollout) => at.policy(&endpoint, rollout)?,
                None => RolloutPolicy::default(),
            };
            desired.policies.push((endpoint, policy));
        }
        for (key, entry) in &file.monitors.0 {
            let name = at.name("monitor", key)?;
            let endpoint = at.name("endpoint", &entry.endpoint)?;
            desired.place(&endpoint, format!("monitor `{name}`"), &entry.endpoint);
            let window = at.window(entry.window.as_ref())?;
            desired.monitors.push(MonitorSpec {
                name,
                endpoint,
                window,
            });
        }
        let monitors: HashSet<&Name> = desired
            .monitors
            .iter()
            .map(|monitor| &monitor.name)
            .collect();
        let mut triggers = Vec::new();
        let mut places = Vec::new();
        for (key, entry) in &file.triggers.0 {
            let name = at.name("trigger", key)?;
            let endpoint = at.name("endpoint", &entry.endpoint)?;
            let monitor = entry
                .monitor
                .as_ref()
                .map(|monitor| at.name("monitor", monitor))
                .transpose()?;
            if let (Some(monitor), Some(word)) = (&monitor, &entry.monitor)
                && !monitors.contains(monitor)
            {
                let known: Vec<&str> = monitors.iter().map(|name| name.as_str()).collect();
                let message = format!(
                    "trigger `{name}` names monitor `{monitor}`, which the file does not declare"
                );
                return Err(at.wrong(word, message).nearest(monitor.as_str(), &known));
            }
            places.push((
                endpoint.clone(),
                format!("trigger `{name}`"),
                &entry.endpoint,
            ));
            let line = |word: &Word| (word.value.clone(), word.referenced.line());
            desired.wanted.push(Wanted {
                trigger: name.clone(),
                stages: entry.stages.iter().map(line).collect(),
                dataset: line(&entry.dataset),
            });
            triggers.push(TriggerSpec {
                name,
                project: desired.project.clone(),
                endpoint,
                monitor,
                stages: entry.stages.iter().map(|word| word.value.clone()).collect(),
                dataset: at.relative("dataset", &entry.dataset)?,
                cooldown: at.duration("cooldown", entry.cooldown.as_ref())?,
            });
        }
        for (endpoint, by, word) in places {
            desired.place(&endpoint, by, word);
        }
        desired.triggers = triggers;
        Ok(desired)
    }

    /// Checks that every endpoint named by monitors and triggers is in the file or among `existing`.
    pub fn check_endpoints(&self, file: &str, existing: &[Name]) -> Result<(), DesiredError> {
        let known: Vec<&str> = self
            .endpoints
            .iter()
            .map(|endpoint| endpoint.name.as_str())
            .chain(existing.iter().map(Name::as_str))
            .collect();
        for place in &self.places {
            if !known.contains(&place.name.as_str()) {
                let message = format!(
                    "{} names endpoint `{}`, which is neither in the file nor on the server",
                    place.by, place.name
                );
                return Err(DesiredError::new(file, place.line, message)
                    .nearest(place.name.as_str(), &known));
            }
        }
        Ok(())
    }

    /// Checks that the stages and the dataset of every trigger are in the project's pipeline: they would fail only when
    /// the trigger is fired.
    pub fn check_pipeline(&self, file: &str, pipeline: &Outline) -> Result<(), DesiredError> {
        let stages = pipeline.stages();
        for wanted in &self.wanted {
            let trigger = &wanted.trigger;
            for (stage, line) in &wanted.stages {
                if !stages.contains(&stage.as_str()) {
                    let message = format!(
                        "trigger `{trigger}` names stage `{stage}`, which dvc.yaml does not have"
                    );
                    return Err(DesiredError::new(file, *line, message).nearest(stage, &stages));
                }
            }
            let names: Vec<String> = wanted
                .stages
                .iter()
                .map(|(stage, _)| stage.clone())
                .collect();
            let deps = pipeline.deps(&names);
            let (dataset, line) = &wanted.dataset;
            let path = plain_path(dataset);
            if !deps.iter().any(|dep| path.starts_with(dep)) {
                let message = format!(
                    "trigger `{trigger}` puts its dataset at `{dataset}`, which none of its stages has among its deps"
                );
                return Err(DesiredError::new(file, *line, message).nearest(dataset, &deps));
            }
        }
        Ok(())
    }

    fn place(&mut self, name: &Name, by: String, word: &Word) {
        self.places.push(Place {
            name: name.clone(),
            by,
            line: word.referenced.line(),
        });
    }
}

/// A path without `./` in it.
fn plain_path(path: &str) -> std::path::PathBuf {
    let parts = std::path::Path::new(path).components();
    let parts = parts.filter(|part| *part != std::path::Component::CurDir);
    parts.collect()
}

/// Builds errors that know the file.
struct At<'a> {
    file: &'a str,
}

impl At<'_> {
    fn wrong(&self, word: &Word, message: impl Into<String>) -> DesiredError {
        DesiredError::new(self.file, word.referenced.line(), message)
    }

    fn at<T>(&self, value: &Spanned<T>, message: &str) -> DesiredError {
        DesiredError::new(self.file, value.referenced.line(), message)
    }

    fn name(&self, kind: &str, word: &Word) -> Result<Name, DesiredError> {
        word.value.parse().map_err(|_| {
            self.wrong(word, format!("`{}` is no valid {kind} name", word.value))
                .hint("use 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-', beginning with a letter or digit")
        })
    }

    fn duration(&self, field: &str, word: Option<&Word>) -> Result<Option<Duration>, DesiredError> {
        let Some(word) = word else { return Ok(None) };
        let duration: Duration = word.value.parse().map_err(|_| {
            self.wrong(
                word,
                format!("`{field}: {}` is not a length of time", word.value),
            )
            .hint("write it as 90s, 15m, 6h, 1d or 2w")
        })?;
        if duration <= Duration::ZERO {
            return Err(self.wrong(word, format!("`{field}` must be longer than nothing")));
        }
        Ok(Some(duration))
    }

    fn window(&self, word: Option<&Word>) -> Result<Option<Duration>, DesiredError> {
        let window = self.duration("window", word)?;
        if let (Some(window), Some(word)) = (window, word)
            && !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window)
        {
            return Err(self.wrong(
                word,
                format!("`window` must be between {SHORTEST_WINDOW} and {LONGEST_WINDOW}"),
            ));
        }
        Ok(window)
    }

    /// A path inside the project.
    fn relative(&self, field: &str, word: &Word) -> Result<String, DesiredError> {
        let path = std::path::Path::new(&word.value);
        let is_inside = !word.value.is_empty()
            && path.components().all(|part| {
                matches!(
                    part,
                    std::path::Component::Normal(_) | std::path::Component::CurDir
                )
            });
        if is_inside {
            Ok(word.value.clone())
        } else {
            Err(self.wrong(
                word,
                format!("`{field}: {}` is not a path inside the project", word.value),
            ))
        }
    }

    fn choice<T: Copy>(
        &self,
        field: &str,
        word: &Word,
        choices: &[(&str, T)],
    ) -> Result<T, DesiredError> {
        choices
            .iter()
            .find(|(text, _)| *text == word.value)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let known: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
                self.wrong(word, format!("`{field}` cannot be `{}`", word.value))
                    .nearest(&word.value, &known)
            })
    }

    fn endpoint(
        &self,
        project: &Name,
        name: &Name,
        entry: &EndpointEntry,
    ) -> Result<EndpointSpec, DesiredError> {
        let mut spec = EndpointSpec::new(name.clone(), project.as_str(), entry.model.value.clone());
        if entry.model.value.is_empty() {
            return Err(self.wrong(&entry.model, format!("endpoint `{name}` names no model")));
        }
        if let Some(alias) = &entry.alias {
            spec.alias.clone_from(alias);
        }
        if let Some(label) = &entry.label {
            spec.label.clone_from(label);
        }
        spec.row_key.clone_from(&entry.row_key);
        spec.score.clone_from(&entry.score);
        spec.pin = entry.pin;
        if let Some(word) = &entry.event_time {
            spec.event_time = self.choice(
                "event_time",
                word,
                &[
                    ("server", EventTimeSource::Server),
                    ("caller", EventTimeSource::Caller),
                ],
            )?;
        }
        Ok(spec)
    }

    fn policy(&self, endpoint: &Name, entry: &RolloutEntry) -> Result<RolloutPolicy, DesiredError> {
        let mut policy = RolloutPolicy::default();
        if let Some(word) = &entry.autonomy {
            policy.autonomy = self.choice(
                "autonomy",
                word,
                &[
                    ("observe", Autonomy::Observe),
                    ("recommend", Autonomy::Recommend),
                    ("act", Autonomy::Act),
                ],
            )?;
        }
        if let Some(limit) = self.duration("time_limit", entry.time_limit.as_ref())? {
            policy.time_limit = limit;
        }
        if let Some(alpha) = &entry.alpha {
            if !(alpha.value > 0.0 && alpha.value < 1.0) {
                return Err(self.at(alpha, "`alpha` must lie between 0 and 1"));
            }
            policy.alpha = alpha.value;
        }
        if let Some(margin) = &entry.margin {
            if !(margin.value >= 0.0 && margin.value.is_finite()) {
                return Err(self.at(margin, "`margin` must not be negative"));
            }
            policy.margin = margin.value;
        }
        if let Some(least) = entry.min_labelled {
            policy.min_labelled = least;
        }
        if let Some(steps) = &entry.steps {
            policy.steps = self.steps(endpoint, &steps.value)?;
        }
        Ok(policy)
    }

    fn steps(&self, endpoint: &Name, entries: &[StepEntry]) -> Result<Vec<StepSpec>, DesiredError> {
        let mut steps: Vec<StepSpec> = Vec::new();
        let mut greatest = 0;
        for entry in entries {
            let step = self.step(endpoint, entry)?;
            if steps.last().is_some_and(|last| last.kind == StepKind::Bake) {
                return Err(self.wrong(&entry.kind, "`bake` must be the last step"));
            }
            if let StepKind::Canary { weight } = step.kind {
                if weight <= greatest {
                    let word = entry.share.as_ref().unwrap_or(&entry.kind);
                    return Err(self.wrong(word, "canary shares must grow from step to step"));
                }
                greatest = weight;
            }
            steps.push(step);
        }
        Ok(steps)
    }

    fn step(&self, endpoint: &Name, entry: &StepEntry) -> Result<StepSpec, DesiredError> {
        let word = &entry.kind;
        let hold = self
            .duration("hold", entry.hold.as_ref())?
            .unwrap_or(Duration::from_days(1));
        let kind = match (word.value.as_str(), &entry.share) {
            ("shadow", None) => StepKind::Shadow,
            ("bake", None) => StepKind::Bake,
            ("canary", Some(share)) => StepKind::Canary {
                weight: self.share(share)?,
            },
            ("canary", None) => {
                return Err(self
                    .wrong(word, format!("a canary step of `{endpoint}` has no share"))
                    .hint("write it as `- { kind: canary, share: 5%, hold: 1d }`"));
            }
            ("shadow" | "bake", Some(share)) => {
                return Err(self.wrong(share, format!("a {} step has no share", word.value)));
            }
            (other, _) => {
                return Err(self
                    .wrong(word, format!("`{other}` is not a step of a rollout"))
                    .nearest(other, &["shadow", "canary", "bake"]));
            }
        };
        Ok(StepSpec { kind, hold })
    }

    /// `5%` as 500 of 10,000.
    fn share(&self, word: &Word) -> Result<u32, DesiredError> {
        let percent = word
            .value
            .strip_suffix('%')
            .and_then(|number| number.trim().parse::<f64>().ok())
            .filter(|percent| *percent > 0.0 && *percent < 100.0);
        let Some(percent) = percent else {
            return Err(self
                .wrong(word, format!("`{}` is not a share", word.value))
                .hint("write it as 5% or 0.5%: more than nothing and less than all"));
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and 10,000 by the line before"
        )]
        let weight = (percent * 100.0).round().max(1.0) as u32;
        Ok(weight)
    }
}

#[cfg(test)]
mod tests;
