//! Turns full generations into segments: files first, then the manifest, then the write-ahead log goes.

use std::{sync::Arc, time::Duration};

use tokio::sync::mpsc;
use trimtab_db::Lane;

use crate::{
    EventsError,
    index::KeyFile,
    log::Shared,
    memory::{Generation, Owner, Segment},
    queue::Reply,
    segment,
    sql::{self, Sealed},
    wal,
    writer::answer,
};

/// How long to wait after a failure, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// One generation to seal; without one, only the answer that all before it are done.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) generation: Option<Arc<Generation>>,
    pub(crate) feedback_seq: u64,
    pub(crate) reply: Option<Reply<()>>,
}

/// Seals one generation after the other until the writer ends or the process shuts down (what is left then stays in
/// the write-ahead log).
pub(crate) async fn run(
    shared: Arc<Shared>,
    mut jobs: mpsc::Receiver<Job>,
    cancelled: impl Future<Output = ()>,
) {
    let mut cancelled = std::pin::pin!(cancelled);
    loop {
        let job = tokio::select! {
            biased;
            () = &mut cancelled => return,
            job = jobs.recv() => job,
        };
        let Some(mut job) = job else { return };
        let mut wait = FIRST_WAIT;
        while let Some(generation) = &job.generation {
            match seal(&shared, generation, job.feedback_seq).await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        generation = generation.number,
                        "events cannot be sealed; they stay in the write-ahead log"
                    );
                    if let Some(reply) = job.reply.take() {
                        answer(reply, Err(error));
                    }
                }
            }
            tokio::select! {
                biased;
                () = &mut cancelled => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
        if let Some(reply) = job.reply {
            answer(reply, Ok(()));
        }
    }
}

/// The new files of one endpoint.
struct New {
    owner: Owner,
    predictions: Vec<Arc<Segment>>,
    feedback: Vec<Arc<Segment>>,
    keys: Option<Arc<KeyFile>>,
}

async fn seal(
    shared: &Arc<Shared>,
    generation: &Arc<Generation>,
    feedback_seq: u64,
) -> Result<(), EventsError> {
    let (of_files, full) = (Arc::clone(shared), Arc::clone(generation));
    let files = tokio::task::spawn_blocking(move || write(&of_files, &full, feedback_seq));
    let (sealed, new) = files.await.map_err(|error| EventsError::Unwritable {
        reason: error.to_string(),
    })??;
    shared
        .db
        .write(Lane::Bulk, move |tx| sql::record(tx, &sealed))
        .await?;
    let emptied = {
        let mut state = shared.write_state();
        for new in new {
            let files = state.files.entry(new.owner).or_default();
            files.predictions.extend(new.predictions);
            files.feedback.extend(new.feedback);
            files.keys.extend(new.keys);
        }
        let place = state
            .sealing
            .iter()
            .position(|other| other.number == generation.number);
        place.map(|place| state.sealing.remove(place))
    };
    drop(emptied);
    let path = wal::path_of(&shared.wal_folder, generation.number);
    shared.holds.remove(path);
    Ok(())
}

fn write(
    shared: &Shared,
    generation: &Generation,
    feedback_seq: u64,
) -> Result<(Sealed, Vec<New>), EventsError> {
    let mut sealed = Sealed {
        writer: shared.writer.clone(),
        generation: generation.number,
        feedback_seq,
        segments: Vec::new(),
        indexes: Vec::new(),
    };
    let mut files = Vec::new();
    for (owner, table) in &generation.tables {
        let (rows, index) = segment::write_table(
            &shared.root,
            owner,
            &shared.writer,
            generation.number,
            table,
        )?;
        let open = |kind: &str| {
            let of_kind = rows.iter().filter(|row| row.kind == kind);
            of_kind
                .map(|row| segment::opened(&shared.root, row))
                .collect()
        };
        files.push(New {
            owner: owner.clone(),
            predictions: open(segment::PREDICTION),
            feedback: open(segment::FEEDBACK),
            keys: index
                .as_ref()
                .map(|row| KeyFile::open(&shared.root.join(&row.path)).map(Arc::new))
                .transpose()?,
        });
        sealed.segments.extend(rows);
        sealed.indexes.extend(index);
    }
    Ok((sealed, files))
}
