//! Monitors: windows of the event log judged against the reference of the endpoint's champion, and the alerts that
//! they raise.
//!
//! It knows no model, no trigger and no rollout: what an alert leads to is the loop's affair. The reference (training
//! rows, expected performance) and the checks come through two ports, [`ReferenceSource`] and [`CheckSource`].
//!
//! No threshold is set by hand. How far a window may lie from the reference is learned from the reference itself, from
//! random parts and from stretches of time of the window's size (`judge`); a feature must also pass a test corrected for
//! many features, and do so in two of three windows before an alert is raised (`incident`). The same events give the
//! same windows and alerts, in whatever order and with whatever pauses [`Monitors::judge_due`] is called.

mod distance;
mod due;
mod error;
mod frame;
mod gradual;
mod incident;
mod judge;
mod labels;
mod model;
mod performance;
mod ports;
mod reference;
mod scores;
mod service;
mod sql;
mod state;

pub use error::MonitorError;
pub use model::{
    Alert, AlertKind, FeatureDrift, Histogram, Monitor, MonitorSpec, MonitorWindow, Performance,
    Rescore, Severity, Verdict, WindowCheck,
};
pub use ports::{
    Baseline, CheckSource, EndpointReference, PortError, ReferenceSource, WindowChecks,
};
pub use service::{LONGEST_WINDOW, MOST_MONITORS, Monitors, SHORTEST_WINDOW};
pub use sql::MIGRATIONS;
