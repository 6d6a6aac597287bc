//! Plays a history as production traffic: predictions in the order of time, labels when they would have come, the
//! clock in steps of an hour.

use std::{collections::BTreeMap, time::Instant};

use anyhow::{Context, bail};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use trimtab_types::{Duration, Time};

use super::{
    api::Api,
    fault::Fault,
    history::{History, HistoryColumns},
    operator::Operator,
    report::period_of,
    traffic::{Input, Traffic, label},
};

/// Rows of one request at most.
const ROWS: usize = 64;
/// Requests under way at once; between two moves of the clock their order does not matter.
const IN_FLIGHT: usize = 4;
/// The clock moves by this much.
const STRIDE: Duration = Duration::from_hours(1);

/// What is played.
#[derive(Debug)]
pub(crate) struct Drive<'a> {
    pub(crate) api: &'a Api,
    pub(crate) history: &'a History,
    pub(crate) columns: HistoryColumns<'a>,
    pub(crate) endpoint: String,
    pub(crate) label_delay: Duration,
    pub(crate) train_until: Time,
    pub(crate) faults: &'a [Fault],
    pub(crate) operators: Vec<Operator>,
}

/// What was seen from outside, by period.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Milliseconds of every request.
    pub(crate) latencies_ms: Vec<f64>,
    /// Requests refused or failed.
    pub(crate) failures: u64,
    /// Rows sent.
    pub(crate) rows: u64,
}

#[derive(Debug, Deserialize)]
struct Metadata {
    inputs: Vec<Input>,
}

impl Drive<'_> {
    /// Plays everything after the training rows; `progress` is told the time reached.
    pub(crate) async fn play(
        &mut self,
        row_key: &str,
        mut progress: impl FnMut(Time),
    ) -> anyhow::Result<BTreeMap<String, Seen>> {
        let metadata: Metadata = self
            .api
            .get(&format!("/v2/models/{}", self.endpoint))
            .await
            .context("the endpoint's signature cannot be read")?;
        let (first, last) = self.history.span();
        let start = self.history.index_at(self.train_until);
        if start == self.history.len() {
            bail!(
                "no row is left after --train-until {}; the history ends at {last}",
                self.train_until
            );
        }
        let traffic = Traffic::new(
            self.history,
            start,
            &metadata.inputs,
            row_key,
            self.faults.to_vec(),
        )?;
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        // A row whose prediction was refused is in no log: there is nothing that its label could be joined to.
        let mut answered = vec![false; self.history.len()];
        let mut next_row = start;
        let mut next_label = start;
        let mut clock = self.train_until;
        let end = last + self.label_delay + STRIDE;
        while clock < end {
            let until = clock.floor(STRIDE) + STRIDE;
            let to_row = self.history.index_at(until);
            let mut groups = Vec::new();
            while next_row < to_row {
                let group = self.history.group(next_row, ROWS);
                next_row = group.end;
                groups.push(group);
            }
            let answers: Vec<(std::ops::Range<usize>, f64, u16)> = stream::iter(groups)
                .map(|rows| self.predict(&traffic, rows))
                .buffer_unordered(IN_FLIGHT)
                .try_collect()
                .await?;
            for (rows, milliseconds, status) in answers {
                let period = period_of(self.history.times[rows.start], first, last);
                let entry = seen.entry(period).or_default();
                entry.latencies_ms.push(milliseconds);
                entry.failures += u64::from(status != 200);
                entry.rows += rows.len() as u64;
                answered[rows].fill(status == 200);
            }
            next_label = self.deliver_labels(next_label, until, &answered).await?;
            self.advance(until).await?;
            self.operate(until).await?;
            clock = until;
            progress(clock.min(last));
        }
        Ok(seen)
    }

    /// Moves the server's clock; answers when all work due by then is done.
    pub(crate) async fn advance(&self, to: Time) -> anyhow::Result<()> {
        let _: Value = self.api.post("clock", &json!({ "to": to })).await?;
        Ok(())
    }

    async fn predict(
        &self,
        traffic: &Traffic,
        rows: std::ops::Range<usize>,
    ) -> anyhow::Result<(std::ops::Range<usize>, f64, u16)> {
        let request = traffic.request(self.history, rows.clone());
        let headers = [
            (
                "inference-header-content-length",
                request.header_bytes.to_string(),
            ),
            ("content-type", "application/octet-stream".to_owned()),
            (
                "x-trimtab-key",
                self.history.ids.value(rows.start).to_owned(),
            ),
            (
                "x-trimtab-event-time",
                self.history.times[rows.start].to_string(),
            ),
        ];
        let started = Instant::now();
        let (status, answer) = self
            .api
            .infer(&self.endpoint, &headers, request.body)
            .await?;
        let milliseconds = started.elapsed().as_secs_f64() * 1e3;
        if status >= 500 {
            bail!("a prediction failed with {status}: {answer}");
        }
        Ok((rows, milliseconds, status))
    }

    /// Delivers the labels that are known by `until`; answers the first row whose label is not.
    async fn deliver_labels(
        &self,
        from: usize,
        until: Time,
        answered: &[bool],
    ) -> anyhow::Result<usize> {
        let to = self
            .history
            .times
            .partition_point(|time| *time + self.label_delay <= until);
        let items: Vec<Value> = (from..to.max(from))
            .filter(|row| answered[*row])
            .filter_map(|row| {
                let value = label(self.history, row, self.faults)?;
                let known_at = self.history.times[row] + self.label_delay;
                Some(json!({ "row_key": self.history.ids.value(row), "value": value, "event_time": known_at }))
            })
            .collect();
        for chunk in items.chunks(1_000) {
            let body = json!({ "endpoint": self.endpoint, "items": chunk });
            let _: Value = self.api.post("feedback", &body).await?;
        }
        Ok(to.max(from))
    }

    async fn operate(&mut self, now: Time) -> anyhow::Result<()> {
        let Some(operator) = self.operators.first() else {
            return Ok(());
        };
        if operator
            .act(self.api, self.history, &self.columns, &self.endpoint, now)
            .await?
        {
            self.operators.remove(0);
            // The plan's first steps are carried out by the clock standing where it stands.
            self.advance(now).await?;
        }
        Ok(())
    }
}
