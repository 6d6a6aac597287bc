//! Event files of TensorBoard, read while they are written: TFRecord frames (a length, data, and masked CRC-32C of each,
//! as `tensorflow/core/lib/io/record_writer.h` has it) of `Event` messages (`tensorboard/compat/proto/event.proto`).

use crate::wire::{self, Value, fields};

/// A scalar.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// Its tag.
    pub tag: String,
    /// Its step.
    pub step: i64,
    /// When it was written, in milliseconds since 1970.
    pub at_ms: i64,
    /// Its value.
    pub value: f64,
}

/// Length and its checksum before the data, one more checksum after it.
const BEFORE: usize = 12;
const AFTER: usize = 4;
/// The largest record that is read: what is larger is no record.
const LARGEST: u64 = 256 << 20;

/// Takes pieces of a file as it grows.
#[derive(Debug, Default)]
pub struct Reader {
    waiting: Vec<u8>,
    is_broken: bool,
}

impl Reader {
    /// Whether the file is no event file from some place on; nothing after that is read.
    pub fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Takes the next piece; answers the scalars that are whole now.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Scalar> {
        self.waiting.extend_from_slice(bytes);
        let mut scalars = Vec::new();
        let mut done = 0;
        while !self.is_broken {
            let rest = &self.waiting[done..];
            let Some((before, rest)) = rest.split_at_checked(BEFORE) else {
                break;
            };
            let (length, check) = before.split_at(8);
            let size = u64::from_le_bytes(length.try_into().unwrap_or_default());
            if masked(length) != number(check) || size > LARGEST {
                self.is_broken = true;
                break;
            }
            let size = usize::try_from(size).unwrap_or(usize::MAX);
            let Some(data) = rest.get(..size) else { break };
            let Some(check) = rest.get(size..size + AFTER) else {
                break;
            };
            if masked(data) != number(check) {
                self.is_broken = true;
                break;
            }
            event(data, &mut scalars);
            done += BEFORE + size + AFTER;
        }
        self.waiting.drain(..done);
        if self.is_broken {
            self.waiting = Vec::new();
        }
        scalars
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.try_into().map_or(0, u32::from_le_bytes)
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
}

fn event(message: &[u8], scalars: &mut Vec<Scalar>) {
    let (mut wall, mut step, mut summary) = (0.0, 0, None);
    for (field, value) in fields(message) {
        match (field, value) {
            (1, Value::Fixed64(bits)) => wall = f64::from_bits(bits),
            (2, value) => step = value.integer(),
            (5, value) => summary = Some(value.message()),
            _ => {}
        }
    }
    let Some(summary) = summary else { return };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a float saturates"
    )]
    let at_ms = (wall * 1000.0).round() as i64;
    for (field, value) in fields(summary) {
        if field == 1
            && let Some((tag, value)) = scalar(value.message())
        {
            scalars.push(Scalar {
                tag,
                step,
                at_ms,
                value,
            });
        }
    }
}

fn scalar(message: &[u8]) -> Option<(String, f64)> {
    let tag = wire::last(message, 1)?.text()?.to_owned();
    if let Some(Value::Fixed32(bits)) = wire::last(message, 2) {
        return Some((tag, shortest(f32::from_bits(bits))));
    }
    let tensor = wire::last(message, 8)?.message();
    // `tensor_shape` (2): a scalar has no dimension.
    if wire::last(tensor, 2).is_some_and(|shape| fields(shape.message()).any(|(dim, _)| dim == 2)) {
        return None;
    }
    let kind = wire::last(tensor, 1).map_or(0, Value::integer);
    let content = wire::last(tensor, 4).map_or(&[][..], Value::message);
    let listed = |field| wire::last(tensor, field);
    // Types of `tensorflow/core/framework/types.proto`.
    let value = match kind {
        1 => match listed(5) {
            Some(Value::Fixed32(bits)) => shortest(f32::from_bits(bits)),
            Some(packed) => shortest(f32::from_le_bytes(first(packed.message())?)),
            None => shortest(f32::from_le_bytes(first(content)?)),
        },
        2 => match listed(6) {
            Some(Value::Fixed64(bits)) => f64::from_bits(bits),
            Some(packed) => f64::from_le_bytes(first(packed.message())?),
            None => f64::from_le_bytes(first(content)?),
        },
        3 => f64::from(i32::from_le_bytes(first(content)?)),
        #[expect(clippy::cast_precision_loss, reason = "metrics are doubles")]
        9 => i64::from_le_bytes(first(content)?) as f64,
        _ => return None,
    };
    Some((tag, value))
}

fn first<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.get(..N)?.try_into().ok()
}

/// The double that a person would read a float as: 0.1, not 0.10000000149011612.
fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Written by `torch.utils.tensorboard`: see `tests/files/make.py`.
    const FILE: &[u8] = include_bytes!("../tests/files/torch.tfevents");

    fn whole(bytes: &[u8]) -> Vec<Scalar> {
        Reader::default().push(bytes)
    }

    #[test]
    fn a_file_of_torch() {
        let scalars = whole(FILE);
        let losses: Vec<_> = scalars
            .iter()
            .filter(|one| one.tag == "loss/train")
            .collect();
        assert_eq!(losses.len(), 5);
        assert_eq!(
            *losses[1],
            Scalar {
                tag: "loss/train".into(),
                step: 1,
                at_ms: 1_700_000_001_000,
                value: 0.5
            }
        );
        let accuracies: Vec<f64> = scalars
            .iter()
            .filter(|one| one.tag == "acc")
            .map(|one| one.value)
            .collect();
        assert_eq!(accuracies, [0.0, 0.1, 0.2, 0.3, 0.4]);
        assert!(scalars.iter().all(|one| !one.tag.starts_with("note")));
    }

    #[test]
    fn a_broken_checksum_ends_it() {
        let mut bytes = FILE.to_vec();
        bytes[FILE.len() / 2] ^= 1;
        let mut reader = Reader::default();
        let found = reader.push(&bytes);
        assert!(reader.is_broken());
        let all = whole(FILE);
        assert!(!found.is_empty() && found.len() < all.len());
        assert_eq!(found, all[..found.len()]);
        assert!(reader.push(FILE).is_empty());
    }

    proptest! {
        #[test]
        fn pieces_are_as_the_whole(cuts in prop::collection::vec(0..FILE.len(), 0..6)) {
            let mut cuts = cuts;
            cuts.push(0);
            cuts.push(FILE.len());
            cuts.sort_unstable();
            let mut reader = Reader::default();
            let found: Vec<Scalar> = cuts.windows(2).flat_map(|cut| reader.push(&FILE[cut[0]..cut[1]])).collect();
            prop_assert_eq!(found, whole(FILE));
        }

        #[test]
        fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = whole(&bytes);
            let mut scalars = Vec::new();
            event(&bytes, &mut scalars);
        }
    }
}
