//! Offline runs of Weights & Biases, read while they are written: a head, then a log in LevelDB's format (blocks of 32 KiB,
//! chunks with CRC-32, length and kind), whose records are `wandb_internal.Record` messages
//! (`wandb/proto/wandb_internal.proto`).

use crate::wire::{self, fields};

/// What a record says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// The run's name.
    Name(String),
    /// A value of the configuration, nested names joined by dots.
    Config(String, String),
    /// A number of the history.
    Point {
        /// Its name, nested names joined by dots.
        key: String,
        /// The step.
        step: i64,
        /// When it was logged, in milliseconds since 1970, where the record says.
        at_ms: Option<i64>,
        /// Its value.
        value: f64,
    },
}

/// `:W&B`, the magic number 0xBEE1, the version 0.
const HEAD: [u8; 7] = [0x3a, 0x57, 0x26, 0x42, 0xe1, 0xbe, 0x00];
const BLOCK: usize = 32 << 10;
/// Checksum, length, kind.
const CHUNK: usize = 7;
/// The largest record that is put together.
const LARGEST: usize = 64 << 20;

/// Takes pieces of a file as it grows.
#[derive(Debug, Default)]
pub struct Reader {
    waiting: Vec<u8>,
    /// Where in the file `waiting` begins.
    place: usize,
    record: Vec<u8>,
    is_broken: bool,
}

impl Reader {
    /// Whether the file is no such log from some place on; nothing after that is read.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes the next piece; answers what its whole records say.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Said> {
        self.waiting.extend_from_slice(bytes);
        let mut said = Vec::new();
        let mut done = 0;
        if self.place == 0 && !self.is_broken {
            match self.waiting.get(..HEAD.len()) {
                None => return said,
                Some(head) if head == HEAD => done = HEAD.len(),
                Some(_) => self.is_broken = true,
            }
        }
        while !self.is_broken {
            let rest = &self.waiting[done..];
            let left = BLOCK - (self.place + done) % BLOCK;
            if left < CHUNK {
                if rest.len() < left {
                    break;
                }
                done += left;
                continue;
            }
            let Some((head, rest)) = rest.split_at_checked(CHUNK) else {
                break;
            };
            let length = usize::from(u16::from_le_bytes([head[4], head[5]]));
            let check = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
            let Some(data) = rest.get(..length) else {
                break;
            };
            if CHUNK + length > left || checksum(head[6], data) != check {
                self.is_broken = true;
                break;
            }
            self.is_broken = !take(head[6], data, &mut self.record, &mut said);
            done += CHUNK + length;
        }
        self.place += done;
        self.waiting.drain(..done);
        if self.is_broken {
            self.waiting = Vec::new();
            self.record = Vec::new();
        }
        said
    }
}

/// Takes a chunk: whole, or the first, a middle or the last of a record. Answers whether that can be.
fn take(kind: u8, data: &[u8], record: &mut Vec<u8>, said: &mut Vec<Said>) -> bool {
    if record.len() + data.len() > LARGEST {
        return false;
    }
    match kind {
        1 => read(data, said),
        2 => {
            record.clear();
            record.extend_from_slice(data);
        }
        3 => record.extend_from_slice(data),
        4 => {
            record.extend_from_slice(data);
            read(record, said);
            record.clear();
        }
        _ => return false,
    }
    true
}

fn checksum(kind: u8, data: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(&[kind]);
    sum.update(data);
    sum.sum()
}

fn read(record: &[u8], said: &mut Vec<Said>) {
    for (field, value) in fields(record) {
        match field {
            2 => history(value.message(), said),
            4 => config(value.message(), said),
            17 => {
                let run = value.message();
                if let Some(name) = wire::last(run, 8).and_then(wire::Value::text)
                    && !name.is_empty()
                {
                    said.push(Said::Name(name.to_owned()));
                }
                if let Some(of_run) = wire::last(run, 4) {
                    config(of_run.message(), said);
                }
            }
            _ => {}
        }
    }
}

/// The name and the JSON of a `HistoryItem`, `ConfigItem` or `SummaryItem`: key, nested keys, JSON.
fn item(message: &[u8]) -> Option<(String, serde_json::Value)> {
    let mut names = Vec::new();
    let mut json = None;
    for (field, value) in fields(message) {
        match field {
            1 | 2 => names.push(value.text().filter(|name| !name.is_empty())),
            16 => json = value.text(),
            _ => {}
        }
    }
    let names: Vec<&str> = names.into_iter().flatten().collect();
    // Python writes NaN and infinities into its JSON.
    let json = match json? {
        "NaN" => "\"NaN\"",
        "Infinity" => "\"Infinity\"",
        "-Infinity" => "\"-Infinity\"",
        json => json,
    };
    Some((names.join("."), serde_json::from_str(json).ok()?))
}

