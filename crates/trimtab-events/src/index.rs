//! From row keys, request ids and event ids to rows: a map for what lies in memory, and for what is sealed a file of
//! sorted hashes, of which memory holds one in 64.

use std::{
    collections::HashMap,
    fs::File,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use trimtab_types::{PredictionId, Time};

use crate::{EventsError, wal::file_error};

const MAGIC: &[u8; 8] = b"TRIMTKEY";
const VERSION: u32 = 1;
const HEAD: usize = 24;
const ENTRY: usize = 48;
/// Entries between two that are kept in memory.
const STRIDE: usize = 64;

/// What a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    RowKey = 1,
    ClientRequestId = 2,
    EventId = 3,
    Prediction = 4,
}

/// The first 128 bits of the BLAKE3 of kind and key: far too many for two keys of one endpoint to agree by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyHash([u8; 16]);

impl KeyHash {
    pub(crate) fn of(kind: KeyKind, key: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&[kind as u8]).update(key);
        let mut hash = [0; 16];
        hasher.finalize_xof().fill(&mut hash);
        Self(hash)
    }
}

/// What a key stands for: row `row` of a prediction, or (for ids of requests) a prediction of `rows` rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) prediction: PredictionId,
    pub(crate) row: u32,
    pub(crate) rows: u32,
    pub(crate) time: Time,
}

/// The keys of one generation of one endpoint, in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyMap(HashMap<KeyHash, Hits>);

/// Nearly every key has one hit.
#[derive(Debug, Clone)]
enum Hits {
    One(Hit),
    More(Vec<Hit>),
}

impl Hits {
    fn as_slice(&self) -> &[Hit] {
        match self {
            Self::One(hit) => std::slice::from_ref(hit),
            Self::More(hits) => hits,
        }
    }
}

impl KeyMap {
    pub(crate) fn insert(&mut self, key: KeyHash, hit: Hit) {
        match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, Hits::One(hit));
            }
            Some(hits) => {
                if !hits.as_slice().contains(&hit) {
                    let mut all = hits.as_slice().to_vec();
                    all.push(hit);
                    *hits = Hits::More(all);
                }
            }
        }
    }

    pub(crate) fn find(&self, key: KeyHash) -> &[Hit] {
        self.0.get(&key).map_or(&[], Hits::as_slice)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of an index file, and its number of entries.
    pub(crate) fn encode(&self) -> (Vec<u8>, u64) {
        let mut entries: Vec<(KeyHash, Hit)> = self
            .0
            .iter()
            .flat_map(|(key, hits)| hits.as_slice().iter().map(move |hit| (*key, *hit)))
            .collect();
        entries.sort_unstable_by_key(|(key, hit)| (*key, hit.prediction, hit.row));
        let mut bytes = Vec::with_capacity(HEAD + entries.len() * ENTRY);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&(entries.len() as u64).to_le_bytes());
        for (key, hit) in &entries {
            bytes.extend_from_slice(&key.0);
            bytes.extend_from_slice(hit.prediction.as_bytes());
            bytes.extend_from_slice(&hit.row.to_le_bytes());
            bytes.extend_from_slice(&hit.rows.to_le_bytes());
            bytes.extend_from_slice(&hit.time.as_micros().to_le_bytes());
        }
        (bytes, entries.len() as u64)
    }
}

/// An index file.
#[derive(Debug)]
pub(crate) struct KeyFile {
    file: File,
    path: PathBuf,
    entries: usize,
    /// The hash of every 64th entry.
    fence: Vec<KeyHash>,
}

impl KeyFile {
    pub(crate) fn open(path: &Path) -> Result<Self, EventsError> {
        let format = |reason: String| EventsError::Format {
            path: path.to_owned(),
            reason,
        };
        let bytes = std::fs::read(path).map_err(file_error("read", path))?;
        let head = bytes
            .first_chunk::<HEAD>()
            .filter(|head| &head[..8] == MAGIC)
            .ok_or_else(|| format("is not a key index of trimtab".to_owned()))?;
        let version = number::<4>(head, 8);
        if version > u64::from(VERSION) {
            return Err(format(format!(
                "has format {version}, this program knows up to {VERSION}"
            )));
        }
        let entries = usize::try_from(number::<8>(head, 16)).unwrap_or(usize::MAX);
        if entries.saturating_mul(ENTRY) != bytes.len() - HEAD {
            return Err(format(format!(
                "is damaged: {} bytes do not hold {entries} entries",
                bytes.len()
            )));
        }
        let fence = bytes[HEAD..]
            .chunks_exact(ENTRY)
            .step_by(STRIDE)
            .map(hash_of)
            .collect();
        Ok(Self {
            file: File::open(path).map_err(file_error("open", path))?,
            path: path.to_owned(),
            entries,
            fence,
        })
    }

