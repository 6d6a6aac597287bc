//! What a replay tells at its end: every decision with its evidence, and a table by period.

use std::{cmp::Ordering, fmt::Write as _};

use serde::Serialize;
use trimtab_stats::Metric;
use trimtab_types::{Duration, Time};

/// One decision of the loop.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TimelineEntry {
    /// When, by the loop's clock.
    pub(crate) at: Time,
    /// `alert`, `gate_refused`, `promoted` …
    pub(crate) kind: String,
    /// One sentence.
    pub(crate) text: String,
    /// What it was decided on.
    pub(crate) evidence: serde_json::Value,
}

/// A frozen first model and the loop's models on the same labelled rows.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Comparison {
    /// `auc` and `log_loss` for 0/1 labels, `rmse` for numbers.
    pub(crate) metric: String,
    /// Of the first model, kept for the whole history.
    pub(crate) frozen: Option<f64>,
    /// Of whatever answered.
    pub(crate) served: Option<f64>,
}

impl Comparison {
    /// How the loop's models compare with the frozen one: greater is better, whatever the metric.
    fn order(&self) -> Option<Ordering> {
        let (frozen, served) = (self.frozen?, self.served?);
        let is_higher_better = self.metric.parse::<Metric>().ok()?.higher_is_better();
        let (better, worse) = if is_higher_better {
            (served, frozen)
        } else {
            (frozen, served)
        };
        better.partial_cmp(&worse)
    }
}

/// A period of the history.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Period {
    /// `2013-02`, or the day on which it begins.
    pub(crate) name: String,
    /// Predictions.
    pub(crate) rows: u64,
    /// Those whose label came.
    pub(crate) labelled: u64,
    /// Metrics of both on the labelled rows.
    pub(crate) metrics: Vec<Comparison>,
    /// Alerts raised.
    pub(crate) alerts: u64,
    /// Trainings that ended.
    pub(crate) trainings: u64,
    /// Challengers refused by the gate.
    pub(crate) refusals: u64,
    /// Promotions.
    pub(crate) promotions: u64,
    /// Rollbacks.
    pub(crate) rollbacks: u64,
    /// Requests sent.
    pub(crate) requests: u64,
    /// Requests refused or failed.
    pub(crate) failures: u64,
    /// Median time of a request, milliseconds, as its caller saw it.
    pub(crate) p50_ms: Option<f64>,
    /// 99th percentile.
    pub(crate) p99_ms: Option<f64>,
}

/// The whole report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    /// The history's file name.
    pub(crate) history: String,
    /// The endpoint.
    pub(crate) endpoint: String,
    /// Rows before the first model was trained.
    pub(crate) training_rows: u64,
    /// The faults that were played.
    pub(crate) faults: Vec<String>,
    /// Every decision.
    pub(crate) timeline: Vec<TimelineEntry>,
    /// The table.
    pub(crate) periods: Vec<Period>,
    /// All periods together.
    pub(crate) total: Period,
    /// Real seconds that the replay took.
    pub(crate) wall_seconds: f64,
    /// The seed.
    pub(crate) seed: u64,
}

/// The name of the period that a time lies in: months when the history is longer than ten weeks, weeks otherwise.
pub(crate) fn period_of(time: Time, first: Time, last: Time) -> String {
    if last.since(first) > Duration::from_days(70) {
        time.to_string().chars().take(7).collect()
    } else {
        let week = Duration::from_days(7);
        let start = first.floor(Duration::from_days(1));
        let weeks = time.since(start).as_micros().div_euclid(week.as_micros());
        (start + Duration::from_days(7 * weeks))
            .to_string()
            .chars()
            .take(10)
            .collect()
    }
}

/// The value at a share of the sorted values (nearest rank).
pub(crate) fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length"
    )]
    let rank = (share * values.len() as f64).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied()
}

