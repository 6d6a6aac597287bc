//! Rows of the history as production traffic: one V2 request (binary tensors) per distinct time.

use anyhow::{Context, bail};
use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute::cast,
    datatypes::{DataType, Float64Type, Int64Type, UInt64Type},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    fault::{Fault, FaultKind},
    history::History,
    tensor::{Values, bounds, encode, push_text},
};

/// An input of the endpoint's signature.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Input {
    /// The column.
    pub(crate) name: String,
    /// V2's spelling.
    pub(crate) datatype: String,
}

#[derive(Debug)]
struct Column {
    input: Input,
    values: Values,
}

/// The feature columns of a history, ready to be sent.
#[derive(Debug)]
pub(crate) struct Traffic {
    columns: Vec<Column>,
    row_key: String,
    faults: Vec<Fault>,
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    /// JSON header, then raw tensors.
    pub(crate) body: Vec<u8>,
    /// Length of the JSON header.
    pub(crate) header_bytes: usize,
}

impl Traffic {
    /// Takes the endpoint's inputs from the history, whose rows are sent from `start` on; a missing column, one of
    /// another type and a value that the model's type does not have are errors. The ids travel as the endpoint's
    /// `row_key`, an input column that is no feature.
    pub(crate) fn new(
        history: &History,
        start: usize,
        inputs: &[Input],
        row_key: &str,
        faults: Vec<Fault>,
    ) -> anyhow::Result<Self> {
        let columns = inputs
            .iter()
            .map(|input| {
                Ok(Column {
                    values: values(history, start, input)?,
                    input: input.clone(),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        for fault in &faults {
            for name in fault_columns(fault) {
                let Some(column) = columns.iter().find(|column| column.input.name == name) else {
                    bail!("the fault's column `{name}` is not an input of the endpoint");
                };
                check_fault(fault, column, &columns)?;
            }
        }
        Ok(Self {
            columns,
            row_key: row_key.to_owned(),
            faults,
        })
    }

    /// The request for these rows, with the faults of their time.
    pub(crate) fn request(&self, history: &History, rows: std::ops::Range<usize>) -> Request {
        let time = history.times[rows.start];
        let faults: Vec<&Fault> = self
            .faults
            .iter()
            .filter(|fault| fault.hits(time))
            .collect();
        let mut tensors = Vec::with_capacity(self.columns.len());
        let mut raw = Vec::new();
        for column in &self.columns {
            let (name, bytes) = self.tensor(history, column, &faults, rows.clone());
            tensors.push(json!({
                "name": name,
                "datatype": column.input.datatype,
                "shape": [rows.len(), 1],
                "parameters": { "binary_data_size": bytes.len() },
            }));
            raw.extend_from_slice(&bytes);
        }
        let keys_from = raw.len();
        for row in rows.clone() {
            push_text(&mut raw, history.ids.value(row));
        }
        tensors.push(json!({
            "name": self.row_key,
            "datatype": "BYTES",
            "shape": [rows.len(), 1],
            "parameters": { "binary_data_size": raw.len() - keys_from },
        }));
        let header = json!({ "inputs": tensors, "parameters": { "binary_data_output": true } });
        let mut body = header.to_string().into_bytes();
        let header_bytes = body.len();
        body.extend_from_slice(&raw);
        Request { body, header_bytes }
    }

    fn tensor(
        &self,
        history: &History,
        column: &Column,
        faults: &[&Fault],
        rows: std::ops::Range<usize>,
    ) -> (String, Vec<u8>) {
        let mut name = column.input.name.clone();
        let mut source = column;
        let mut factor = 1.0;
        let mut is_null = false;
        let mut rows: Vec<usize> = rows.collect();
        for fault in faults {
            let is_other =
                matches!(&fault.kind, FaultKind::Swap { with } if *with == column.input.name);
            if fault.column != column.input.name && !is_other {
                continue;
            }
            match &fault.kind {
                FaultKind::Unit { factor: by } => factor *= by,
                FaultKind::Nulls => is_null = true,
                FaultKind::Rename { to } => name.clone_from(to),
                FaultKind::Stuck => {
                    let first = history.index_at(fault.from);
                    rows.fill(first.min(history.len() - 1));
                }
                FaultKind::Swap { with } => {
                    let other = if is_other { &fault.column } else { with };
                    source = self
                        .columns
                        .iter()
                        .find(|c| c.input.name == *other)
                        .unwrap_or(column);
                }
                FaultKind::Labels => {}
            }
        }
        let bytes = encode(
            &source.values,
            &rows,
            &column.input.datatype,
            factor,
            is_null,
        );
        (name, bytes)
    }
}

/// A fault that the types of its columns cannot show would not be the fault that was asked for.
fn check_fault(fault: &Fault, column: &Column, columns: &[Column]) -> anyhow::Result<()> {
    let (name, datatype) = (&column.input.name, &column.input.datatype);
    let kind = |column: &Column| match column.values {
        Values::Number(_) => "numbers",
        Values::Whole(_) if column.input.datatype == "BOOL" => "truth values",
        Values::Whole(_) => "whole numbers",
        Values::Text(_) => "text",
    };
    match &fault.kind {
        FaultKind::Unit { .. } if matches!(column.values, Values::Text(_)) => {
            bail!("the fault's column `{name}` is text and has no unit")
        }
        FaultKind::Unit { .. } if datatype == "BOOL" => {
            bail!("the fault's column `{name}` holds truth values and has no unit")
        }
        FaultKind::Nulls if matches!(column.values, Values::Whole(_)) => bail!(
            "the fault's column `{name}` cannot be null: the model takes it as {datatype}, which has no missing value \
             (hint: choose a column that the model takes as FP32, FP64 or BYTES)"
        ),
        FaultKind::Swap { with } => {
            let other = columns.iter().find(|column| column.input.name == *with);
            let is_whole = |column: &Column| matches!(column.values, Values::Whole(_));
            if let Some(other) = other
                && (is_whole(column) || is_whole(other))
                && kind(column) != kind(other)
            {
                bail!(
                    "the fault's columns `{name}` and `{with}` cannot change places: one holds {}, the other {}",
                    kind(column),
                    kind(other)
                );
            }
            Ok(())
        }
        FaultKind::Unit { .. }
        | FaultKind::Nulls
        | FaultKind::Rename { .. }
        | FaultKind::Stuck
        | FaultKind::Labels => Ok(()),
    }
}

fn fault_columns(fault: &Fault) -> Vec<&str> {
    match &fault.kind {
        FaultKind::Labels => vec![],
        FaultKind::Swap { with } => vec![&fault.column, with],
        FaultKind::Unit { .. } | FaultKind::Nulls | FaultKind::Rename { .. } | FaultKind::Stuck => {
            vec![&fault.column]
        }
    }
}

fn values(history: &History, start: usize, input: &Input) -> anyhow::Result<Values> {
    let (name, datatype) = (&input.name, input.datatype.as_str());
    let column = history.table.column_by_name(name).with_context(|| {
        format!("the history has no column `{name}`, which the endpoint's model needs")
    })?;
    if datatype == "BYTES" {
        let texts = cast(column, &DataType::Utf8)?;
        let texts = texts.as_string::<i32>();
        return Ok(Values::Text(
            texts
                .iter()
                .map(|text| text.unwrap_or_default().to_owned())
                .collect(),
        ));
    }
    let is_number = column.data_type().is_numeric() || *column.data_type() == DataType::Boolean;
    if !is_number {
        bail!(
            "column `{name}` holds {}, and the model needs {datatype}",
            column.data_type()
        );
    }
    if let Some((least, greatest)) = bounds(datatype) {
        let exact = whole(column)?;
        let mut values = Vec::with_capacity(exact.len());
        for (row, value) in exact.into_iter().enumerate() {
            let fits = value.filter(|value| (least..=greatest).contains(value));
            match fits {
                Some(value) => values.push(value),
                // What is not sent may be as it is.
                None if row < start => values.push(0),
                None => bail!(
                    "column `{name}` {} in the row with id `{}`, and the model takes {datatype}, which has no such \
                     value (hint: train the model on FP32 or FP64, or leave those rows out of the history)",
                    told(column, row),
                    history.ids.value(row)
                ),
            }
        }
        return Ok(Values::Whole(values));
    }
    if !matches!(datatype, "FP16" | "BF16" | "FP32" | "FP64") {
        bail!("the model takes column `{name}` as {datatype}, which a replay cannot send");
    }
    let numbers = cast(column, &DataType::Float64)?;
    let numbers = numbers.as_primitive::<Float64Type>();
    // V2 has no null: a missing number travels as NaN.
    Ok(Values::Number(
        numbers
            .iter()
            .map(|number| number.unwrap_or(f64::NAN))
            .collect(),
    ))
}

/// Whole numbers exactly; `None` where there is none.
fn whole(column: &ArrayRef) -> anyhow::Result<Vec<Option<i128>>> {
    if *column.data_type() == DataType::UInt64 {
        let values = column.as_primitive::<UInt64Type>().iter();
        return Ok(values.map(|value| value.map(i128::from)).collect());
    }
    if column.data_type().is_integer() || *column.data_type() == DataType::Boolean {
        let values = cast(column, &DataType::Int64)?;
        let values = values.as_primitive::<Int64Type>().iter();
        return Ok(values.map(|value| value.map(i128::from)).collect());
    }
    let values = cast(column, &DataType::Float64)?;
    let values = values.as_primitive::<Float64Type>().iter();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole; beyond the type it saturates, out of bounds"
    )]
    let exact = |value: f64| (value.fract() == 0.0).then_some(value as i128);
    Ok(values.map(|value| value.and_then(exact)).collect())
}

/// What a row holds, for an error.
fn told(column: &ArrayRef, row: usize) -> String {
    let text = cast(column, &DataType::Utf8).ok();
    let text = text.as_ref().map(AsArray::as_string::<i32>);
    match text {
        Some(text) if text.is_valid(row) && text.value(row) != "NaN" => {
            format!("holds {}", text.value(row))
        }
        Some(_) | None => "has no value".to_owned(),
    }
}

/// The labels of the rows, flipped where a fault says so.
#[expect(clippy::float_cmp, reason = "classes are written as exactly 0 and 1")]
pub(crate) fn label(history: &History, row: usize, faults: &[Fault]) -> Option<f64> {
    let label = history
        .labels
        .is_valid(row)
        .then(|| history.labels.value(row))?;
    let is_flipped = faults
        .iter()
        .any(|fault| fault.kind == FaultKind::Labels && fault.hits(history.times[row]));
    Some(if is_flipped && (label == 0.0 || label == 1.0) {
        1.0 - label
    } else {
        label
    })
}

#[cfg(test)]
#[expect(
    clippy::float_cmp,
    reason = "numbers that single precision holds exactly"
)]
mod tests {
    use super::*;
    use crate::replay::history::HistoryColumns;

