//! Predictions as MLflow's scoring server writes them. What JSON has no number for is `null`.

use trimtab_infer::{AnswerForm, Tensor, TensorData};

/// How named outputs are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// One object for each row, as for a data frame.
    Records,
    /// One list for each output, as for tensors.
    Columns,
}

/// `{"predictions": ...}`. What a Python model said goes back as it said it; named outputs are laid out by `form`.
pub(super) fn encode(outputs: &[Tensor], said: AnswerForm, form: Form) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"predictions\":");
    match (said, outputs) {
        (AnswerForm::Array, [tensor]) => nested(tensor.data(), 0, tensor.shape(), &mut out),
        (AnswerForm::Json, [tensor]) => match tensor.data() {
            TensorData::Bytes(texts) if texts.len() == 1 => out.extend_from_slice(&texts[0]),
            _ => nested(tensor.data(), 0, tensor.shape(), &mut out),
        },
        (AnswerForm::Frame, _) => table(outputs, Form::Records, &mut out),
        (AnswerForm::Dictionary, _) => table(outputs, Form::Columns, &mut out),
        (AnswerForm::Named | AnswerForm::Array | AnswerForm::Json, _) => {
            table(outputs, form, &mut out);
        }
    }
    out.push(b'}');
    out
}

fn table(outputs: &[Tensor], form: Form, out: &mut Vec<u8>) {
    let rows = outputs.first().map_or(0, Tensor::rows);
    let is_table = outputs.iter().all(|tensor| tensor.rows() == rows);
    match form {
        Form::Records if is_table => {
            out.push(b'[');
            for row in 0..rows {
                separate(row, out);
                object(outputs, out, |tensor, out| {
                    let dims = tensor.shape().get(1..).unwrap_or_default();
                    // A column of one is a value, not a list.
                    let dims = if dims == [1] { &[] } else { dims };
                    nested(tensor.data(), row * tensor.width(), dims, out);
                });
            }
            out.push(b']');
        }
        Form::Records | Form::Columns => object(outputs, out, |tensor, out| {
            nested(tensor.data(), 0, tensor.shape(), out);
        }),
    }
}

fn object(outputs: &[Tensor], out: &mut Vec<u8>, value: impl Fn(&Tensor, &mut Vec<u8>)) {
    out.push(b'{');
    for (at, tensor) in outputs.iter().enumerate() {
        separate(at, out);
        text(tensor.name(), out);
        out.push(b':');
        value(tensor, out);
    }
    out.push(b'}');
}

/// The elements from `from` on, as lists nested by `dims`.
fn nested(data: &TensorData, from: usize, dims: &[usize], out: &mut Vec<u8>) {
    let Some((first, rest)) = dims.split_first() else {
        element(data, from, out);
        return;
    };
    let width: usize = rest.iter().product();
    out.push(b'[');
    for at in 0..*first {
        separate(at, out);
        nested(data, from + at * width, rest, out);
    }
    out.push(b']');
}

fn element(data: &TensorData, at: usize, out: &mut Vec<u8>) {
    match data {
        TensorData::Bool(values) => json(values.get(at), out),
        TensorData::Uint8(values) => json(values.get(at), out),
        TensorData::Uint16(values) => json(values.get(at), out),
        TensorData::Uint32(values) => json(values.get(at), out),
        TensorData::Uint64(values) => json(values.get(at), out),
        TensorData::Int8(values) => json(values.get(at), out),
        TensorData::Int16(values) => json(values.get(at), out),
        TensorData::Int32(values) => json(values.get(at), out),
        TensorData::Int64(values) => json(values.get(at), out),
        TensorData::Fp16(values) => json(values.get(at).map(|value| value.to_f32()), out),
        TensorData::Bf16(values) => json(values.get(at).map(|value| value.to_f32()), out),
        TensorData::Fp32(values) => json(values.get(at), out),
        TensorData::Fp64(values) => json(values.get(at), out),
        TensorData::Bytes(values) => {
            if let Some(value) = values.get(at) {
                text(&String::from_utf8_lossy(value), out);
            }
        }
    }
}

/// A number or boolean; serde_json writes null for what is no JSON number.
fn json(value: Option<impl serde::Serialize>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(out, &value);
}

fn text(text: &str, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = serde_json::to_writer(&mut *out, text);
}

fn separate(at: usize, out: &mut Vec<u8>) {
    if at > 0 {
        out.push(b',');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_for_frames_and_columns_for_tensors() {
        let outputs = [
            Tensor::new("label", vec![2], vec![0_i64, 1]).unwrap(),
            Tensor::new("score", vec![2, 1], vec![0.5_f32, f32::NAN]).unwrap(),
            Tensor::new("p", vec![2, 2], vec![0.1_f64, 0.9, 0.2, 0.8]).unwrap(),
        ];
        let text = |form| String::from_utf8(encode(&outputs, AnswerForm::Named, form)).unwrap();
        assert_eq!(
            text(Form::Records),
            r#"{"predictions":[{"label":0,"score":0.5,"p":[0.1,0.9]},{"label":1,"score":null,"p":[0.2,0.8]}]}"#
        );
        assert_eq!(
            text(Form::Columns),
            r#"{"predictions":{"label":[0,1],"score":[[0.5],[null]],"p":[[0.1,0.9],[0.2,0.8]]}}"#
        );
    }

    #[test]
    fn what_a_python_model_said_goes_back_as_it_said_it() {
        let label = Tensor::new("output", vec![2], vec![0_i64, 1]).unwrap();
        let said = |outputs: &[Tensor], said| {
            String::from_utf8(encode(outputs, said, Form::Records)).unwrap()
        };
        let array = said(std::slice::from_ref(&label), AnswerForm::Array);
        assert_eq!(array, r#"{"predictions":[0,1]}"#);
        let scalar = Tensor::new("output", vec![], vec![0.5_f64]).unwrap();
        assert_eq!(said(&[scalar], AnswerForm::Array), r#"{"predictions":0.5}"#);
        let frame = said(std::slice::from_ref(&label), AnswerForm::Frame);
        assert_eq!(frame, r#"{"predictions":[{"output":0},{"output":1}]}"#);
        let dictionary = said(&[label], AnswerForm::Dictionary);
        assert_eq!(dictionary, r#"{"predictions":{"output":[0,1]}}"#);
        let text = bytes::Bytes::from_static(br#"[{"label":"x"}]"#);
        let json = Tensor::new("output", vec![1], vec![text]).unwrap();
        assert_eq!(
            said(&[json], AnswerForm::Json),
            r#"{"predictions":[{"label":"x"}]}"#
        );
    }
}
