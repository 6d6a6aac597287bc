//! MLflow's scoring protocol.

use axum::body::Body;
use serde_json::json;
use trimtab_events::Scan;
use trimtab_types::{Scope, Time};

use crate::world::World;

const PATH: &str = "/serve/flights/invocations";

#[tokio::test]
async fn every_way_of_writing_rows_says_the_same() {
    let world = World::new().await;
    let split = r#"{"dataframe_split":{"columns":["flight_id","temp","carrier","origin","distance","note"],"index":[0,1],"data":[["f1",10.0,"UA","EWR",500,null],["f2",null,"ZZ","JFK",1000,{"deep":[1]}]]}}"#;
    let records = r#"{"dataframe_records":[{"flight_id":"f1","carrier":"UA","origin":"EWR","distance":500,"temp":10},{"flight_id":"f2","origin":"JFK","carrier":"ZZ","distance":1000.0}],"params":{"client_request_id":"mine"}}"#;
    let csv = "carrier,origin,distance,temp,flight_id\nUA,EWR,500,10,f1\nZZ,JFK,1000,,f2\n";
    let named = r#"{"inputs":{"carrier":["UA","ZZ"],"origin":[["EWR"],["JFK"]],"distance":[500,1000],"temp":[10,null],"flight_id":["f1","f2"]}}"#;
    let instances = r#"{"instances":[{"carrier":"UA","origin":["EWR"],"distance":500,"temp":10,"flight_id":"f1"},{"carrier":"ZZ","origin":["JFK"],"distance":1000,"temp":null,"flight_id":"f2"}]}"#;
    let json_kind = "application/json; charset=utf-8";
    for (kind, body, is_table) in [
        (json_kind, split, true),
        (json_kind, records, true),
        ("text/csv", csv, true),
        (json_kind, named, false),
        (json_kind, instances, false),
    ] {
        let answer = world
            .call("POST", PATH, &[("content-type", kind)], body)
            .await;
        assert_eq!(answer.status, 200, "{body}\n{answer:?}");
        let predictions = &answer.json()["predictions"];
        let (labels, probability) = if is_table {
            (
                json!([predictions[0]["label"], predictions[1]["label"]]),
                &predictions[0]["probabilities"][1],
            )
        } else {
            (
                predictions["label"].clone(),
                &predictions["probabilities"][0][1],
            )
        };
        assert_eq!(labels, json!([1, 0]), "{body}");
        assert!((probability.as_f64().unwrap() - 0.740_475_83).abs() < 1e-6);
    }
    world.serving.drain().await.unwrap();
    let scan = Scan {
        workspace: Scope::local().workspace,
        endpoint: "flights".parse().unwrap(),
        from: Time::MIN,
        to: Time::MAX,
        served_as: None,
        columns: Some(vec!["row_key".to_owned()]),
    };
    let events = format!("{:?}", world.events.predictions(&scan).await.unwrap());
    assert_eq!(events.matches("\"f1\"").count(), 5, "{events}");
    assert_eq!(events.matches("\"f2\"").count(), 5);
}