    fn history() -> History {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        std::fs::write(
            &path,
            "t,id,y,miles,carrier\n2013-01-01T00:00:00Z,a,1,100,UA\n2013-01-01T00:00:00Z,b,0,,AA\n2013-01-02T00:00:00Z,c,1,300,DL\n",
        )
        .unwrap();
        History::read(
            &path,
            &HistoryColumns {
                time: "t",
                id: "id",
                label: "y",
            },
        )
        .unwrap()
    }

    fn inputs() -> Vec<Input> {
        [("miles", "FP32"), ("carrier", "BYTES")]
            .map(|(name, datatype)| Input {
                name: name.to_owned(),
                datatype: datatype.to_owned(),
            })
            .into()
    }

    fn floats(request: &Request) -> Vec<f32> {
        let raw = &request.body[request.header_bytes..];
        raw.chunks_exact(4)
            .take(2)
            .map(|c| f32::from_le_bytes(c.try_into().unwrap()))
            .collect()
    }

    #[test]
    fn a_request_carries_its_rows_and_their_keys() {
        let history = history();
        let traffic = Traffic::new(&history, 0, &inputs(), "id", vec![]).unwrap();
        let request = traffic.request(&history, 0..2);
        let header: serde_json::Value =
            serde_json::from_slice(&request.body[..request.header_bytes]).unwrap();
        assert_eq!(header["inputs"][2]["name"], "id");
        assert!(request.body.ends_with(b"\x01\0\0\0a\x01\0\0\0b"));
        assert_eq!(header["inputs"][1]["parameters"]["binary_data_size"], 12);
        assert_eq!(floats(&request)[0], 100.0);
        assert!(floats(&request)[1].is_nan());
    }

