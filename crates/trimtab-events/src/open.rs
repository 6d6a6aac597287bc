//! Opening: the manifest, then what an earlier process left in its write-ahead log.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use trimtab_db::Db;
use trimtab_types::Clock;

use crate::{
    EventsError,
    codec::Record,
    counter::Counter,
    frame::Head,
    index::KeyFile,
    log::Shared,
    memory::{Generation, State},
    queue::Queue,
    segment,
    sql::{self, Manifest},
    wal::{self, Wal, file_error},
};

pub(crate) struct Opened {
    pub(crate) shared: Shared,
    pub(crate) wal: Wal,
    pub(crate) next_seq: u64,
    /// Generations to be sealed.
    pub(crate) recovered: Vec<Arc<Generation>>,
}

pub(crate) async fn open(dir: &Path, db: Db, clock: Clock) -> Result<Opened, EventsError> {
    let root = dir.to_owned();
    let (writer, wal_folder) = blocking(move || writer_folder(&root)).await?;
    let of_manifest = writer.clone();
    let manifest = db.read(move |tx| sql::manifest(tx, &of_manifest)).await?;
    let root = dir.to_owned();
    blocking(move || take_up(root, wal_folder, writer, manifest, db, clock)).await
}

async fn blocking<T: Send + 'static>(
    run: impl FnOnce() -> Result<T, EventsError> + Send + 'static,
) -> Result<T, EventsError> {
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|error| EventsError::Unwritable {
            reason: error.to_string(),
        })?
}

/// The writer that lives here, or a new one.
fn writer_folder(root: &Path) -> Result<(String, PathBuf), EventsError> {
    let wals = root.join("wal");
    std::fs::create_dir_all(&wals).map_err(file_error("make", &wals))?;
    let mut writers = Vec::new();
    for entry in std::fs::read_dir(&wals).map_err(file_error("list", &wals))? {
        let entry = entry.map_err(file_error("list", &wals))?;
        if entry.path().is_dir() {
            writers.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let writer = writers
        .into_iter()
        .min()
        .unwrap_or_else(|| uuid::Uuid::now_v7().simple().to_string());
    let folder = wals.join(&writer);
    std::fs::create_dir_all(&folder).map_err(file_error("make", &folder))?;
    for folder in [&folder, &wals, &root.to_owned()] {
        wal::sync_folder(folder)?;
    }
    Ok((writer, folder))
}

fn take_up(
    root: PathBuf,
    wal_folder: PathBuf,
    writer: String,
    manifest: Manifest,
    db: Db,
    clock: Clock,
) -> Result<Opened, EventsError> {
    let mut state = State::default();
    for row in &manifest.segments {
        let owner = (row.workspace.clone(), row.endpoint.clone());
        let files = state.files.entry(owner).or_default();
        let segments = if row.kind == segment::FEEDBACK {
            &mut files.feedback
        } else {
            &mut files.predictions
        };
        segments.push(segment::opened(&root, row));
    }
    for row in &manifest.indexes {
        let owner = (row.workspace.clone(), row.endpoint.clone());
        let file = KeyFile::open(&root.join(&row.path))?;
        state
            .files
            .entry(owner)
            .or_default()
            .keys
            .push(Arc::new(file));
    }
    let (counter, counts) = Counter::open(&wal_folder.join("accepted"))?;
    let mut newest = manifest.sealed_generation;
    let mut next_seq = manifest.feedback_seq.max(1);
    // All events that reached a file; a clean end leaves none but these.
    let mut written = None;
    let mut recovered = Vec::new();
    for number in wal::generations(&wal_folder)? {
        let path = wal::path_of(&wal_folder, number);
        newest = newest.max(number);
        if number <= manifest.sealed_generation {
            std::fs::remove_file(&path).map_err(file_error("remove", &path))?;
            continue;
        }
        let Some(found) = wal::recover(&path)? else {
            continue;
        };
        if found.head.generation != number {
            return Err(EventsError::Format {
                path,
                reason: format!("says that it is generation {}", found.head.generation),
            });
        }
        let mut generation = Generation::new(number);
        let mut predictions = 0;
        for record in found.records {
            match record {
                Record::Prediction(event) => {
                    predictions += 1;
                    generation.add_prediction(*event)?;
                }
                Record::Feedback(record) => {
                    next_seq = next_seq.max(record.seq + 1);
                    generation.add_feedback(*record);
                }
            }
        }
        written = Some(found.head.written_before + predictions);
        if generation.rows == 0 {
            std::fs::remove_file(&path).map_err(file_error("remove", &path))?;
        } else {
            recovered.push(Arc::new(generation));
        }
    }
    let written = written.unwrap_or(counts.accepted.saturating_sub(counts.lost));
    let lost = counts.accepted.saturating_sub(written);
    if lost > counts.lost {
        tracing::warn!(
            events = lost - counts.lost,
            "prediction events were accepted and lost when the process was killed"
        );
        counter.set_lost(lost);
    }
    let head = Head {
        generation: newest + 1,
        written_before: written,
    };
    let wal = Wal::create(&wal_folder, head)?;
    state.open = Generation::new(head.generation);
    state.sealing.clone_from(&recovered);
    let shared = Shared {
        root,
        wal_folder,
        writer,
        db,
        clock,
        queue: Queue::default(),
        state: RwLock::new(state),
        counter,
        holds: Arc::default(),
        written: AtomicU64::default(),
        dropped: AtomicU64::default(),
    };
    shared.written.store(written, Ordering::Relaxed);
    Ok(Opened {
        shared,
        wal,
        next_seq,
        recovered,
    })
}