impl Report {
    /// For terminals.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "\nReplay of {} on endpoint `{}`\n\nTimeline\n",
            self.history, self.endpoint
        );
        for fault in &self.faults {
            let _ = writeln!(text, "  (fault)            {fault}");
        }
        for entry in &self.timeline {
            let at: String = entry.at.to_string().chars().take(16).collect();
            let _ = writeln!(text, "  {at}  {:<14} {}", entry.kind, entry.text);
        }
        let _ = writeln!(
            text,
            "\nBy period (frozen: the first model kept; loop: whatever answered)"
        );
        let columns = self.columns();
        let mut rows: Vec<Vec<String>> = vec![columns];
        rows.extend(self.periods.iter().map(Self::cells));
        rows.push(Self::cells(&self.total));
        let widths: Vec<usize> = (0..rows[0].len())
            .map(|column| {
                rows.iter()
                    .map(|row| row[column].chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        for row in rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:>width$}"))
                .collect();
            let _ = writeln!(text, "  {}", cells.join("  "));
        }
        for sentence in self.verdicts() {
            let _ = write!(text, "\n{sentence}");
        }
        let _ = writeln!(
            text,
            "\n{:.1} s in all, seed {}",
            self.wall_seconds, self.seed
        );
        text
    }

    /// Whether the loop was worth it, by each metric, in words: where it was not, they say so.
    fn verdicts(&self) -> Vec<String> {
        self.total
            .metrics
            .iter()
            .enumerate()
            .filter_map(|(place, total)| {
                let mut tally = [0_u32; 3];
                for period in &self.periods {
                    match period.metrics.get(place).and_then(Comparison::order) {
                        Some(Ordering::Greater) => tally[0] += 1,
                        Some(Ordering::Less) => tally[1] += 1,
                        Some(Ordering::Equal) => tally[2] += 1,
                        None => {}
                    }
                }
                let verdict = match total.order()? {
                    Ordering::Greater => "better than",
                    Ordering::Less => "worse than",
                    Ordering::Equal => "as good as",
                };
                Some(format!(
                    "By {} the loop was {verdict} the frozen model over all ({:.4} against {:.4}): better in {} periods, worse in {}, equal in {}.",
                    total.metric, total.served?, total.frozen?, tally[0], tally[1], tally[2]
                ))
            })
            .collect()
    }

    fn columns(&self) -> Vec<String> {
        let metrics = self.total.metrics.iter().flat_map(|comparison| {
            [
                format!("{} frozen", comparison.metric),
                format!("{} loop", comparison.metric),
            ]
        });
        ["period", "rows", "labelled"]
            .map(str::to_owned)
            .into_iter()
            .chain(metrics)
            .chain(
                [
                    "alerts",
                    "trained",
                    "refused",
                    "promoted",
                    "rolled back",
                    "requests",
                    "failed",
                    "p50 ms",
                    "p99 ms",
                ]
                .map(str::to_owned),
            )
            .collect()
    }

    fn cells(period: &Period) -> Vec<String> {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "–".to_owned(), |value| format!("{value:.digits$}"))
        };
        let mut cells = vec![
            period.name.clone(),
            period.rows.to_string(),
            period.labelled.to_string(),
        ];
        for comparison in &period.metrics {
            cells.push(number(comparison.frozen, 4));
            cells.push(number(comparison.served, 4));
        }
        let counts = [
            period.alerts,
            period.trainings,
            period.refusals,
            period.promotions,
            period.rollbacks,
            period.requests,
            period.failures,
        ];
        cells.extend(counts.map(|count| count.to_string()));
        cells.push(number(period.p50_ms, 2));
        cells.push(number(period.p99_ms, 2));
        cells
    }

    /// One self-contained page.
    pub(crate) fn html(&self) -> String {
        let mut html = String::from(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Trimtab replay</title><style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:80rem;padding:0 1rem;color:#1c2430;background:#fff}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{padding:.25rem .6rem;border-bottom:1px solid #dde3ea;text-align:right;font-variant-numeric:tabular-nums}
th:first-child,td:first-child,.timeline td,.timeline th{text-align:left}td.better{font-weight:600;color:#0a6640}summary{cursor:pointer}pre{white-space:pre-wrap;overflow-wrap:anywhere}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#dfe6ee}th,td{border-color:#2b3440}td.better{color:#5bd6a0}}</style>",
        );
        let _ = write!(
            html,
            "<h1>Replay of {} on endpoint {}</h1><p>{} rows trained the first model; {:.1} s in all; seed {}.</p>",
            escape(&self.history),
            escape(&self.endpoint),
            self.training_rows,
            self.wall_seconds,
            self.seed
        );
        for fault in &self.faults {
            let _ = write!(html, "<p>Fault: {}</p>", escape(fault));
        }
        html.push_str("<h2>By period</h2><table><tr>");
        for column in self.columns() {
            let _ = write!(html, "<th>{}</th>", escape(&column));
        }
        html.push_str("</tr>");
        for period in self.periods.iter().chain([&self.total]) {
            html.push_str("<tr>");
            for cell in Self::cells(period) {
                let _ = write!(html, "<td>{}</td>", escape(&cell));
            }
            html.push_str("</tr>");
        }
        html.push_str("</table>");
        for sentence in self.verdicts() {
            let _ = write!(html, "<p>{}</p>", escape(&sentence));
        }
        html.push_str("<h2>Timeline</h2><table class=\"timeline\"><tr><th>when</th><th>what</th><th>why</th></tr>");
        for entry in &self.timeline {
            let evidence = serde_json::to_string_pretty(&entry.evidence).unwrap_or_default();
            let _ = write!(
                html,
                "<tr><td>{}</td><td>{}</td><td>{}<details><summary>evidence</summary><pre>{}</pre></details></td></tr>",
                entry.at,
                escape(&entry.kind),
                escape(&entry.text),
                escape(&evidence)
            );
        }
        html.push_str("</table></html>\n");
        html
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_months_of_a_year_and_weeks_of_a_short_history() {
        let time = |text: &str| text.parse::<Time>().unwrap();
        let (first, last) = (time("2013-01-01T05:15:00Z"), time("2013-12-31"));
        assert_eq!(
            period_of(time("2013-07-04T10:00:00Z"), first, last),
            "2013-07"
        );
        assert_eq!(
            period_of(time("2013-01-09T10:00:00Z"), first, time("2013-02-01")),
            "2013-01-08"
        );
    }

    #[test]
    fn a_loop_that_loses_is_told_as_losing() {
        let compared = |metric: &str, frozen, served| Comparison {
            metric: metric.to_owned(),
            frozen: Some(frozen),
            served: Some(served),
        };
        let order = |metric, frozen, served| compared(metric, frozen, served).order();
        assert_eq!(order("roc_auc", 0.6, 0.7), Some(Ordering::Greater));
        assert_eq!(order("log_loss", 0.5, 0.6), Some(Ordering::Less));
        assert_eq!(order("rmse", 2.0, 2.0), Some(Ordering::Equal));
        assert_eq!(Comparison::default().order(), None);
        let period = |metrics| Period {
            name: "2013-02".to_owned(),
            rows: 1,
            labelled: 1,
            metrics,
            alerts: 0,
            trainings: 0,
            refusals: 0,
            promotions: 0,
            rollbacks: 0,
            requests: 1,
            failures: 0,
            p50_ms: None,
            p99_ms: None,
        };
        let report = Report {
            history: String::new(),
            endpoint: String::new(),
            training_rows: 0,
            faults: Vec::new(),
            timeline: Vec::new(),
            periods: vec![
                period(vec![compared("log_loss", 0.5, 0.6)]),
                period(vec![compared("log_loss", 0.5, 0.4)]),
            ],
            total: period(vec![compared("log_loss", 0.5, 0.55)]),
            wall_seconds: 1.0,
            seed: 0,
        };
        assert_eq!(
            report.verdicts(),
            [
                "By log_loss the loop was worse than the frozen model over all (0.5500 against 0.5000): better in 1 periods, worse in 1, equal in 0."
            ]
        );
    }

    #[test]
    fn quantiles_are_nearest_ranks() {
        assert_eq!(quantile(&mut [3.0, 1.0, 2.0], 0.5), Some(2.0));
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
