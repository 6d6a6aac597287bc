//! What models say, and what is said of bad ones.

use std::{error::Error as _, fs};

use bytes::Bytes;
use half::{bf16, f16};
use trimtab_infer::{DataType, InferError, OnnxRuntime, Tensor, TensorData};
use trimtab_types::{Coded as _, ErrorCode};

use crate::{fixture, open, runtime};

fn texts(name: &str, texts: &[&str]) -> Tensor {
    let values = texts
        .iter()
        .map(|text| Bytes::copy_from_slice(text.as_bytes()))
        .collect();
    Tensor::new(name, vec![texts.len(), 1], TensorData::Bytes(values)).unwrap()
}

fn floats(name: &str, values: &[f32]) -> Tensor {
    Tensor::new(name, vec![values.len(), 1], values.to_vec()).unwrap()
}

/// Two flights; the second has an unknown carrier and no temperature.
fn flights() -> Vec<Tensor> {
    vec![
        floats("temp", &[10.0, f32::NAN]),
        texts("carrier", &["UA", "ZZ"]),
        texts("origin", &["EWR", "JFK"]),
        floats("distance", &[500.0, 1000.0]),
    ]
}

fn without(name: &str) -> Vec<Tensor> {
    flights().into_iter().filter(|t| t.name() != name).collect()
}

#[test]
fn texts_and_numbers_are_scored_as_python_scores_them() {
    let engine = open("flights_1.onnx");
    assert_eq!(engine.platform(), "onnxruntime_onnx");
    let signature = engine.signature();
    assert_eq!(signature.inputs[0].name, "carrier");
    assert_eq!(signature.inputs[0].datatype, DataType::Bytes);
    assert_eq!(signature.inputs[0].shape, [-1, 1]);
    assert_eq!(signature.outputs[1].shape, [-1, 2]);
    let outputs = engine.run(&flights()).unwrap();
    assert_eq!(outputs[0].name(), "label");
    assert_eq!(outputs[0].data(), &TensorData::Int64(vec![1, 0]));
    assert_eq!(outputs[1].shape(), [2, 2]);
    // What onnxruntime's own Python says of the same rows.
    for (at, expected) in [0.259_524_17, 0.740_475_83, 0.576_954, 0.423_046]
        .into_iter()
        .enumerate()
    {
        let found = outputs[1].data().as_f64(at).unwrap();
        assert!((found - expected).abs() < 1e-6, "{at}: {found}");
    }
}

#[test]
fn wrong_inputs_are_named() {
    let engine = open("flights_1.onnx");
    let message = |inputs: Vec<Tensor>| engine.run(&inputs).unwrap_err().to_string();
    assert_eq!(message(without("temp")), "input `temp` is missing");
    let mut inputs = without("temp");
    inputs.push(texts("temp", &["a", "b"]));
    assert_eq!(
        message(inputs),
        "input `temp` has type BYTES, the model takes FP32"
    );
    let mut inputs = without("temp");
    inputs.push(Tensor::new("temp", vec![2], vec![1.0_f32, 2.0]).unwrap());
    assert_eq!(
        message(inputs),
        "input `temp` has shape [2], the model takes [-1, 1] (-1 = any)"
    );
    let mut inputs = flights();
    inputs.push(floats("wind", &[1.0, 2.0]));
    assert_eq!(
        message(inputs),
        "the model has no input `wind`; it takes carrier, origin, distance, temp"
    );
    for (bytes, expected) in [
        (&b"\xff"[..], "input `carrier`: a text is not UTF-8"),
        (
            &b"a\0b"[..],
            "input `carrier`: a text with a NUL character cannot be given to ONNX Runtime",
        ),
    ] {
        let mut inputs = without("carrier");
        let values = TensorData::Bytes(vec![Bytes::copy_from_slice(bytes); 2]);
        inputs.push(Tensor::new("carrier", vec![2, 1], values).unwrap());
        assert_eq!(message(inputs), expected);
    }
}

#[test]
fn inputs_with_different_numbers_of_rows_are_an_error_and_not_the_end() {
    let engine = open("flights_1.onnx");
    let mut inputs = without("temp");
    inputs.push(floats("temp", &[1.0, 2.0, 3.0]));
    let error = engine.run(&inputs).unwrap_err();
    assert!(matches!(error, InferError::Run { .. }), "{error:?}");
    assert!(engine.run(&flights()).is_ok());
    let none = vec![
        texts("carrier", &[]),
        texts("origin", &[]),
        floats("distance", &[]),
        floats("temp", &[]),
    ];
    // No rows are an answer without rows, or an error; never a crash.
    if let Ok(outputs) = engine.run(&none) {
        assert_eq!(outputs[0].rows(), 0);
    }
}

#[test]
fn a_run_that_fails_says_why() {
    let engine = open("reshape.onnx");
    assert!(engine.run(&[floats("x", &[1.0, 2.0])]).is_ok());
    let error = engine.run(&[floats("x", &[1.0, 2.0, 3.0])]).unwrap_err();
    assert_eq!(error.code(), ErrorCode::invalid("inputs"));
    let reason = error.source().unwrap().to_string();
    assert!(reason.contains("Reshape"), "{reason}");
}