#[tokio::test]
async fn a_model_with_one_input_needs_no_names() {
    let world = World::new().await;
    for body in [
        r#"{"inputs":[[1,1,0,0],[-1,-1,0,0]]}"#,
        r#"{"instances":[[1,1,0,0],[-1,-1,0,0]]}"#,
    ] {
        let answer = world.post("/serve/matrix/invocations", body).await;
        assert_eq!(
            answer.json()["predictions"]["output_label"],
            json!(["yes", "no"]),
            "{answer:?}"
        );
    }
    let body = r#"{"dataframe_records":[{"X.0":1,"X.1":1,"X.2":0,"X.3":0}]}"#;
    let answer = world.post("/serve/matrix/invocations", body).await;
    assert_eq!(answer.json()["predictions"][0]["output_label"], "yes");
    let answer = world
        .post("/serve/logarithm/invocations", r#"{"inputs":[-1, 1]}"#)
        .await;
    assert_eq!(answer.json()["predictions"]["y"], json!([[null], [0.0]]));
}

#[tokio::test]
async fn what_is_wrong_is_said_as_mlflow_says_it() {
    let world = World::new().await;
    let split = |columns: &str, data: &str| {
        format!(r#"{{"dataframe_split":{{"columns":{columns},"data":{data}}}}}"#)
    };
    let four = r#"["carrier","origin","distance","temp"]"#;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    for (kind, body, status, expected) in [
        ("application/json", String::new(), 400, "not valid"),
        ("application/json", "{".to_owned(), 400, "not valid"),
        ("application/json", "[1]".to_owned(), 400, "exactly one of dataframe_split"),
        ("application/json", "{}".to_owned(), 400, "exactly one of dataframe_split"),
        ("application/json", r#"{"inputs":[1],"instances":[1]}"#.to_owned(), 400, "exactly one of"),
        ("application/json", r#"{"inputs":[1],"inputs":[1]}"#.to_owned(), 400, "duplicate field"),
        ("application/json", r#"{"inputs":[1]}"#.to_owned(), 400, "several inputs"),
        ("application/json", r#"{"inputs":{"carrier":["UA"],"origin":["EWR"],"distance":[1]}}"#.to_owned(), 400, "input `temp` is missing"),
        ("application/json", r#"{"inputs":{"carrier":["UA"],"origin":["EWR"],"distance":[1],"temp":[1],"wind":["a"]}}"#.to_owned(), 400, "no input `wind`"),
        ("application/json", r#"{"inputs":{"carrier":["UA",["x"]]}}"#.to_owned(), 400, "ragged"),
        ("application/json", format!(r#"{{"inputs":{{"distance":{deep}}}}}"#), 400, "recursion limit"),
        ("application/json", r#"{"instances":[{"carrier":"UA"},{"origin":"EWR"}]}"#.to_owned(), 400, "given by 1 of 2 instances"),
        ("application/json", split(r#"["carrier","origin","distance"]"#, r#"[["UA","EWR",1]]"#), 400, "column `temp` is missing"),
        ("application/json", split(r#"["carrier","origin","distance","temp","temp"]"#, "[]"), 400, "column `temp` is given twice"),
        ("application/json", split(four, r#"[["UA","EWR",1]]"#), 400, "row 1 has 3 values for 4 columns"),
        ("application/json", split(four, r#"[["UA","EWR",1,2,3]]"#), 400, "row 1 has more values"),
        ("application/json", split(four, r#"[["UA","EWR","far",2]]"#), 400, "column `distance`: \"far\" is no FP32"),
        ("application/json", split(four, r#"[[1,"EWR",1,2]]"#), 400, "column `carrier`: 1 is no BYTES"),
        ("application/json", split(four, r#"[["UA",["EWR"],1,2]]"#), 400, "one BYTES for column `origin`"),
        ("application/json", split(four, r#"{"a":1}"#), 400, "a list of rows"),
        ("application/json", r#"{"inputs":{"Y":[[1,2,3,4]]}}"#.to_owned(), 400, "the model has no input `Y`; it takes "),
        ("application/json", split(four, "[]"), 400, "no rows"),
        ("application/json", r#"{"dataframe_split":[]}"#.to_owned(), 400, "`dataframe_split` is not valid"),
        ("application/json", r#"{"dataframe_records":[{}]}"#.to_owned(), 400, "column `carrier` is missing"),
        ("application/json", r#"{"dataframe_records":[{"carrier":"UA","origin":"EWR","distance":1},{"carrier":"UA","origin":"EWR","tmp":2,"distance":2}]}"#.to_owned(), 400, "column `temp` is missing"),
        ("application/json", r#"{"dataframe_records":{"a":1}}"#.to_owned(), 400, "a list of records"),
        ("application/json", r#"{"dataframe_records":[{"carrier":"UA","carrier":"UA"}]}"#.to_owned(), 400, "given twice in row 1"),
        ("text/csv", "carrier,origin,distance,temp\nUA,EWR,far,1\n".to_owned(), 400, "row 1: column `distance`: \"far\" is no FP32"),
        ("text/csv", "carrier,origin,distance,temp\nUA,EWR\n".to_owned(), 400, "the CSV is not valid"),
        ("text/csv", "carrier,origin\nUA,EWR\n".to_owned(), 400, "column `distance` is missing"),
        ("text/csv", String::new(), 400, "is missing"),
        ("application/xml", "<a/>".to_owned(), 415, "`application/xml` is not known"),
    ] {
        let start: String = body.chars().take(120).collect();
        let answer = world
            .call("POST", PATH, &[("content-type", kind)], body)
            .await;
        assert_eq!(answer.status, status, "{start}\n{answer:?}");
        let json = answer.json();
        assert_eq!(json["error_code"], "BAD_REQUEST");
        let message = json["message"].as_str().unwrap();
        assert!(message.contains(expected), "{start}\n{message}");
    }
    let answer = world.post("/serve/none/invocations", "{}").await;
    assert_eq!(answer.status, 404);
    assert_eq!(answer.json()["error_code"], "RESOURCE_DOES_NOT_EXIST");
}

#[tokio::test]
async fn an_endpoint_is_pinged() {
    let world = World::new().await;
    for (path, status) in [
        ("/serve/flights/ping", 200),
        ("/serve/flights/health", 200),
        ("/serve/flights/version", 200),
        ("/serve/empty/ping", 503),
        ("/serve/none/ping", 404),
    ] {
        let answer = world.call("GET", path, &[], Body::empty()).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
