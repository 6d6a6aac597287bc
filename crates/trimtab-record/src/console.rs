//! What a process wrote to its console, bounded: the beginning, and the end; what was between is counted.

use std::collections::VecDeque;

/// How much of the beginning is kept, in bytes.
const HEAD: usize = 16 << 20;
/// How much of the end is kept after that, in bytes.
const TAIL: usize = 1 << 20;

/// Standard output and standard error, in the order in which they came.
#[derive(Debug)]
pub struct Console {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    written: u64,
    limits: (usize, usize),
}

impl Default for Console {
    fn default() -> Self {
        Self::limited(HEAD, TAIL)
    }
}

impl Console {
    /// Keeps so many bytes of the beginning and of the end.
    pub fn limited(head: usize, tail: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            written: 0,
            limits: (head, tail),
        }
    }

    /// Adds what was written.
    pub fn push(&mut self, bytes: &[u8]) {
        let (head, tail) = self.limits;
        self.written += bytes.len() as u64;
        let room = head.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        // Of a piece longer than the tail only its end can stay.
        self.tail.extend(&rest[rest.len().saturating_sub(tail)..]);
        let over = self.tail.len().saturating_sub(tail);
        self.tail.drain(..over);
    }

    /// How many bytes were written in all.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// What was written from there on, with a line where something is missing.
    pub fn since(&self, from: u64) -> Vec<u8> {
        self.part(from, self.written)
    }

    /// What was written between two places, with a line where something is missing.
    pub fn part(&self, from: u64, to: u64) -> Vec<u8> {
        let place = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        let to = to.min(self.written);
        let head = self.head.len() as u64;
        let tail_begins = self.written - self.tail.len() as u64;
        let mut text = Vec::new();
        if from < to.min(head) {
            text.extend_from_slice(&self.head[place(from)..place(to.min(head))]);
        }
        let missing = tail_begins.min(to).saturating_sub(from.max(head));
        if missing > 0 {
            text.extend_from_slice(format!("\n[{missing} bytes are not kept]\n").as_bytes());
        }
        let skip = from.saturating_sub(tail_begins);
        let length = to.saturating_sub(tail_begins.max(from));
        text.extend(self.tail.iter().skip(place(skip)).take(place(length)));
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_middle_is_counted() {
        let mut console = Console::limited(4, 3);
        console.push(b"abcdefghij");
        assert_eq!(console.since(0), b"abcd\n[3 bytes are not kept]\nhij");
        assert_eq!(console.since(2), b"cd\n[3 bytes are not kept]\nhij");
        assert_eq!(console.since(9), b"j");
        assert_eq!(console.since(10), b"");
        assert_eq!(console.part(1, 3), b"bc");
        assert_eq!(console.part(3, 8), b"d\n[3 bytes are not kept]\nh");
        assert_eq!(console.part(3, 6), b"d\n[2 bytes are not kept]\n");
        assert_eq!(console.part(7, 9), b"hi");
        assert_eq!(console.part(9, 99), b"j");
        assert_eq!(console.part(5, 2), b"");
        assert_eq!(console.written(), 10);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_within_the_limits(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9), from in 0u64..40, to in 0u64..90) {
            let all: Vec<u8> = pieces.concat();
            let mut whole = Console::limited(40, 40);
            let mut split = Console::limited(5, 80);
            let mut small = Console::limited(3, 2);
            for piece in &pieces {
                whole.push(piece);
                split.push(piece);
                small.push(piece);
            }
            let start = usize::try_from(from).unwrap().min(all.len());
            prop_assert_eq!(whole.since(from), &all[start..]);
            prop_assert_eq!(split.since(from), &all[start..]);
            let end = usize::try_from(to).unwrap().min(all.len()).max(start);
            prop_assert_eq!(whole.part(from, to), &all[start..end]);
            prop_assert_eq!(split.part(from, to), &all[start..end]);
            let _ = small.part(from, to);
            prop_assert!(small.since(0).ends_with(&all[all.len().saturating_sub(2)..]));
        }
    }
}
