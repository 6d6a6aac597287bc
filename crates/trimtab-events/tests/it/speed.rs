//! Not a bar, a look: `cargo nextest run -p trimtab-events --run-ignored all speed --no-capture` (in release).

use std::time::Instant;

use trimtab_types::Duration;

use crate::support::{all, by_key, day, event, fixtures, scope};

#[tokio::test]
#[ignore = "prints figures; run it in release"]
async fn a_year_of_flights() {
    let fixture = fixtures().await.remove(0);
    let log = &fixture.log;
    let start = Instant::now();
    let cpu = cpu_seconds();
    let mut row = 0_u64;
    for request in 0..150_000_i64 {
        let keys: Vec<String> = (0..2 + u64::from(request % 4 == 0))
            .map(|n| format!("2013-{}", row + n))
            .collect();
        row += keys.len() as u64;
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut event = event(day(0) + Duration::from_secs(request * 210), &keys);
        for n in 0..10 {
            event.inputs.push((
                format!("feature_{n}"),
                trimtab_events::Column::Float(vec![Some(n.into()); keys.len()]),
            ));
        }
        while !log.log_prediction(event.clone()) {
            log.flush().await.unwrap();
        }
    }
    log.flush().await.unwrap();
    println!(
        "{row} rows logged: {:?} wall, {:.2} CPU s",
        start.elapsed(),
        cpu_seconds() - cpu
    );
    let (start, cpu) = (Instant::now(), cpu_seconds());
    for from in (0..row).step_by(1_000) {
        let items = (from..row.min(from + 1_000))
            .map(|n| by_key(&format!("2013-{n}"), day(1), 1.0))
            .collect();
        log.post_feedback(&scope(), items).await.unwrap();
    }
    println!(
        "{row} labels posted: {:?} wall, {:.2} CPU s",
        start.elapsed(),
        cpu_seconds() - cpu
    );
    for is_sealed in [false, true] {
        if is_sealed {
            let (start, cpu) = (Instant::now(), cpu_seconds());
            log.seal().await.unwrap();
            println!(
                "sealed: {:?} wall, {:.2} CPU s",
                start.elapsed(),
                cpu_seconds() - cpu
            );
        }
        for (name, from, days) in [
            ("day", 100, 1),
            ("month", 300, 30),
            ("month", 100, 30),
            ("year", 0, 366),
        ] {
            let q = trimtab_events::Scan {
                from: day(from),
                to: day(from + days),
                ..all()
            };
            let start = Instant::now();
            let rows: usize = log
                .predictions(&q)
                .await
                .unwrap()
                .iter()
                .map(arrow::record_batch::RecordBatch::num_rows)
                .sum();
            let predictions = start.elapsed();
            let start = Instant::now();
            let labelled: usize = log
                .labelled(&q, day(500))
                .await
                .unwrap()
                .iter()
                .map(arrow::record_batch::RecordBatch::num_rows)
                .sum();
            println!(
                "{name}: {rows} predictions {predictions:?}, {labelled} labelled {:?}",
                start.elapsed()
            );
        }
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    fields[11..13]
        .iter()
        .map(|ticks| ticks.parse::<f64>().unwrap() / 100.0)
        .sum()
}
