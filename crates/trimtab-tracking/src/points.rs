//! Points of metrics, as they are kept.
//!
//! A metric's history is the set of its points, in the order of time, step and value. Points that come one by one are rows
//! of `metric`; many points of one metric in one batch are one row of `metric_chunk`, which costs a hundredth of the
//! writes and a third of the space. Nobody looks for duplicates when chunks are written: a point is its own sort key, so
//! that sorting and removing repetitions when a history is read gives exactly the set.

use std::cmp::Ordering;

use trimtab_db::{DbError, Tx, Value, params};

use crate::sql::{join, split};

/// Points of one metric in one batch from which on they are a chunk. Below it, rows are as cheap.
pub(crate) const CHUNK_FROM: usize = 16;
/// The first byte of a chunk.
const VERSION: u8 = 1;

/// A point, ordered as histories are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(crate) at_ms: i64,
    pub(crate) step: i64,
    pub(crate) class: i64,
    pub(crate) stored: f64,
}

impl Point {
    pub(crate) fn new(at_ms: i64, step: i64, value: f64) -> Self {
        let (class, stored) = split(value);
        Self {
            at_ms,
            step,
            class,
            stored,
        }
    }

    pub(crate) fn value(&self) -> f64 {
        join(self.class, self.stored)
    }

    /// The order of charts: by step, then time.
    pub(crate) fn by_step(&self, other: &Self) -> Ordering {
        let key = |point: &Self| (point.step, point.at_ms, point.class);
        key(self)
            .cmp(&key(other))
            .then(self.stored.total_cmp(&other.stored))
    }
}

impl Ord for Point {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |point: &Self| (point.at_ms, point.step, point.class);
        key(self)
            .cmp(&key(other))
            .then(self.stored.total_cmp(&other.stored))
    }
}