fn history(message: &[u8], said: &mut Vec<Said>) {
    let mut step = None;
    let mut at_s = None;
    let mut numbers = Vec::new();
    for (field, value) in fields(message) {
        if field == 2 {
            step = Some(wire::last(value.message(), 1).map_or(0, wire::Value::integer));
        } else if field == 1
            && let Some((key, json)) = item(value.message())
        {
            match key.as_str() {
                "_timestamp" => at_s = json.as_f64(),
                "_step" => step = step.or(json.as_i64()),
                // The other names of their own: `_runtime`, `_wandb`.
                key if key.starts_with('_') => {}
                _ => leaves(key, &json, &mut |key, leaf| {
                    if let Some(number) = real(leaf) {
                        numbers.push((key, number));
                    }
                }),
            }
        }
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates"
    )]
    let at_ms = at_s.map(|seconds| (seconds * 1000.0).round() as i64);
    said.extend(numbers.into_iter().map(|(key, value)| Said::Point {
        key,
        step: step.unwrap_or_default(),
        at_ms,
        value,
    }));
}

fn config(message: &[u8], said: &mut Vec<Said>) {
    for (field, value) in fields(message) {
        if field == 1
            && let Some((key, json)) = item(value.message())
            && !key.starts_with('_')
        {
            leaves(key, &json, &mut |key, leaf| {
                let value = leaf
                    .as_str()
                    .map_or_else(|| leaf.to_string(), str::to_owned);
                said.push(Said::Config(key, value));
            });
        }
    }
}

/// Every value of nested objects, names joined by dots; what Weights & Biases marks as media is none.
fn leaves(
    name: String,
    json: &serde_json::Value,
    take: &mut impl FnMut(String, &serde_json::Value),
) {
    match json.as_object() {
        Some(object) if object.contains_key("_type") => {}
        Some(object) => {
            for (key, value) in object {
                leaves(format!("{name}.{key}"), value, take);
            }
        }
        None => take(name, json),
    }
}

fn real(json: &serde_json::Value) -> Option<f64> {
    if let Some(number) = json.as_f64() {
        return Some(number);
    }
    match json.as_str() {
        Some("NaN") => Some(f64::NAN),
        Some("Infinity") => Some(f64::INFINITY),
        Some("-Infinity") => Some(f64::NEG_INFINITY),
        Some(_) | None => json.as_bool().map(|is_so| f64::from(u8::from(is_so))),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by wandb 0.31.0: see `tests/files/make.py`.
    const FILE: &[u8] = include_bytes!("../tests/files/offline.wandb");

    fn whole(bytes: &[u8]) -> Vec<Said> {
        Reader::default().push(bytes)
    }

    #[test]
    fn a_file_of_wandb() {
        let said = whole(FILE);
        assert!(said.contains(&Said::Name("first".into())));
        for (key, value) in [("lr", "0.1"), ("layers", "[1,2]"), ("opt.name", "adam")] {
            assert!(
                said.contains(&Said::Config(key.into(), value.into())),
                "{key}"
            );
        }
        let series = |name: &str| -> Vec<(i64, f64)> {
            said.iter()
                .filter_map(|one| match one {
                    Said::Point {
                        key,
                        step,
                        value,
                        at_ms: Some(_),
                    } if key == name => Some((*step, *value)),
                    Said::Point { .. } | Said::Name(_) | Said::Config(..) => None,
                })
                .collect()
        };
        let losses = series("loss");
        assert_eq!(losses.len(), 40);
        assert_eq!((losses[0], losses[3]), ((0, 1.0), (3, 0.25)));
        assert_eq!(series("nested.a").last(), Some(&(39, 39.0)));
        assert!(series("text").is_empty());
    }

    #[test]
    fn a_broken_checksum_ends_it() {
        let mut bytes = FILE.to_vec();
        bytes[40_000] ^= 1;
        let mut reader = Reader::default();
        let found = reader.push(&bytes);
        assert!(reader.is_broken() && !found.is_empty());
        assert!(found.len() < whole(FILE).len());
        let mut other = Reader::default();
        assert!(other.push(b"no such log").is_empty() && other.is_broken());
    }

    proptest! {
        #[test]
        fn pieces_are_as_the_whole(cuts in prop::collection::vec(0..FILE.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.push(0);
            cuts.push(FILE.len());
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let found: Vec<Said> = cuts.windows(2).flat_map(|cut| reader.push(&FILE[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, whole(FILE));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut file = HEAD.to_vec();
            file.extend(&bytes);
            let _ = whole(&file);
            read(&bytes, &mut Vec::new());
        }
    }
}
