//! Frames of the write-ahead log: length and CRC32C, both little-endian `u32`, then the payload. A file begins with
//! magic, version, generation and how many prediction events were written before it.

/// No frame is longer; a greater length is damage.
const LONGEST: usize = 256 << 20;
const MAGIC: &[u8; 8] = b"TRIMTWAL";
const VERSION: u32 = 1;
/// The bytes of a file's head.
pub(crate) const HEAD: usize = 32;

/// The head of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) generation: u64,
    /// Prediction events written to earlier files.
    pub(crate) written_before: u64,
}

impl Head {
    pub(crate) fn encode(self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..20].copy_from_slice(&self.generation.to_le_bytes());
        bytes[20..28].copy_from_slice(&self.written_before.to_le_bytes());
        let crc = crc32c::crc32c(&bytes[..28]);
        bytes[28..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The head of a file, `Ok(None)` where the file ends within it (a crash while it was made).
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<Self>, String> {
        let Some(head) = bytes.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        if &head[..8] != MAGIC {
            return Err("is not a write-ahead log of trimtab".to_owned());
        }
        let version = u32_at(head, 8);
        if version > VERSION {
            return Err(format!(
                "has format {version}, this program knows up to {VERSION}"
            ));
        }
        if crc32c::crc32c(&head[..28]) != u32_at(head, 28) {
            return Err("has a damaged head".to_owned());
        }
        Ok(Some(Self {
            generation: u64_at(head, 12),
            written_before: u64_at(head, 20),
        }))
    }
}

/// Puts a frame at the end of `out`; `write` writes its payload.
pub(crate) fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    write(out);
    let length = u32::try_from(out.len() - start - 8).unwrap_or(u32::MAX);
    let crc = crc32c::crc32c(&out[start + 8..]);
    out[start..start + 4].copy_from_slice(&length.to_le_bytes());
    out[start + 4..start + 8].copy_from_slice(&crc.to_le_bytes());
}

/// The payloads in a sequence of frames, up to the first that is not whole.
#[derive(Debug)]
pub(crate) struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Frames<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes hold whole frames, of those seen so far.
    pub(crate) fn whole(&self) -> usize {
        self.at
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        let rest = &self.bytes[self.at..];
        let (head, rest) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u32_at(head, 0)).ok()?;
        // No record is empty, so zeroes (a file that was extended but not filled) are no frames.
        if length == 0 || length > LONGEST {
            return None;
        }
        let payload = rest.get(..length)?;
        if crc32c::crc32c(payload) != u32_at(head, 4) {
            return None;
        }
        self.at += 8 + length;
        Some(payload)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(payloads: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for payload in payloads {
            push(&mut bytes, |out| out.extend_from_slice(payload));
        }
        bytes
    }

    fn payloads() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12)
    }

    #[test]
    fn a_head_names_what_is_wrong_with_it() {
        let head = Head {
            generation: 7,
            written_before: 9,
        };
        let mut bytes = head.encode();
        assert_eq!(Head::decode(&bytes), Ok(Some(head)));
        assert_eq!(Head::decode(&bytes[..20]), Ok(None));
        bytes[8] = 9;
        assert!(Head::decode(&bytes).unwrap_err().contains("format 9"));
        bytes[8] = 1;
        bytes[12] = 8;
        assert!(Head::decode(&bytes).unwrap_err().contains("damaged"));
        bytes[0] = b'x';
        assert!(Head::decode(&bytes).unwrap_err().contains("not a write"));
    }

    proptest! {
        #[test]
        fn a_cut_log_gives_the_frames_before_the_cut(payloads in payloads(), cut in any::<prop::sample::Index>()) {
            let bytes = frames(&payloads);
            let cut = cut.index(bytes.len() + 1);
            let mut reader = Frames::new(&bytes[..cut]);
            let found: Vec<&[u8]> = reader.by_ref().collect();
            prop_assert!(found.len() <= payloads.len());
            prop_assert!(found.iter().zip(&payloads).all(|(found, payload)| found == payload));
            prop_assert_eq!(reader.whole(), frames(&payloads[..found.len()]).len());
        }

        #[test]
        fn a_flipped_bit_ends_the_log_there(payloads in payloads(), at in any::<prop::sample::Index>(), bit in 0..8_u32) {
            let mut bytes = frames(&payloads);
            prop_assume!(!bytes.is_empty());
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let mut whole_before = 0;
            let mut end = 0;
            for payload in &payloads {
                end += 8 + payload.len();
                if end <= at { whole_before += 1; } else { break; }
            }
            let found: Vec<&[u8]> = Frames::new(&bytes).collect();
            prop_assert_eq!(found.len(), whole_before);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Frames::new(&bytes).count();
            let _ = Head::decode(&bytes);
        }
    }
}