impl PartialOrd for Point {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Point {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Point {}

fn low_byte(number: u64) -> u8 {
    number.to_le_bytes()[0]
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(low_byte(number) | 0x80);
        number >>= 7;
    }
    out.push(low_byte(number));
}

fn take(data: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = data.split_first()?;
        *data = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Small differences in either direction become small numbers.
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

/// Writes sorted points: the times as differences, the steps as differences, the classes where one is not 0, the values.
pub(crate) fn encode(points: &[Point]) -> Vec<u8> {
    let mut out = Vec::with_capacity(points.len() * 12 + 8);
    out.push(VERSION);
    put(&mut out, points.len() as u64);
    for column in [|point: &Point| point.at_ms, |point: &Point| point.step] {
        let mut last = 0_i64;
        for point in points {
            let number = column(point);
            put(&mut out, zigzag(number.wrapping_sub(last)));
            last = number;
        }
    }
    let is_plain = points.iter().all(|point| point.class == 0);
    out.push(u8::from(!is_plain));
    if !is_plain {
        // Classes run from -1 to 2.
        out.extend(
            points
                .iter()
                .map(|point| low_byte((point.class + 1).cast_unsigned())),
        );
    }
    for point in points {
        out.extend_from_slice(&point.stored.to_le_bytes());
    }
    out
}

/// Hands over every point of a chunk, or answers `None` when the bytes are no chunk.
pub(crate) fn decode(mut data: &[u8], each: &mut dyn FnMut(Point)) -> Option<()> {
    let data = &mut data;
    let (version, rest) = data.split_first()?;
    *data = rest;
    let count = usize::try_from(take(data)?).ok()?;
    // Every point takes at least ten bytes; a wrong count must not ask for memory.
    if *version != VERSION || count > data.len() / 10 {
        return None;
    }
    let column = |data: &mut &[u8]| -> Option<Vec<i64>> {
        let mut last = 0_i64;
        (0..count)
            .map(|_| {
                last = last.wrapping_add(unzigzag(take(data)?));
                Some(last)
            })
            .collect()
    };
    let (times, steps) = (column(data)?, column(data)?);
    let (has_classes, rest) = data.split_first()?;
    *data = rest;
    let classes = if *has_classes == 0 {
        None
    } else {
        let (classes, rest) = data.split_at_checked(count)?;
        *data = rest;
        Some(classes)
    };
    if data.len() != count * 8 {
        return None;
    }
    for (i, bytes) in data.chunks_exact(8).enumerate() {
        each(Point {
            at_ms: times[i],
            step: steps[i],
            class: classes.map_or(0, |classes| i64::from(classes[i]) - 1),
            stored: f64::from_le_bytes(bytes.try_into().ok()?),
        });
    }
    Some(())
}

/// What a metric's chunk says about itself.
#[derive(Debug)]
struct Chunk {
    no: i64,
    min_at: i64,
    count: u64,
}

fn chunks(tx: &mut Tx<'_>, run: i64, key: i64, from_ms: i64) -> Result<Vec<Chunk>, DbError> {
    tx.query(
        "SELECT no, min_at, points FROM metric_chunk WHERE run = ?1 AND key = ?2 AND max_at >= ?3 ORDER BY min_at, no",
        params![run, key, from_ms],
    )?
    .iter()
    .map(|row| {
        Ok(Chunk {
            no: row.get(0)?,
            min_at: row.get(1)?,
            count: row.get(2)?,
        })
    })
    .collect()
}

fn open(tx: &mut Tx<'_>, chunk: &Chunk, each: &mut dyn FnMut(Point)) -> Result<(), DbError> {
    let data: Vec<u8> = tx
        .query_one(
            "SELECT data FROM metric_chunk WHERE no = ?1",
            params![chunk.no],
        )?
        .get(0)?;
    decode(&data, each).ok_or_else(|| DbError::Decode {
        column: 0,
        expected: "points of a metric",
        found: format!("{} other bytes in chunk {}", data.len(), chunk.no),
    })
}

/// The first points of a metric after `after`, in order, at most `most`.
pub(crate) fn page(
    tx: &mut Tx<'_>,
    run: i64,
    key: i64,
    after: Option<Point>,
    most: usize,
) -> Result<Vec<Point>, DbError> {
    let is_wanted = |point: &Point| after.is_none_or(|after| *point > after);
    let mut points = Vec::new();
    let from_ms = after.map_or(i64::MIN, |after| after.at_ms);
    // One more than wanted at the time where the page begins, which may hold points before it.
    tx.each(
        "SELECT at_ms, step, class, value FROM metric WHERE run = ?1 AND key = ?2 AND at_ms >= ?3
         AND (at_ms > ?3 OR (step, class, value) > (?4, ?5, ?6)) ORDER BY at_ms, step, class, value LIMIT ?7",
        params![
            run,
            key,
            from_ms,
            after.map_or(i64::MIN, |after| after.step),
            after.map_or(i64::MIN, |after| after.class),
            after.map_or(f64::MIN, |after| after.stored),
            i64::try_from(most).unwrap_or(i64::MAX)
        ],
        &mut |row| {
            points.push(Point {
                at_ms: row.get(0)?,
                step: row.get(1)?,
                class: row.get(2)?,
                stored: row.get(3)?,
            });
            Ok(())
        },
    )?;
    for chunk in chunks(tx, run, key, from_ms)? {
        // Sorted whenever the page is full, so that its last point tells which chunks can still matter.
        if points.len() >= most {
            points.sort_unstable();
            points.dedup();
            points.truncate(most);
            if points.len() == most && points.last().is_some_and(|last| chunk.min_at > last.at_ms) {
                break;
            }
        }
        open(tx, &chunk, &mut |point| {
            if is_wanted(&point) {
                points.push(point);
            }
        })?;
    }
    points.sort_unstable();
    points.dedup();
    points.truncate(most);
    Ok(points)
}

/// Points that a sample looks at; of a longer history it takes every n-th.
const SAMPLED: u64 = 1 << 20;

/// Points of a metric between two steps, by step, thinned to about `most`: the first, the last, and every n-th between.
pub(crate) fn sample(
    tx: &mut Tx<'_>,
    run: i64,
    key: i64,
    (from, to): (i64, i64),
    most: usize,
) -> Result<Vec<Point>, DbError> {
    let chunks = chunks(tx, run, key, i64::MIN)?;
    let in_chunks: u64 = chunks.iter().map(|chunk| chunk.count).sum();
    let stride = in_chunks.div_ceil(SAMPLED).max(1);
    let mut points = Vec::new();
    tx.each(
        "SELECT at_ms, step, class, value FROM metric WHERE run = ?1 AND key = ?2 AND step >= ?3 AND step <= ?4",
        params![run, key, from, to],
        &mut |row| {
            points.push(Point {
                at_ms: row.get(0)?,
                step: row.get(1)?,
                class: row.get(2)?,
                stored: row.get(3)?,
            });
            Ok(())
        },
    )?;
    for chunk in &chunks {
        let mut place = 0;
        open(tx, chunk, &mut |point| {
            place += 1;
            let is_kept = place % stride == 0 || place == 1 || place == chunk.count;
            if is_kept && (from..=to).contains(&point.step) {
                points.push(point);
            }
        })?;
    }
    points.sort_by(Point::by_step);
    points.dedup();
    if points.len() > most {
        let (every, last) = (points.len().div_ceil(most), points.len() - 1);
        let mut place = 0..;
        points.retain(|_| {
            place
                .next()
                .is_some_and(|place| place % every == 0 || place == last)
        });
    }
    Ok(points)
}

/// The values of a chunk's row, without its number.
pub(crate) fn chunk_row(run: i64, key: i64, points: &[Point]) -> Vec<Value> {
    let at = |point: Option<&Point>| point.map_or(0, |point| point.at_ms);
    vec![
        run.into(),
        key.into(),
        at(points.first()).into(),
        at(points.last()).into(),
        (points.len() as u64).into(),
        encode(points).into(),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points() -> impl Strategy<Value = Vec<Point>> {
        let value = prop_oneof![
            any::<f64>(),
            Just(f64::NAN),
            Just(f64::INFINITY),
            Just(0.5),
            Just(-0.0)
        ];
        let number = || prop_oneof![any::<i64>(), 0..5_i64, Just(i64::MIN), Just(i64::MAX)];
        prop::collection::vec((number(), number(), value), 0..60).prop_map(|points| {
            points
                .into_iter()
                .map(|(at, step, value)| Point::new(at, step, value))
                .collect()
        })
    }

    fn read(data: &[u8]) -> Option<Vec<Point>> {
        let mut points = Vec::new();
        decode(data, &mut |point| points.push(point)).map(|()| points)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(points in points()) {
            let data = encode(&points);
            let found = read(&data);
            prop_assert_eq!(found.as_deref(), Some(&points[..]));
            for end in 0..data.len() {
                prop_assert!(read(&data[..end]).is_none_or(|part| part.is_empty()));
            }
        }

        #[test]
        fn other_bytes_are_refused_without_a_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&data);
            let _ = read(&[&[VERSION][..], &data].concat());
        }
    }

    #[test]
    fn a_hundred_steady_points_take_ten_bytes_each() {
        let points: Vec<Point> = (0..100)
            .map(|i| Point::new(1_760_000_000_000 + i, i, 0.1))
            .collect();
        assert!(encode(&points).len() < 1_030, "{}", encode(&points).len());
    }
}
