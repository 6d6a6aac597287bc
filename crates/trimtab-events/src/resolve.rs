//! Which row a feedback speaks of.

use trimtab_types::PredictionId;

use crate::{
    EventsError, FeedbackAddress,
    index::{Hit, KeyHash, KeyKind},
    log::Shared,
    memory::Owner,
};

/// Everything that a key of an endpoint stands for.
pub(crate) fn hits(shared: &Shared, owner: &Owner, key: KeyHash) -> Result<Vec<Hit>, EventsError> {
    let (mut hits, files) = shared.read_state().find(owner, key);
    for file in files {
        for hit in file.find(key)? {
            if !hits.contains(&hit) {
                hits.push(hit);
            }
        }
    }
    Ok(hits)
}

/// The row at an address, `None` when there is none; several are an error.
pub(crate) fn row(
    shared: &Shared,
    owner: &Owner,
    address: &FeedbackAddress,
    place: usize,
) -> Result<Option<Hit>, EventsError> {
    let key = match address {
        FeedbackAddress::Prediction { id, .. } => KeyHash::of(KeyKind::Prediction, id.as_bytes()),
        FeedbackAddress::RowKey(key) => KeyHash::of(KeyKind::RowKey, key.as_bytes()),
        FeedbackAddress::ClientRequestId(id) => {
            KeyHash::of(KeyKind::ClientRequestId, id.as_bytes())
        }
    };
    let hits = hits(shared, owner, key)?;
    let mut rows: Vec<Hit> = match address {
        FeedbackAddress::RowKey(_) => hits,
        FeedbackAddress::Prediction { row: Some(row), .. } => hits
            .iter()
            .filter(|hit| *row < hit.rows)
            .map(|hit| Hit { row: *row, ..*hit })
            .collect(),
        FeedbackAddress::Prediction { row: None, .. } | FeedbackAddress::ClientRequestId(_) => hits
            .iter()
            .flat_map(|hit| (0..hit.rows).map(move |row| Hit { row, ..*hit }))
            .collect(),
    };
    // Champion and shadow answer under one id: one row.
    rows.sort_unstable_by_key(|hit| (hit.prediction, hit.row));
    rows.dedup_by_key(|hit| (hit.prediction, hit.row));
    match rows.as_slice() {
        [] => Ok(None),
        [row] => Ok(Some(*row)),
        several => Err(EventsError::AmbiguousAddress {
            endpoint: owner.1.clone(),
            address: address.to_string(),
            item: place,
            matches: several
                .iter()
                .map(|hit| (hit.prediction, hit.row))
                .collect::<Vec<(PredictionId, u32)>>(),
        }),
    }
}
