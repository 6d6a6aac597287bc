use std::{fmt::Write, path::Path, sync::Arc};

use arrow::{
    array::{Array, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray},
    datatypes::DataType,
    record_batch::RecordBatch,
};
use trimtab_table::{
    ReadOptions, TableError, column_f64, column_text, parquet_bytes, read, read_bytes, write_csv,
    write_parquet,
};
use trimtab_types::{Coded, ErrorCode};

fn table() -> RecordBatch {
    RecordBatch::try_from_iter(vec![
        (
            "id",
            Arc::new(Int64Array::from(vec![1, 2, 3])) as Arc<dyn Array>,
        ),
        (
            "x",
            Arc::new(Float64Array::from(vec![Some(1.5), None, Some(-2.0)])),
        ),
        (
            "name",
            Arc::new(StringArray::from(vec![Some("a,\"b\""), None, Some("é")])),
        ),
    ])
    .unwrap()
}

fn parse(name: &str, content: &[u8]) -> Result<Vec<RecordBatch>, TableError> {
    read_bytes(
        Path::new(name),
        content.to_vec().into(),
        &ReadOptions::default(),
    )
}

#[test]
fn every_format_gives_the_same_rows() {
    let folder = tempfile::tempdir().unwrap();
    let csv = folder.path().join("t.csv");
    let parquet = folder.path().join("deep/t.parquet");
    write_csv(&csv, &[table()]).unwrap();
    write_parquet(&parquet, &[table()]).unwrap();
    let mut arrow = Vec::new();
    let mut writer =
        arrow::ipc::writer::FileWriter::try_new(&mut arrow, &table().schema()).unwrap();
    writer.write(&table()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let mut stream = Vec::new();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(&mut stream, &table().schema()).unwrap();
    writer.write(&table()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let json = "{\"id\":1,\"x\":1.5,\"name\":\"a,\\\"b\\\"\"}\n\n{\"id\":2}\n{\"id\":3,\"x\":-2,\"name\":\"é\"}\n";
    let all = [
        read(&csv, &ReadOptions::default()).unwrap(),
        read(&parquet, &ReadOptions::default()).unwrap(),
        parse("t.arrow", &arrow).unwrap(),
        parse("t.arrows", &stream).unwrap(),
        parse("t.jsonl", json.as_bytes()).unwrap(),
        parse(
            "t.tsv",
            "id\tx\tname\n1\t1.5\t\"a,\"\"b\"\"\"\n2\tNA\t\n3\t-2\té\n".as_bytes(),
        )
        .unwrap(),
    ];
    for (index, batches) in all.iter().enumerate() {
        assert_eq!(batches.len(), 1);
        for name in ["id", "x", "name"] {
            let (found, expected) = (batches[0].column_by_name(name).unwrap(), table());
            assert_eq!(
                found.as_ref(),
                expected.column_by_name(name).unwrap().as_ref(),
                "{name} of {index}"
            );
        }
    }
    assert!(
        std::fs::read_dir(folder.path().join("deep"))
            .unwrap()
            .count()
            == 1,
        "no temporary file stays"
    );
}

#[test]
fn types_are_inferred_from_all_rows() {
    let mut text = "a,b,c,d,e\n".to_owned();
    for n in 0..5_000 {
        writeln!(text, "{n},{n},2013-01-01 05:15:00,true,").unwrap();
    }
    text.push_str("1,1.5,2013-01-02 06:00:00,false,\nx,2,,,\n");
    let batches = parse("t.csv", text.as_bytes()).unwrap();
    let kinds: Vec<DataType> = batches[0]
        .schema()
        .fields()
        .iter()
        .map(|f| f.data_type().clone())
        .collect();
    assert!(
        matches!(
            &kinds[..],
            [
                DataType::Utf8,
                DataType::Float64,
                DataType::Timestamp(..),
                DataType::Boolean,
                DataType::Utf8
            ]
        ),
        "{kinds:?}"
    );
    assert_eq!(batches[0].num_rows(), 5_002);
    assert_eq!(
        column_f64(&batches[0], "b").unwrap().value(5_000).to_bits(),
        1.5_f64.to_bits()
    );
    assert_eq!(column_text(&batches[0], "a").unwrap().value(5_001), "x");
    // A byte order mark is no part of the first name; a table without rows has its columns.
    let batches = parse("t.csv", b"\xef\xbb\xbfa,b\n").unwrap();
    assert_eq!(
        (
            batches[0].num_rows(),
            batches[0].schema().field(0).name().as_str()
        ),
        (0, "a")
    );
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    for (name, content, expected) in [
        (
            "t.csv",
            &b"a,b\n1,2\n3\n"[..],
            "t.csv is not valid CSV, line 3",
        ),
        ("t.csv", b"a,b\n1,2\n3,4,5\n", "line 3"),
        ("t.csv", b"a,a\n1,2\n", "line 1: two columns are called `a`"),
        ("t.csv", b"a,,c\n1,2,3\n", "column 2 has no name"),
        ("t.csv", b"a\n1\n\xff\n", "line 3: the text is not UTF-8"),
        ("t.csv", b"", "t.csv has no content"),
        (
            "t.jsonl",
            b"{\"a\":1}\n\n{\"a\":\n",
            "t.jsonl is not valid JSON lines, line 3: EOF while parsing a value at column 5",
        ),
        (
            "t.jsonl",
            b"{\"a\":1}\n[1]\n",
            "line 2: expected a JSON object",
        ),
        ("t.jsonl", b"{}\n", "no columns"),
        (
            "t.parquet",
            b"PAR1 and then nothing PAR1",
            "t.parquet is not valid Parquet",
        ),
        ("t.parquet", b"x", "t.parquet is not valid Parquet"),
        (
            "t.arrow",
            b"ARROW1 but not really",
            "t.arrow is not valid Arrow IPC",
        ),
        (
            "t.arrow",
            b"\xff\xff\xff\xff\x05",
            "t.arrow is not valid Arrow IPC",
        ),
        ("t.xlsx", b"PK", "t.xlsx has no known table suffix"),
        ("none", b"a", "none has no known table suffix"),
    ] {
        let error = parse(name, content).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error.code(), ErrorCode::Invalid { .. }));
    }
    let missing = read(Path::new("no/such/file.csv"), &ReadOptions::default()).unwrap_err();
    assert_eq!(missing.code(), ErrorCode::NotFound);
    let batch = parse("t.csv", b"a,b\n1,x\n2,7\n").unwrap().remove(0);
    let error = column_f64(&batch, "b").unwrap_err();
    assert_eq!(
        error.to_string(),
        "column `b` in row 1 holds `x`, expected numbers"
    );
    let error = column_f64(&batch, "c").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no column `c`; the columns are a, b"
    );
}

#[test]
fn equal_rows_give_equal_bytes_however_they_are_cut() {
    let cut = [
        table().slice(0, 1),
        table().slice(1, 0),
        table().slice(1, 2),
    ];
    assert_eq!(
        parquet_bytes(&[table()]).unwrap(),
        parquet_bytes(&cut).unwrap()
    );
    assert!(matches!(parquet_bytes(&[]), Err(TableError::Empty { .. })));
    let other = RecordBatch::try_from_iter(vec![(
        "z",
        Arc::new(Int64Array::from(vec![1])) as Arc<dyn Array>,
    )])
    .unwrap();
    assert!(parquet_bytes(&[table(), other]).is_err());
}

#[test]
fn times_with_a_zone_are_written_to_csv_in_utc() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let times = TimestampMicrosecondArray::from(vec![Some(1_359_676_800_000_000), None])
        .with_timezone("UTC");
    let batch = RecordBatch::try_from_iter(vec![("t", Arc::new(times) as Arc<dyn Array>)]).unwrap();
    write_csv(&path, &[batch]).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("2013-02-01T00:00:00"), "{text}");
    let unwritable = write_csv(&path.join("below/a/file.csv"), &[table()]);
    assert!(matches!(unwritable, Err(TableError::File { .. })));
}