    #[test]
    fn faults_change_only_their_span() {
        let history = history();
        let fault = |text: &str| vec![text.parse::<Fault>().unwrap()];
        let unit = fault("kind=unit,column=miles,factor=2,from=2013-01-01,to=2013-01-02");
        let traffic = Traffic::new(&history, 0, &inputs(), "id", unit).unwrap();
        assert_eq!(floats(&traffic.request(&history, 0..2))[0], 200.0);
        assert_eq!(floats(&traffic.request(&history, 2..3))[0], 300.0);
        let rename = fault("kind=rename,column=miles,name=km,from=2013-01-01,to=2013-01-02");
        let traffic = Traffic::new(&history, 0, &inputs(), "id", rename).unwrap();
        let request = traffic.request(&history, 0..1);
        assert!(String::from_utf8_lossy(&request.body).contains("\"km\""));
        let labels = fault("kind=labels,from=2013-01-01,to=2013-01-02");
        assert_eq!(
            (label(&history, 0, &labels), label(&history, 2, &labels)),
            (Some(0.0), Some(1.0))
        );
        let wrong = fault("kind=unit,column=carrier,from=2013-01-01,to=2013-01-02");
        assert!(Traffic::new(&history, 0, &inputs(), "id", wrong).is_err());
    }

    /// The bytes of the first column of all rows.
    fn sent(csv: &str, datatype: &str, start: usize, faults: &[&str]) -> anyhow::Result<Vec<u8>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.csv");
        std::fs::write(&path, csv).unwrap();
        let columns = HistoryColumns {
            time: "t",
            id: "id",
            label: "y",
        };
        let history = History::read(&path, &columns).unwrap();
        let input = |name: &str| Input {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
        };
        let faults = faults.iter().map(|fault| fault.parse().unwrap()).collect();
        let traffic = Traffic::new(&history, start, &[input("x")], "id", faults)?;
        let request = traffic.request(&history, start..history.len());
        let header = String::from_utf8_lossy(&request.body[..request.header_bytes]).into_owned();
        let header: serde_json::Value = serde_json::from_str(&header).unwrap();
        let size = header["inputs"][0]["parameters"]["binary_data_size"].as_u64();
        let size = usize::try_from(size.unwrap()).unwrap();
        Ok(request.body[request.header_bytes..][..size].to_vec())
    }

    const TWO: &str = "t,id,y,x\n2013-01-01,a,1,1\n2013-01-01,b,0,200\n";

    #[test]
    fn every_type_of_the_protocol_travels_in_its_own_bytes() {
        for (datatype, bytes) in [
            ("INT16", &[1, 0, 200, 0][..]),
            ("UINT8", &[1, 200]),
            ("UINT16", &[1, 0, 200, 0]),
            ("INT32", &[1, 0, 0, 0, 200, 0, 0, 0]),
            ("UINT32", &[1, 0, 0, 0, 200, 0, 0, 0]),
            ("INT64", &[1, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0]),
            (
                "UINT64",
                &[1, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0, 0, 0, 0, 0],
            ),
            ("FP16", &[0x00, 0x3c, 0x40, 0x5a]),
            ("BF16", &[0x80, 0x3f, 0x48, 0x43]),
            ("FP32", &[0, 0, 0x80, 0x3f, 0, 0, 0x48, 0x43]),
        ] {
            assert_eq!(sent(TWO, datatype, 0, &[]).unwrap(), bytes, "{datatype}");
        }
        let exact = "t,id,y,x\n2013-01-01,a,1,9007199254740993\n";
        let bytes = sent(exact, "INT64", 0, &[]).unwrap();
        assert_eq!(bytes, 9_007_199_254_740_993_i64.to_le_bytes());
        let truths = "t,id,y,x\n2013-01-01,a,1,true\n2013-01-01,b,1,false\n";
        assert_eq!(sent(truths, "BOOL", 0, &[]).unwrap(), [1, 0]);
        let refused = |csv, datatype| sent(csv, datatype, 0, &[]).unwrap_err().to_string();
        assert!(refused(TWO, "INT8").starts_with("column `x` holds 200 in the row with id `b`"));
        assert!(refused(TWO, "BOOL").contains("holds 200"));
        assert!(refused(TWO, "COMPLEX64").contains("COMPLEX64, which a replay cannot send"));
    }

    #[test]
    fn a_missing_whole_number_is_refused_by_name_and_not_sent_as_nought() {
        let holes = "t,id,y,x\n2013-01-01,a,1,\n2013-01-02,b,0,2\n2013-01-03,c,0,3\n";
        for datatype in ["INT64", "INT32", "BOOL"] {
            let refused = sent(holes, datatype, 0, &[]).unwrap_err().to_string();
            assert!(
                refused.contains("column `x` has no value in the row with id `a`"),
                "{refused}"
            );
        }
        // The rows that the first model learned from are not sent.
        let sent_later = sent(holes, "INT32", 1, &[]).unwrap();
        assert_eq!(sent_later, [2, 0, 0, 0, 3, 0, 0, 0]);
        let fraction = "t,id,y,x\n2013-01-01,a,1,1.5\n";
        let refused = sent(fraction, "INT64", 0, &[]).unwrap_err().to_string();
        assert!(refused.contains("holds 1.5"), "{refused}");
        assert!(sent(holes, "FP32", 0, &[]).is_ok());
    }

    #[test]
    fn faults_that_a_type_cannot_show_are_refused() {
        let of = |kind: &str| format!("kind={kind},column=x,from=2013-01-01,to=2013-01-02");
        let nulls = of("nulls");
        let refused = sent(TWO, "INT64", 0, &[&nulls]).unwrap_err().to_string();
        assert!(refused.contains("cannot be null"), "{refused}");
        assert!(sent(TWO, "FP32", 0, &[&nulls]).is_ok());
        let unit = of("unit,factor=1.609344");
        let scaled = sent(TWO, "UINT8", 0, &[&unit]).unwrap();
        assert_eq!(scaled, [2, 255]);
    }
}
