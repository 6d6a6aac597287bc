//! The compact form of a record in a frame: a version byte, then fields in a fixed order; integers are LEB128 varints
//! (signed ones zigzag), text is length + UTF-8.

use trimtab_types::{Name, PredictionId, RevisionId, Time, WorkspaceId};

use crate::{Column, FeedbackValue, PredictionEvent, ServedAs};

const PREDICTION: u8 = 1;
const FEEDBACK: u8 = 2;

/// Feedback as it is stored: resolved to one row of one prediction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FeedbackRecord {
    pub(crate) workspace: WorkspaceId,
    pub(crate) endpoint: Name,
    /// The order of arrival; of two records for one row the greater wins.
    pub(crate) seq: u64,
    pub(crate) event_id: Option<String>,
    pub(crate) prediction_id: PredictionId,
    pub(crate) row: u32,
    pub(crate) prediction_time: Time,
    pub(crate) event_time: Time,
    pub(crate) received_at: Time,
    pub(crate) value: FeedbackValue,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Record {
    Prediction(Box<PredictionEvent>),
    Feedback(Box<FeedbackRecord>),
}

/// The payload is not a record that this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("holds a record with {0}")]
pub(crate) struct CodecError(pub(crate) &'static str);

pub(crate) fn encode_prediction(out: &mut Vec<u8>, event: &PredictionEvent) {
    out.push(PREDICTION);
    text(out, event.workspace.as_str());
    text(out, event.endpoint.as_str());
    signed(out, event.event_time.as_micros());
    signed(out, event.received_at.as_micros());
    out.extend_from_slice(event.prediction_id.as_bytes());
    optional(out, event.client_request_id.as_deref());
    text(out, &event.assignment_key);
    out.extend_from_slice(event.revision.as_bytes());
    signed(out, event.model_version);
    out.push(u8::from(event.served_as == ServedAs::Shadow));
    signed(out, event.latency_us);
    optional(out, event.error.as_deref());
    unsigned(out, event.row_keys.len() as u64);
    for key in &event.row_keys {
        optional(out, key.as_deref());
    }
    values(out, &event.scores, |out, value| {
        out.extend_from_slice(&value.to_le_bytes());
    });
    for columns in [&event.inputs, &event.outputs] {
        unsigned(out, columns.len() as u64);
        for (name, column) in columns {
            text(out, name);
            match column {
                Column::Int(list) => {
                    out.push(0);
                    values(out, list, |out, value| signed(out, *value));
                }
                Column::Float(list) => {
                    out.push(1);
                    values(out, list, |out, value| {
                        out.extend_from_slice(&value.to_le_bytes());
                    });
                }
                Column::Text(list) => {
                    out.push(2);
                    values(out, list, |out, value| text(out, value));
                }
                Column::Bool(list) => {
                    out.push(3);
                    values(out, list, |out, value| out.push(u8::from(*value)));
                }
            }
        }
    }
}

pub(crate) fn encode_feedback(out: &mut Vec<u8>, record: &FeedbackRecord) {
    out.push(FEEDBACK);
    text(out, record.workspace.as_str());
    text(out, record.endpoint.as_str());
    unsigned(out, record.seq);
    optional(out, record.event_id.as_deref());
    out.extend_from_slice(record.prediction_id.as_bytes());
    unsigned(out, record.row.into());
    signed(out, record.prediction_time.as_micros());
    signed(out, record.event_time.as_micros());
    signed(out, record.received_at.as_micros());
    match &record.value {
        FeedbackValue::Number(number) => {
            out.push(0);
            out.extend_from_slice(&number.to_le_bytes());
        }
        FeedbackValue::Text(value) => {
            out.push(1);
            text(out, value);
        }
    }
}

pub(crate) fn decode(payload: &[u8]) -> Result<Record, CodecError> {
    let mut reader = Reader(payload);
    let record = match reader.byte()? {
        PREDICTION => Record::Prediction(Box::new(prediction(&mut reader)?)),
        FEEDBACK => Record::Feedback(Box::new(feedback(&mut reader)?)),
        _ => return Err(CodecError("an unknown version: a newer `trimtab` wrote it")),
    };
    if reader.0.is_empty() {
        Ok(record)
    } else {
        Err(CodecError("bytes left over"))
    }
}

fn prediction(reader: &mut Reader<'_>) -> Result<PredictionEvent, CodecError> {
    let workspace = reader.workspace()?;
    let endpoint = reader.name()?;
    let event_time = reader.time()?;
    let received_at = reader.time()?;
    let prediction_id = PredictionId::from_bytes(reader.array()?);
    let client_request_id = reader.optional()?;
    let assignment_key = reader.text()?;
    let revision = RevisionId::from_bytes(reader.array()?);
    let model_version = reader.signed()?;
    let served_as = match reader.byte()? {
        0 => ServedAs::Served,
        1 => ServedAs::Shadow,
        _ => return Err(CodecError("an unknown way of serving")),
    };
    let latency_us = reader.signed()?;
    let error = reader.optional()?;
    let rows = reader.length()?;
    let mut row_keys = Vec::with_capacity(rows);
    for _ in 0..rows {
        row_keys.push(reader.optional()?);
    }
    let scores = reader.values(rows, Reader::double)?;
    let inputs = columns(reader, rows)?;
    let outputs = columns(reader, rows)?;
    Ok(PredictionEvent {
        workspace,
        endpoint,
        event_time,
        received_at,
        prediction_id,
        client_request_id,
        assignment_key,
        revision,
        model_version,
        served_as,
        row_keys,
        scores,
        inputs,
        outputs,
        latency_us,
        error,
    })
}

fn columns(reader: &mut Reader<'_>, rows: usize) -> Result<Vec<(String, Column)>, CodecError> {
    let count = reader.length()?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        let name = reader.text()?;
        let column = match reader.byte()? {
            0 => Column::Int(reader.values(rows, Reader::signed)?),
            1 => Column::Float(reader.values(rows, Reader::double)?),
            2 => Column::Text(reader.values(rows, Reader::text)?),
            3 => Column::Bool(reader.values(rows, |reader| Ok(reader.byte()? != 0))?),
            _ => return Err(CodecError("a column of unknown type")),
        };
        columns.push((name, column));
    }
    Ok(columns)
}