#[test]
fn a_zipmap_becomes_a_matrix() {
    for (name, label) in [
        ("zipmap_int.onnx", TensorData::Int64(vec![1, 0])),
        (
            "zipmap_text.onnx",
            TensorData::Bytes(vec!["yes".into(), "no".into()]),
        ),
    ] {
        let engine = open(name);
        assert_eq!(engine.signature().outputs[1].datatype, DataType::Fp32);
        let rows = Tensor::new(
            "X",
            vec![2, 4],
            vec![1.0_f32, 1.0, 0.0, 0.0, -1.0, -1.0, 0.0, 0.0],
        )
        .unwrap();
        let outputs = engine.run(&[rows]).unwrap();
        assert_eq!(outputs[0].data(), &label);
        assert_eq!(outputs[1].name(), "output_probability");
        assert_eq!(outputs[1].shape(), [2, 2]);
        let positive = outputs[1].data().as_f64(1).unwrap();
        assert!((positive - 0.999_317_467).abs() < 1e-6, "{positive}");
    }
}

#[test]
fn every_type_goes_in_and_out() {
    let engine = open("types.onnx");
    let inputs: Vec<Tensor> = [
        ("bool", TensorData::Bool(vec![true, false])),
        ("uint8", TensorData::Uint8(vec![0, 255])),
        ("uint16", TensorData::Uint16(vec![0, u16::MAX])),
        ("uint32", TensorData::Uint32(vec![0, u32::MAX])),
        ("uint64", TensorData::Uint64(vec![0, u64::MAX])),
        ("int8", TensorData::Int8(vec![i8::MIN, 1])),
        ("int16", TensorData::Int16(vec![i16::MIN, 1])),
        ("int32", TensorData::Int32(vec![i32::MIN, 1])),
        ("int64", TensorData::Int64(vec![i64::MIN, 1])),
        (
            "fp16",
            TensorData::Fp16(vec![f16::from_f32(1.5), f16::ZERO]),
        ),
        (
            "bf16",
            TensorData::Bf16(vec![bf16::from_f32(1.5), bf16::ZERO]),
        ),
        ("fp32", TensorData::Fp32(vec![1.5, f32::INFINITY])),
        ("fp64", TensorData::Fp64(vec![1.5, f64::MIN])),
        ("bytes", TensorData::Bytes(vec!["".into(), "ünï".into()])),
    ]
    .into_iter()
    .map(|(name, data)| Tensor::new(name, vec![2], data).unwrap())
    .collect();
    let outputs = engine.run(&inputs).unwrap();
    for (input, output) in inputs.iter().zip(&outputs) {
        assert_eq!(output.name(), format!("out_{}", input.name()));
        assert_eq!(output.data(), input.data());
    }
}

#[test]
fn numbers_that_are_none_come_out_as_they_are() {
    let outputs = open("logarithm.onnx")
        .run(&[floats("x", &[0.0, -1.0])])
        .unwrap();
    assert_eq!(outputs[0].data().as_f64(0), Some(f64::NEG_INFINITY));
    assert!(outputs[0].data().as_f64(1).unwrap().is_nan());
}

#[test]
fn broken_files_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let whole = fs::read(fixture("flights_1.onnx")).unwrap();
    for (name, bytes) in [
        ("empty", &b""[..]),
        ("text", b"this is not a model"),
        ("half", &whole[..whole.len() / 2]),
        ("pickle", b"\x80\x04\x95\x10\x00\x00\x00"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = runtime().open(&path).unwrap_err();
        assert!(matches!(error, InferError::Model { .. }), "{name}: {error}");
        assert!(error.hint().is_some());
        assert!(!error.source().unwrap().to_string().is_empty());
    }
    let error = runtime().open(&folder.path().join("none")).unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "no such file");
    assert!(runtime().open(folder.path()).is_err());
}

#[test]
fn a_model_that_cannot_be_carried_is_refused_with_a_hint() {
    let error = runtime().open(&fixture("sequence.onnx")).unwrap_err();
    assert_eq!(error.code(), ErrorCode::Unsupported);
    assert!(error.to_string().contains("`y` is no tensor"), "{error}");
    assert!(error.hint().unwrap().contains("zipmap"));
}

#[test]
fn a_library_that_is_none_is_one_clear_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("libonnxruntime.so");
    fs::write(&file, b"no library").unwrap();
    // Another test of this process may have loaded the real one, which then stays.
    match OnnxRuntime::locate(Some(&file)) {
        Ok(runtime) => assert_ne!(runtime.library(), file),
        Err(error) => {
            assert!(matches!(error, InferError::LibraryBroken { .. }));
            assert!(error.hint().unwrap().contains("pip install onnxruntime"));
        }
    }
    // A failure does not stick.
    assert!(runtime().library().is_file());
}
