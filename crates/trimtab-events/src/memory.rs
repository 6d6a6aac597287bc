//! What is readable: the generations that are not sealed yet, in memory, and the files that are.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use arrow::record_batch::RecordBatch;
use trimtab_types::{Name, Time, WorkspaceId};

use crate::{
    EventsError, PredictionEvent, ServedAs,
    codec::FeedbackRecord,
    columns::predictions_batch,
    index::{Hit, KeyFile, KeyHash, KeyKind, KeyMap},
};

/// Whose events.
pub(crate) type Owner = (WorkspaceId, Name);

/// Events that are put into a batch together.
const CHUNK_ROWS: usize = 4_096;

/// Rows in a batch, with the times that they span.
#[derive(Debug, Clone)]
pub(crate) struct Chunk {
    pub(crate) batch: RecordBatch,
    pub(crate) span: Span,
}

/// From the first to the last event time, both included, and how many rows were served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) first: Time,
    pub(crate) last: Time,
    pub(crate) served: u64,
}

impl Span {
    fn of(event: &PredictionEvent) -> Self {
        let served = match event.served_as {
            ServedAs::Served => event.row_keys.len() as u64,
            ServedAs::Shadow => 0,
        };
        Self {
            first: event.event_time,
            last: event.event_time,
            served,
        }
    }

    pub(crate) fn with(self, other: Self) -> Self {
        Self {
            first: self.first.min(other.first),
            last: self.last.max(other.last),
            served: self.served + other.served,
        }
    }

    pub(crate) fn merge(into: &mut Option<Self>, other: Self) {
        *into = Some(into.map_or(other, |span| span.with(other)));
    }

    pub(crate) fn overlaps(&self, from: Time, to: Time) -> bool {
        self.first < to && self.last >= from
    }
}

/// One endpoint's events of one generation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) chunks: Vec<Chunk>,
    /// Events that are in no chunk yet.
    pub(crate) pending: Vec<Arc<PredictionEvent>>,
    pending_rows: usize,
    pub(crate) feedback: Vec<Arc<FeedbackRecord>>,
    pub(crate) keys: KeyMap,
    pub(crate) span: Option<Span>,
}

impl Table {
    fn add_prediction(&mut self, event: PredictionEvent) -> Result<(), EventsError> {
        let rows = event.row_keys.len();
        let hit = |row: usize, rows: usize| Hit {
            prediction: event.prediction_id,
            row: u32::try_from(row).unwrap_or(u32::MAX),
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            time: event.event_time,
        };
        for (row, key) in event.row_keys.iter().enumerate() {
            if let Some(key) = key {
                self.keys
                    .insert(KeyHash::of(KeyKind::RowKey, key.as_bytes()), hit(row, 1));
            }
        }
        self.keys.insert(
            KeyHash::of(KeyKind::Prediction, event.prediction_id.as_bytes()),
            hit(0, rows),
        );
        if let Some(id) = &event.client_request_id {
            self.keys.insert(
                KeyHash::of(KeyKind::ClientRequestId, id.as_bytes()),
                hit(0, rows),
            );
        }
        Span::merge(&mut self.span, Span::of(&event));
        self.pending_rows += rows;
        self.pending.push(Arc::new(event));
        if self.pending_rows >= CHUNK_ROWS {
            self.fold()?;
        }
        Ok(())
    }

    /// Puts pending events into a chunk.
    fn fold(&mut self) -> Result<(), EventsError> {
        let spans = self.pending.iter().map(|event| Span::of(event));
        if let Some(span) = spans.reduce(Span::with) {
            let batch = predictions_batch(&self.pending)?;
            self.chunks.push(Chunk { batch, span });
            self.pending.clear();
            self.pending_rows = 0;
        }
        Ok(())
    }

    fn add_feedback(&mut self, record: FeedbackRecord) {
        if let Some(id) = &record.event_id {
            let hit = Hit {
                prediction: record.prediction_id,
                row: record.row,
                rows: 1,
                time: record.prediction_time,
            };
            self.keys
                .insert(KeyHash::of(KeyKind::EventId, id.as_bytes()), hit);
        }
        self.feedback.push(Arc::new(record));
    }
}

/// The events of one file of the write-ahead log.
#[derive(Debug, Clone, Default)]
pub(crate) struct Generation {
    pub(crate) number: u64,
    pub(crate) tables: HashMap<Owner, Table>,
    pub(crate) rows: usize,
}

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    pub(crate) fn add_prediction(&mut self, event: PredictionEvent) -> Result<(), EventsError> {
        self.rows += event.row_keys.len().max(1);
        let owner = (event.workspace.clone(), event.endpoint.clone());
        self.tables.entry(owner).or_default().add_prediction(event)
    }

    pub(crate) fn add_feedback(&mut self, record: FeedbackRecord) {
        self.rows += 1;
        let owner = (record.workspace.clone(), record.endpoint.clone());
        self.tables.entry(owner).or_default().add_feedback(record);
    }
}

/// A sealed file of rows.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) path: PathBuf,
    pub(crate) span: Span,
}

/// An endpoint's sealed files.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    pub(crate) predictions: Vec<Arc<Segment>>,
    pub(crate) feedback: Vec<Arc<Segment>>,
    pub(crate) keys: Vec<Arc<KeyFile>>,
}

/// Everything readable.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The generation that is being written.
    pub(crate) open: Generation,
    /// Generations that are being sealed, oldest first.
    pub(crate) sealing: Vec<Arc<Generation>>,
    pub(crate) files: HashMap<Owner, Files>,
}

impl State {
    /// The generations in memory, oldest first.
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.sealing
            .iter()
            .map(AsRef::as_ref)
            .chain(std::iter::once(&self.open))
    }

    /// An endpoint's events in memory, oldest generation first.
    pub(crate) fn tables<'s>(&'s self, owner: &'s Owner) -> impl Iterator<Item = &'s Table> {
        self.generations()
            .filter_map(move |generation| generation.tables.get(owner))
    }

    /// What a key of an endpoint stands for, in memory; and the files to ask as well.
    pub(crate) fn find(&self, owner: &Owner, key: KeyHash) -> (Vec<Hit>, Vec<Arc<KeyFile>>) {
        let mut hits: Vec<Hit> = Vec::new();
        for table in self.tables(owner) {
            for hit in table.keys.find(key) {
                if !hits.contains(hit) {
                    hits.push(*hit);
                }
            }
        }
        let files = self.files.get(owner).map(|files| files.keys.clone());
        (hits, files.unwrap_or_default())
    }

    /// The endpoints of a workspace.
    pub(crate) fn owners(&self, workspace: &WorkspaceId) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self
            .generations()
            .flat_map(|generation| generation.tables.keys())
            .chain(self.files.keys())
            .filter(|(of, _)| of == workspace)
            .cloned()
            .collect();
        owners.sort();
        owners.dedup();
        owners
    }
}