fn feedback(reader: &mut Reader<'_>) -> Result<FeedbackRecord, CodecError> {
    Ok(FeedbackRecord {
        workspace: reader.workspace()?,
        endpoint: reader.name()?,
        seq: reader.unsigned()?,
        event_id: reader.optional()?,
        prediction_id: PredictionId::from_bytes(reader.array()?),
        row: u32::try_from(reader.unsigned()?).map_err(|_| CodecError("a row beyond 2^32"))?,
        prediction_time: reader.time()?,
        event_time: reader.time()?,
        received_at: reader.time()?,
        value: match reader.byte()? {
            0 => FeedbackValue::Number(reader.double()?),
            1 => FeedbackValue::Text(reader.text()?),
            _ => return Err(CodecError("an outcome of unknown type")),
        },
    })
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

fn signed(out: &mut Vec<u8>, value: i64) {
    unsigned(out, ((value << 1) ^ (value >> 63)).cast_unsigned());
}

fn text(out: &mut Vec<u8>, value: &str) {
    unsigned(out, value.len() as u64);
    out.extend_from_slice(value.as_bytes());
}

fn optional(out: &mut Vec<u8>, value: Option<&str>) {
    out.push(u8::from(value.is_some()));
    if let Some(value) = value {
        text(out, value);
    }
}

/// Values without their number: 0 when none is null, else 1 and a byte before each.
fn values<T>(out: &mut Vec<u8>, list: &[Option<T>], mut write: impl FnMut(&mut Vec<u8>, &T)) {
    let has_nulls = list.iter().any(Option::is_none);
    out.push(u8::from(has_nulls));
    for value in list {
        if has_nulls {
            out.push(u8::from(value.is_some()));
        }
        if let Some(value) = value {
            write(out, value);
        }
    }
}

const SHORT: CodecError = CodecError("fewer bytes than it announces");

struct Reader<'p>(&'p [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], CodecError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(SHORT)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, CodecError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], CodecError> {
        self.take(N)?.try_into().map_err(|_| SHORT)
    }

    fn double(&mut self) -> Result<f64, CodecError> {
        self.array().map(f64::from_le_bytes)
    }

    fn unsigned(&mut self) -> Result<u64, CodecError> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(CodecError("a number beyond 64 bits"))
    }

    fn signed(&mut self) -> Result<i64, CodecError> {
        let value = self.unsigned()?;
        Ok((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
    }

    /// A number of things, each of which takes at least a byte: never more than there are bytes.
    fn length(&mut self) -> Result<usize, CodecError> {
        let count = usize::try_from(self.unsigned()?).map_err(|_| SHORT)?;
        if count > self.0.len() {
            Err(SHORT)
        } else {
            Ok(count)
        }
    }

    fn text(&mut self) -> Result<String, CodecError> {
        let length = self.length()?;
        let bytes = self.take(length)?.to_vec();
        String::from_utf8(bytes).map_err(|_| CodecError("text that is not UTF-8"))
    }

    fn optional(&mut self) -> Result<Option<String>, CodecError> {
        match self.byte()? {
            0 => Ok(None),
            _ => self.text().map(Some),
        }
    }

    fn time(&mut self) -> Result<Time, CodecError> {
        self.signed().map(Time::from_micros)
    }

    fn name(&mut self) -> Result<Name, CodecError> {
        self.text()?.parse().map_err(|_| CodecError("a bad name"))
    }

    fn workspace(&mut self) -> Result<WorkspaceId, CodecError> {
        WorkspaceId::new(&self.text()?).map_err(|_| CodecError("a bad workspace"))
    }

    fn values<T>(
        &mut self,
        rows: usize,
        mut read: impl FnMut(&mut Self) -> Result<T, CodecError>,
    ) -> Result<Vec<Option<T>>, CodecError> {
        let has_nulls = self.byte()? != 0;
        let mut list = Vec::with_capacity(rows);
        for _ in 0..rows {
            let is_there = !has_nulls || self.byte()? != 0;
            list.push(if is_there { Some(read(self)?) } else { None });
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event() -> impl Strategy<Value = PredictionEvent> {
        let fixed = (
            any::<i64>(),
            any::<i64>(),
            any::<[u8; 16]>(),
            any::<[u8; 16]>(),
            any::<bool>(),
        );
        let texts = (
            any::<Option<String>>(),
            any::<String>(),
            any::<Option<String>>(),
        );
        (0_usize..5, fixed, texts).prop_flat_map(|(rows, fixed, texts)| {
            let list = move || {
                (
                    prop::collection::vec(any::<Option<i64>>(), rows),
                    prop::collection::vec(prop::option::of(-1e300..1e300_f64), rows),
                    prop::collection::vec(any::<Option<String>>(), rows),
                    prop::collection::vec(any::<Option<bool>>(), rows),
                )
            };
            (list(), list()).prop_map(move |(a, b)| PredictionEvent {
                workspace: WorkspaceId::default(),
                endpoint: "flights".parse().unwrap(),
                event_time: Time::from_micros(fixed.0),
                received_at: Time::from_micros(fixed.1),
                prediction_id: PredictionId::from_bytes(fixed.2),
                client_request_id: texts.0.clone(),
                assignment_key: texts.1.clone(),
                revision: RevisionId::from_bytes(fixed.3),
                model_version: fixed.0,
                served_as: if fixed.4 {
                    ServedAs::Served
                } else {
                    ServedAs::Shadow
                },
                row_keys: a.2.clone(),
                scores: a.1.clone(),
                inputs: vec![
                    ("int".to_owned(), Column::Int(a.0)),
                    ("float".to_owned(), Column::Float(a.1)),
                    ("text".to_owned(), Column::Text(a.2)),
                    ("bool".to_owned(), Column::Bool(a.3)),
                ],
                outputs: vec![(texts.1.clone(), Column::Float(b.1))],
                latency_us: fixed.1,
                error: texts.2.clone(),
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(event in event()) {
            let mut payload = Vec::new();
            encode_prediction(&mut payload, &event);
            prop_assert_eq!(decode(&payload), Ok(Record::Prediction(Box::new(event))));
        }

        #[test]
        fn no_bytes_make_it_panic(payload in prop::collection::vec(any::<u8>(), 0..300), kind in 0_u8..4) {
            let mut framed = vec![kind];
            framed.extend_from_slice(&payload);
            let _ = decode(&framed);
        }

        #[test]
        fn a_part_is_never_a_record(event in event(), keep in any::<prop::sample::Index>()) {
            let mut payload = Vec::new();
            encode_prediction(&mut payload, &event);
            let keep = keep.index(payload.len());
            prop_assert!(decode(&payload[..keep]).is_err());
        }
    }
}
