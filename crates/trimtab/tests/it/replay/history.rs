//! A made-up history: late or not, by distance, temperature and carrier. On one day what matters changes.

use std::fmt::Write as _;

use trimtab_types::{Duration, Time};

/// Its first day.
pub(super) const FIRST: &str = "2020-01-01";
/// Requests of a day, two rows each.
const REQUESTS: i64 = 100;

/// Numbers that look random and are the same everywhere (SplitMix64).
pub(super) struct Draw(pub(super) u64);

impl Draw {
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a small count"
    )]
    pub(super) fn below(&mut self, n: u32) -> u32 {
        (self.unit() * f64::from(n)) as u32
    }

    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) time: Time,
    pub(super) distance: f64,
    pub(super) temp: f64,
    pub(super) load: f64,
    pub(super) carrier: &'static str,
    pub(super) late: u8,
}

/// So many days; from `change` on distance hardly matters and temperature does.
pub(super) fn rows(days: u32, change: u32) -> Vec<Row> {
    let first: Time = FIRST.parse().unwrap();
    let mut draw = Draw(7);
    let mut rows = Vec::new();
    for day in 0..days {
        let (by_distance, by_temp) = if day < change { (1.5, 0.3) } else { (0.2, 1.8) };
        for request in 0..REQUESTS {
            let within = Duration::from_micros(request * 864_000_000);
            let time = first + Duration::from_days(i64::from(day)) + within;
            for _ in 0..2 {
                // Few distances, as of routes: values recur.
                let steps = (4.0 * draw.normal()).round();
                let distance = (1_200.0 + 100.0 * steps).clamp(100.0, 2_600.0);
                let temp = (50.0 + 15.0 * draw.normal()).round();
                let load = (draw.unit() * 1e3).round() / 1e3;
                let carrier = draw.below(4);
                let logit = -1.1
                    + by_distance * (distance - 1_200.0) / 400.0
                    + by_temp * (temp - 50.0) / 15.0
                    + 0.4 * (f64::from(carrier) - 1.5);
                let late = u8::from(draw.unit() < 1.0 / (1.0 + (-logit).exp()));
                rows.push(Row {
                    id: format!("r{:06}", rows.len()),
                    time,
                    distance,
                    temp,
                    load,
                    carrier: ["AA", "BB", "CC", "DD"][carrier as usize],
                    late,
                });
            }
        }
    }
    rows
}

pub(super) fn csv(rows: &[Row]) -> String {
    let mut csv = String::from("id,time,distance,temp,load,carrier,late\n");
    for row in rows {
        let Row {
            id,
            time,
            distance,
            temp,
            load,
            carrier,
            late,
        } = row;
        let _ = writeln!(
            csv,
            "{id},{time},{distance:.1},{temp:.1},{load:.3},{carrier},{late}"
        );
    }
    csv
}
