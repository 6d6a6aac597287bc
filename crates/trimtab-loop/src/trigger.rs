//! Triggers: what starts a plan, and the policy that keeps a trigger from misfiring. Pure.

use serde::{Deserialize, Serialize};
use trimtab_types::{AlertId, Duration, Name, Time};

/// A trigger as declared in `trimtab.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TriggerSpec {
    /// Its name, unique in the workspace.
    pub name: Name,
    /// The project whose file declares it.
    pub project: Name,
    /// The endpoint that it keeps on course.
    pub endpoint: Name,
    /// The monitor whose alerts start it; without one it is started by a person alone.
    pub monitor: Option<Name>,
    /// The stages to run, in the project's `dvc.yaml`.
    pub stages: Vec<String>,
    /// The dep path, in the project, at which the training dataset version is put.
    pub dataset: String,
    /// The least time between the starts of two plans; default [`TriggerSpec::DEFAULT_COOLDOWN`].
    pub cooldown: Option<Duration>,
}

impl TriggerSpec {
    /// A week: long enough for the effect of one retraining to be seen before the next.
    pub const DEFAULT_COOLDOWN: Duration = Duration::from_days(7);
    /// After so many failed plans in a row the trigger stops until a person fires it.
    pub const MAX_FAILURES: u32 = 3;
}

/// What started a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Cause {
    /// One or more alerts of the trigger's monitor.
    Alerts {
        /// Which.
        alerts: Vec<AlertId>,
        /// What they say.
        text: String,
    },
    /// So much has happened since the last plan that a model would know more.
    NewData {
        /// Rows that the endpoint has served.
        rows: u64,
        /// Rows that it had served, or that were given to learn from, at the last plan.
        known: u64,
    },
    /// A person, by name.
    Person {
        /// The principal.
        name: String,
    },
}

impl Cause {
    /// One line for timelines.
    pub fn text(&self) -> String {
        match self {
            Self::Alerts { text, .. } => text.clone(),
            Self::NewData { rows, known } => {
                format!("{rows} rows served, {known} at the last training")
            }
            Self::Person { name } => format!("started by {name}"),
        }
    }
}

/// What the policy needs to know of a trigger's past.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TriggerHistory {
    /// Whether a plan for the endpoint is still open.
    pub has_open_plan: bool,
    /// When the last plan of this trigger was started.
    pub last_started_at: Option<Time>,
    /// Failed plans since the last one that did not fail.
    pub failures: u32,
    /// Rows that the endpoint had served, or that were given to learn from, at the last plan.
    pub known_rows: u64,
}

/// Whether enough rows are new to train once more without an alert: half as many as were known. Trainings become rarer as
/// history grows, and the gate keeps the champion where they bring nothing.
pub fn has_new_data(history: &TriggerHistory, rows: u64) -> bool {
    history.last_started_at.is_some() && rows >= history.known_rows + history.known_rows / 2
}

/// What the policy says about starting a plan now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// Start it.
    Start,
    /// One plan at a time: the causes wait for the open one.
    SingleFlight,
    /// Not before this time.
    CoolingDown {
        /// The earliest start.
        until: Time,
    },
    /// Too many failures in a row; a person must fire the trigger.
    CircuitOpen,
}

/// Decides whether alerts may start a plan now: one at a time per endpoint, a cooldown that doubles with each
/// failure in a row, and a circuit that opens after [`TriggerSpec::MAX_FAILURES`].
pub fn admit(spec: &TriggerSpec, history: &TriggerHistory, now: Time) -> Admission {
    if history.has_open_plan {
        return Admission::SingleFlight;
    }
    if history.failures >= TriggerSpec::MAX_FAILURES {
        return Admission::CircuitOpen;
    }
    let cooldown = spec.cooldown.unwrap_or(TriggerSpec::DEFAULT_COOLDOWN);
    let factor = 1_i64 << history.failures;
    let until = history
        .last_started_at
        .map(|at| at + Duration::from_micros(cooldown.as_micros().saturating_mul(factor)));
    match until {
        Some(until) if until > now => Admission::CoolingDown { until },
        Some(_) | None => Admission::Start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> TriggerSpec {
        TriggerSpec {
            name: "retrain".parse().unwrap(),
            project: "p".parse().unwrap(),
            endpoint: "e".parse().unwrap(),
            monitor: None,
            stages: vec![],
            dataset: "d".to_owned(),
            cooldown: Some(Duration::from_days(1)),
        }
    }

    #[test]
    fn half_as_many_rows_again_are_worth_a_training() {
        let history = TriggerHistory {
            last_started_at: Some(Time::from_micros(0)),
            known_rows: 1_000,
            ..TriggerHistory::default()
        };
        assert!(!has_new_data(&history, 1_499));
        assert!(has_new_data(&history, 1_500));
        assert!(!has_new_data(&TriggerHistory::default(), 1_000_000));
    }

    #[test]
    fn a_trigger_waits_backs_off_and_gives_up() {
        let start = Time::from_micros(0);
        let after = |days| start + Duration::from_days(days);
        let history = |has_open_plan, failures| TriggerHistory {
            has_open_plan,
            last_started_at: Some(start),
            failures,
            known_rows: 1_000,
        };
        assert_eq!(
            admit(&spec(), &TriggerHistory::default(), start),
            Admission::Start
        );
        assert_eq!(
            admit(&spec(), &history(true, 0), after(9)),
            Admission::SingleFlight
        );
        assert_eq!(
            admit(&spec(), &history(false, 0), start),
            Admission::CoolingDown { until: after(1) }
        );
        assert_eq!(
            admit(&spec(), &history(false, 0), after(1)),
            Admission::Start
        );
        assert_eq!(
            admit(&spec(), &history(false, 2), after(3)),
            Admission::CoolingDown { until: after(4) }
        );
        assert_eq!(
            admit(&spec(), &history(false, 3), after(99)),
            Admission::CircuitOpen
        );
    }
}
