//! From what the server recorded to the report: decisions, and a frozen first model beside the loop's models on the
//! same rows.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use anyhow::Context;
use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use trimtab_events::{Scan, ServedAs};
use trimtab_stats::Metric;
use trimtab_types::{Duration, Name, RevisionId, Scope, Time};

use super::{
    driver::Seen,
    history::History,
    report::{Comparison, Period, Report, TimelineEntry, period_of, quantile},
};
use crate::serve::Running;

/// What was played.
#[derive(Debug)]
pub(crate) struct Played {
    pub(crate) history: String,
    pub(crate) span: (Time, Time),
    pub(crate) endpoint: String,
    pub(crate) training_rows: u64,
    pub(crate) train_until: Time,
    pub(crate) label_delay: Duration,
    pub(crate) faults: Vec<String>,
    pub(crate) seen: BTreeMap<String, Seen>,
    pub(crate) seed: u64,
}

#[derive(Debug, Default)]
struct Scored {
    labels: Vec<f64>,
    served: Vec<f64>,
    frozen: Vec<f64>,
}

/// Reads back everything that the report needs.
pub(crate) async fn summarise(
    running: &Running,
    history: &History,
    mut played: Played,
    started: Instant,
) -> anyhow::Result<Report> {
    let scope = Scope::local();
    let endpoint: Name = played.endpoint.parse()?;
    let timeline = timeline(running, &scope).await?;
    let frozen = first_revision(running, &scope, &endpoint).await?;
    let mut spans: BTreeMap<String, (Time, Time)> = BTreeMap::new();
    let (first, last) = played.span;
    let mut day = played.train_until;
    while day <= last {
        let next = day.floor(Duration::from_days(1)) + Duration::from_days(1);
        let name = period_of(day, first, last);
        spans
            .entry(name)
            .and_modify(|span| span.1 = next)
            .or_insert((day, next));
        day = next;
    }
    let truth = truth(history);
    let mut periods = Vec::new();
    let mut all = Scored::default();
    let mut all_seen = Seen::default();
    for (name, (from, to)) in spans {
        let scored = score(
            running,
            &scope,
            &endpoint,
            frozen,
            (from, to),
            last + played.label_delay,
            &truth,
        )
        .await?;
        let mut seen = played.seen.remove(&name).unwrap_or_default();
        let within: Vec<&TimelineEntry> = timeline
            .iter()
            .filter(|entry| from <= entry.at && entry.at < to)
            .collect();
        periods.push(period(name, &scored, &mut seen, &within));
        all.labels.extend(scored.labels);
        all.served.extend(scored.served);
        all.frozen.extend(scored.frozen);
        all_seen.latencies_ms.append(&mut seen.latencies_ms);
        all_seen.failures += seen.failures;
        all_seen.rows += seen.rows;
    }
    let everything: Vec<&TimelineEntry> = timeline.iter().collect();
    let total = period("all".to_owned(), &all, &mut all_seen, &everything);
    Ok(Report {
        history: played.history,
        endpoint: played.endpoint,
        training_rows: played.training_rows,
        faults: played.faults,
        timeline,
        periods,
        total,
        wall_seconds: started.elapsed().as_secs_f64(),
        seed: played.seed,
    })
}

async fn timeline(running: &Running, scope: &Scope) -> anyhow::Result<Vec<TimelineEntry>> {
    let mut timeline = Vec::new();
    let mut after = 0;
    loop {
        let page = running
            .services
            .controller
            .decisions(scope, None, after, 500)
            .await?;
        let Some(newest) = page.last() else {
            return Ok(timeline);
        };
        after = newest.seq;
        timeline.extend(page.into_iter().map(|decision| TimelineEntry {
            at: decision.at,
            kind: decision.kind,
            text: decision.text,
            evidence: decision.evidence,
        }));
    }
}

/// The first model, loaded again beside the endpoint's own revisions; it answers nobody.
async fn first_revision(
    running: &Running,
    scope: &Scope,
    endpoint: &Name,
) -> anyhow::Result<RevisionId> {
    let rollouts = running
        .services
        .controller
        .rollouts(scope, Some(endpoint), 1_000)
        .await?;
    let version = rollouts
        .last()
        .context("the endpoint had no rollout")?
        .to
        .version;
    Ok(running
        .services
        .serving
        .add_revision(scope, endpoint, version)
        .await?
        .id)
}

