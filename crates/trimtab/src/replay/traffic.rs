//! Rows of the history as production traffic: one V2 request (binary tensors) per distinct time.

use anyhow::{Context, bail};
use arrow::{
    array::{Array, AsArray, RecordBatch},
    compute::cast,
    datatypes::{DataType, Float64Type},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    fault::{Fault, FaultKind},
    history::History,
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
enum Values {
    Number(Vec<f64>),
    Text(Vec<String>),
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
    /// Takes the endpoint's inputs from the history; a missing column or one of another type is an error. The
    /// ids travel as the endpoint's `row_key`, an input column that is no feature.
    pub(crate) fn new(
        history: &History,
        inputs: &[Input],
        row_key: &str,
        faults: Vec<Fault>,
    ) -> anyhow::Result<Self> {
        let columns = inputs
            .iter()
            .map(|input| {
                Ok(Column {
                    values: values(&history.table, input)?,
                    input: input.clone(),
                })
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        for fault in &faults {
            for name in fault_columns(fault) {
                let Some(column) = columns.iter().find(|column| column.input.name == name) else {
                    bail!("the fault's column `{name}` is not an input of the endpoint");
                };
                if matches!(fault.kind, FaultKind::Unit { .. })
                    && matches!(column.values, Values::Text(_))
                {
                    bail!("the fault's column `{name}` is text and has no unit");
                }
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

fn fault_columns(fault: &Fault) -> Vec<&str> {
    match &fault.kind {
        FaultKind::Labels => vec![],
        FaultKind::Swap { with } => vec![&fault.column, with],
        FaultKind::Unit { .. } | FaultKind::Nulls | FaultKind::Rename { .. } | FaultKind::Stuck => {
            vec![&fault.column]
        }
    }
}

fn values(table: &RecordBatch, input: &Input) -> anyhow::Result<Values> {
    let name = &input.name;
    let column = table.column_by_name(name).with_context(|| {
        format!("the history has no column `{name}`, which the endpoint's model needs")
    })?;
    if input.datatype == "BYTES" {
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
            "column `{name}` holds {}, and the model needs {}",
            column.data_type(),
            input.datatype
        );
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

fn encode(values: &Values, rows: &[usize], datatype: &str, factor: f64, is_null: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        match values {
            // A text column sent where numbers are expected (a swap) has no value to send.
            Values::Text(_) if datatype != "BYTES" => push_number(&mut bytes, f64::NAN, datatype),
            Values::Text(texts) => push_text(&mut bytes, if is_null { "" } else { &texts[*row] }),
            Values::Number(numbers) if datatype == "BYTES" => {
                push_text(
                    &mut bytes,
                    &if is_null {
                        String::new()
                    } else {
                        numbers[*row].to_string()
                    },
                );
            }
            Values::Number(numbers) => {
                let number = if is_null {
                    f64::NAN
                } else {
                    numbers[*row] * factor
                };
                push_number(&mut bytes, number, datatype);
            }
        }
    }
    bytes
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the model's own precision; casts of floats saturate"
)]
fn push_number(bytes: &mut Vec<u8>, number: f64, datatype: &str) {
    match datatype {
        "FP32" => bytes.extend_from_slice(&(number as f32).to_le_bytes()),
        "INT64" => bytes.extend_from_slice(&(number as i64).to_le_bytes()),
        "INT32" => bytes.extend_from_slice(&(number as i32).to_le_bytes()),
        "BOOL" => bytes.push(u8::from(number != 0.0)),
        _ => bytes.extend_from_slice(&number.to_le_bytes()),
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
        let traffic = Traffic::new(&history, &inputs(), "id", vec![]).unwrap();
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
        let traffic = Traffic::new(&history, &inputs(), "id", unit).unwrap();
        assert_eq!(floats(&traffic.request(&history, 0..2))[0], 200.0);
        assert_eq!(floats(&traffic.request(&history, 2..3))[0], 300.0);
        let rename = fault("kind=rename,column=miles,name=km,from=2013-01-01,to=2013-01-02");
        let traffic = Traffic::new(&history, &inputs(), "id", rename).unwrap();
        let request = traffic.request(&history, 0..1);
        assert!(String::from_utf8_lossy(&request.body).contains("\"km\""));
        let labels = fault("kind=labels,from=2013-01-01,to=2013-01-02");
        assert_eq!(
            (label(&history, 0, &labels), label(&history, 2, &labels)),
            (Some(0.0), Some(1.0))
        );
        let wrong = fault("kind=unit,column=carrier,from=2013-01-01,to=2013-01-02");
        assert!(Traffic::new(&history, &inputs(), "id", wrong).is_err());
    }
}