    /// Every hit of a key.
    pub(crate) fn find(&self, key: KeyHash) -> Result<Vec<Hit>, EventsError> {
        let mut hits = Vec::new();
        // The first stride that can hold the key is the one before the first fence post that is not less.
        let mut stride = self
            .fence
            .partition_point(|post| *post < key)
            .saturating_sub(1);
        let mut buffer = [0; STRIDE * ENTRY];
        while stride * STRIDE < self.entries {
            let count = STRIDE.min(self.entries - stride * STRIDE);
            let bytes = &mut buffer[..count * ENTRY];
            self.file
                .read_exact_at(bytes, (HEAD + stride * STRIDE * ENTRY) as u64)
                .map_err(file_error("read", &self.path))?;
            for entry in bytes.chunks_exact(ENTRY) {
                match hash_of(entry).cmp(&key) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => hits.push(hit_of(entry)),
                    std::cmp::Ordering::Greater => return Ok(hits),
                }
            }
            stride += 1;
        }
        Ok(hits)
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> u64 {
    let mut wide = [0; 8];
    wide[..N].copy_from_slice(&bytes[at..at + N]);
    u64::from_le_bytes(wide)
}

fn sixteen(bytes: &[u8], at: usize) -> [u8; 16] {
    let mut wide = [0; 16];
    wide.copy_from_slice(&bytes[at..at + 16]);
    wide
}

fn hash_of(entry: &[u8]) -> KeyHash {
    KeyHash(sixteen(entry, 0))
}

fn hit_of(entry: &[u8]) -> Hit {
    Hit {
        prediction: PredictionId::from_bytes(sixteen(entry, 16)),
        row: u32::try_from(number::<4>(entry, 32)).unwrap_or(u32::MAX),
        rows: u32::try_from(number::<4>(entry, 36)).unwrap_or(u32::MAX),
        time: Time::from_micros(number::<8>(entry, 40).cast_signed()),
    }
}

/// Writes a file under a temporary name, syncs it and gives it its name; its folder is synced by the caller.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), EventsError> {
    let temporary = path.with_extension("partial");
    File::create(&temporary)
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .and_then(|()| std::fs::rename(&temporary, path))
        .map_err(file_error("write", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(n: u32) -> Hit {
        Hit {
            prediction: PredictionId::from_bytes([7; 16]),
            row: n,
            rows: 1,
            time: Time::from_micros(i64::from(n)),
        }
    }

    #[test]
    fn every_key_is_found_in_the_file_with_all_its_hits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.keys");
        for count in [0_u32, 1, 63, 64, 65, 1000] {
            let mut map = KeyMap::default();
            let key = |n: u32| KeyHash::of(KeyKind::RowKey, &n.to_le_bytes());
            for n in 0..count {
                map.insert(key(n), hit(n));
                map.insert(key(n), hit(n));
            }
            // One key with more hits than a stride.
            for n in 0..150 {
                map.insert(key(u32::MAX), hit(n));
            }
            write_synced(&path, &map.encode().0).unwrap();
            let file = KeyFile::open(&path).unwrap();
            for n in 0..count {
                assert_eq!(file.find(key(n)).unwrap(), [hit(n)]);
            }
            assert_eq!(file.find(key(u32::MAX)).unwrap().len(), 150);
            assert!(file.find(key(count + 1)).unwrap().is_empty());
            assert!(
                file.find(KeyHash::of(KeyKind::EventId, &1_u32.to_le_bytes()))
                    .unwrap()
                    .is_empty()
            );
        }
    }

    #[test]
    fn a_damaged_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.keys");
        let mut map = KeyMap::default();
        map.insert(KeyHash::of(KeyKind::RowKey, b"a"), hit(1));
        let (bytes, _) = map.encode();
        for (damaged, expected) in [
            (bytes[..bytes.len() - 1].to_vec(), "damaged"),
            (
                b"something else entirely, longer".to_vec(),
                "not a key index",
            ),
            ([&b"TRIMTKEY\x09"[..], &bytes[9..]].concat(), "format 9"),
        ] {
            std::fs::write(&path, damaged).unwrap();
            let error = KeyFile::open(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