async fn score(
    running: &Running,
    scope: &Scope,
    endpoint: &Name,
    frozen: RevisionId,
    (from, to): (Time, Time),
    as_of: Time,
    truth: &HashMap<&str, f64>,
) -> anyhow::Result<Scored> {
    let scan = Scan {
        workspace: scope.workspace.clone(),
        endpoint: endpoint.clone(),
        from,
        to,
        served_as: Some(ServedAs::Served),
        columns: None,
    };
    let batches = running.services.events.labelled(&scan, as_of).await?;
    let inputs: Vec<RecordBatch> = batches.iter().map(trimtab_loop::model_inputs).collect();
    let frozen = running
        .services
        .serving
        .score_rows(scope, endpoint, frozen, &inputs)
        .await?;
    let numbers = |name: &str| -> Vec<Option<f64>> {
        batches
            .iter()
            .flat_map(|batch| {
                let column = batch
                    .column_by_name(name)
                    .and_then(|column| column.as_primitive_opt::<Float64Type>());
                (0..batch.num_rows())
                    .map(move |row| column.filter(|c| c.is_valid(row)).map(|c| c.value(row)))
            })
            .collect()
    };
    let keys: Vec<Option<String>> = batches
        .iter()
        .flat_map(|batch| {
            let column = batch
                .column_by_name("row_key")
                .and_then(|column| cast(column, &DataType::Utf8).ok());
            (0..batch.num_rows()).map(move |row| {
                let column = column.as_ref().map(AsArray::as_string::<i32>)?;
                column.is_valid(row).then(|| column.value(row).to_owned())
            })
        })
        .collect();
    Ok(compare(truth, &keys, &numbers("score"), &frozen))
}

/// The history's own labels by id. The log has what was delivered, and a fault may have flipped that: models are
/// compared by what really became of the rows.
fn truth(history: &History) -> HashMap<&str, f64> {
    let rows = history.ids.iter().zip(&history.labels);
    rows.filter_map(|(id, label)| Some((id?, label?))).collect()
}

/// The rows that both models scored and whose label is known.
fn compare(
    truth: &HashMap<&str, f64>,
    keys: &[Option<String>],
    served: &[Option<f64>],
    frozen: &[Option<f64>],
) -> Scored {
    let mut scored = Scored::default();
    for ((key, served), frozen) in keys.iter().zip(served).zip(frozen) {
        let label = key.as_deref().and_then(|key| truth.get(key));
        if let (Some(label), Some(served), Some(frozen)) = (label, served, frozen) {
            scored.labels.push(*label);
            scored.served.push(*served);
            scored.frozen.push(*frozen);
        }
    }
    scored
}

#[expect(clippy::float_cmp, reason = "classes are written as exactly 0 and 1")]
fn period(name: String, scored: &Scored, seen: &mut Seen, decisions: &[&TimelineEntry]) -> Period {
    let is_binary = scored
        .labels
        .iter()
        .all(|label| *label == 0.0 || *label == 1.0);
    let metrics: &[Metric] = if is_binary {
        &[Metric::RocAuc, Metric::LogLoss]
    } else {
        &[Metric::Rmse]
    };
    let count = |kind: &str| {
        decisions
            .iter()
            .filter(|decision| decision.kind == kind)
            .count() as u64
    };
    Period {
        name,
        rows: seen.rows,
        labelled: scored.labels.len() as u64,
        metrics: metrics
            .iter()
            .map(|metric| Comparison {
                metric: metric.as_str().to_owned(),
                frozen: metric.of(&scored.labels, &scored.frozen),
                served: metric.of(&scored.labels, &scored.served),
            })
            .collect(),
        alerts: count("alert"),
        trainings: count("trained"),
        refusals: count("gate_refused"),
        promotions: count("promoted"),
        rollbacks: count("rolled_back"),
        requests: seen.latencies_ms.len() as u64,
        failures: seen.failures,
        p50_ms: quantile(&mut seen.latencies_ms, 0.5),
        p99_ms: quantile(&mut seen.latencies_ms, 0.99),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::{fault::Fault, history::HistoryColumns, traffic::label};

    #[test]
    fn models_are_scored_on_the_labels_that_the_history_has_and_not_on_flipped_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        let rows = "t,id,y\n2013-01-01,a,1\n2013-01-01,b,0\n2013-01-02,c,\n2013-01-02,d,1\n";
        std::fs::write(&path, rows).unwrap();
        let columns = HistoryColumns {
            time: "t",
            id: "id",
            label: "y",
        };
        let history = History::read(&path, &columns).unwrap();
        let faults = ["kind=labels,from=2013-01-01,to=2013-01-03"
            .parse::<Fault>()
            .unwrap()];
        assert_eq!(label(&history, 0, &faults), Some(0.0));
        let keys = ["a", "b", "c", "d", "e"].map(|key| Some(key.to_owned()));
        let served = [Some(0.9), Some(0.1), Some(0.5), None, Some(0.5)];
        let frozen = [Some(0.8), Some(0.2), Some(0.5), Some(0.5), Some(0.5)];
        let scored = compare(&truth(&history), &keys, &served, &frozen);
        assert_eq!(scored.labels, [1.0, 0.0]);
        assert_eq!(Metric::RocAuc.of(&scored.labels, &scored.served), Some(1.0));
        assert_eq!(scored.frozen, [0.8, 0.2]);
    }
}
