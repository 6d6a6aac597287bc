//! How many prediction events were accepted, in a file that is mapped into memory: it survives a kill, so that the
//! next process knows how many of them never reached the write-ahead log.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use memmap2::MmapMut;

use crate::EventsError;

const MAGIC: &[u8; 8] = b"TRIMTACC";
const VERSION: u32 = 1;
const SIZE: usize = 32;

/// The mapped counter.
#[derive(Debug)]
pub(crate) struct Counter {
    map: Mutex<MmapMut>,
}

/// What the file said when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Counts {
    /// Events accepted since the log was made.
    pub(crate) accepted: u64,
    /// Events that were accepted and found nowhere after a kill, since the log was made.
    pub(crate) lost: u64,
}

impl Counter {
    pub(crate) fn open(path: &Path) -> Result<(Self, Counts), EventsError> {
        let file_error = |action| {
            let path = PathBuf::from(path);
            move |source| EventsError::File {
                action,
                path,
                source,
            }
        };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(file_error("open"))?;
        let length = file.metadata().map_err(file_error("open"))?.len();
        if length < SIZE as u64 {
            file.set_len(SIZE as u64).map_err(file_error("extend"))?;
        }
        #[expect(
            unsafe_code,
            reason = "mapping a file is unsafe because another process could cut it; the data folder's lock keeps others out"
        )]
        // SAFETY: the file is at least SIZE bytes long and lies in the locked data folder, where only we write.
        let mut map = unsafe { MmapMut::map_mut(&file) }.map_err(file_error("map"))?;
        if map[..8] == [0; 8] {
            map[..8].copy_from_slice(MAGIC);
            map[8..12].copy_from_slice(&VERSION.to_le_bytes());
        }
        let format_error = |reason: String| EventsError::Format {
            path: path.to_owned(),
            reason,
        };
        if &map[..8] != MAGIC {
            return Err(format_error("is not a counter of trimtab".to_owned()));
        }
        let version = u32::from_le_bytes([map[8], map[9], map[10], map[11]]);
        if version > VERSION {
            return Err(format_error(format!(
                "has format {version}, this program knows up to {VERSION}"
            )));
        }
        let counts = Counts {
            accepted: read(&map, 16),
            lost: read(&map, 24),
        };
        Ok((
            Self {
                map: Mutex::new(map),
            },
            counts,
        ))
    }

    pub(crate) fn add(&self) {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let accepted = read(&map, 16) + 1;
        map[16..24].copy_from_slice(&accepted.to_le_bytes());
    }

    pub(crate) fn get(&self) -> Counts {
        let map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        Counts {
            accepted: read(&map, 16),
            lost: read(&map, 24),
        }
    }

    pub(crate) fn set_lost(&self, lost: u64) {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        map[24..32].copy_from_slice(&lost.to_le_bytes());
    }
}

fn read(map: &MmapMut, at: usize) -> u64 {
    map[at..]
        .first_chunk()
        .map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
