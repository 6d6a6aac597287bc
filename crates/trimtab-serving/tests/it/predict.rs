//! The path of a request.

use arrow::array::AsArray as _;
use trimtab_infer::{Tensor, TensorData};
use trimtab_serving::{EndpointSpec, EventTimeSource, PredictRequest};
use trimtab_types::{Coded as _, ErrorCode, Time};

use crate::world::{World, column, flights, name, numbers, spec, texts};

#[tokio::test]
async fn an_answer_leaves_an_event_with_all_that_it_was() {
    for world in World::all().await {
        let declared = EndpointSpec {
            row_key: Some("flight_id".to_owned()),
            event_time: EventTimeSource::Caller,
            ..spec("flights")
        };
        let revision = world.endpoint(declared, 1).await;
        let mut request = flights();
        let ids = TensorData::Bytes(vec!["f1".into(), "f2".into()]);
        request
            .inputs
            .push(Tensor::new("flight_id", vec![2, 1], ids).unwrap());
        request.client_request_id = Some("mine".to_owned());
        request.assignment_key = Some("f1".to_owned());
        request.event_time = Some("2013-02-03T04:05:06Z".parse().unwrap());
        let answer = world
            .serving
            .predict(&world.scope, &name("flights"), request)
            .await
            .unwrap();
        assert_eq!((answer.version, answer.revision), (1, revision.id));
        assert_eq!(answer.outputs[0].data(), &TensorData::Int64(vec![1, 0]));

        let events = world.events("flights").await;
        let id = answer.prediction_id.to_string();
        for (name, expected) in [
            ("prediction_id", [id.as_str(), &id]),
            ("row", ["0", "1"]),
            ("row_key", ["f1", "f2"]),
            ("client_request_id", ["mine", "mine"]),
            ("assignment_key", ["f1", "f1"]),
            ("model_version", ["1", "1"]),
            ("served_as", ["served", "served"]),
            ("in.carrier", ["UA", "ZZ"]),
            ("out.label", ["1", "0"]),
        ] {
            assert_eq!(texts(&events, name), expected, "{name}");
        }
        let time: Time = "2013-02-03T04:05:06Z".parse().unwrap();
        let times = events[0].column_by_name("event_time").unwrap();
        let times = arrow::compute::cast(times, &arrow::datatypes::DataType::Int64).unwrap();
        let times: &arrow::array::Int64Array = times.as_primitive();
        assert_eq!(times.value(0), time.as_micros());
        assert_eq!(numbers(&events, "in.temp"), [Some(10.0), None]);
        let scores = numbers(&events, "score");
        assert_eq!(scores, numbers(&events, "out.probabilities.1"));
        assert!((scores[0].unwrap() - 0.740_475).abs() < 1e-5);
        assert_eq!(column(&events, "error"), [None, None]);
        // The row key is no feature.
        assert!(events[0].column_by_name("in.flight_id").is_none());
    }
}

#[tokio::test]
async fn a_request_that_does_not_fit_is_refused_and_leaves_no_event() {
    for world in World::all().await {
        world.endpoint(spec("flights"), 1).await;
        let refused = async |request: PredictRequest| {
            let error = world
                .serving
                .predict(&world.scope, &name("flights"), request)
                .await
                .unwrap_err();
            (error.code(), error.to_string())
        };
        let mut request = flights();
        request.inputs.remove(1);
        assert_eq!(
            refused(request).await,
            (
                ErrorCode::invalid("inputs.origin"),
                "input `origin` is missing".to_owned()
            )
        );
        let mut request = flights();
        request.row_keys = Some(vec!["one".to_owned()]);
        let (code, message) = refused(request).await;
        assert_eq!(code, ErrorCode::invalid("row_keys"));
        assert_eq!(message, "1 row keys were given for 2 rows");
        let mut request = flights();
        request.event_time = Some("2013-02-03".parse().unwrap());
        let (code, message) = refused(request).await;
        assert_eq!(code, ErrorCode::invalid("event_time"));
        assert!(message.contains("does not accept event times"), "{message}");
        let empty = |name: &str, data: TensorData| Tensor::new(name, vec![0, 1], data).unwrap();
        let (_, message) = refused(PredictRequest {
            inputs: vec![
                empty("carrier", TensorData::Bytes(Vec::new())),
                empty("origin", TensorData::Bytes(Vec::new())),
                empty("distance", TensorData::Fp32(Vec::new())),
                empty("temp", TensorData::Fp32(Vec::new())),
            ],
            ..PredictRequest::default()
        })
        .await;
        assert_eq!(message, "the inputs have no rows");
        assert!(world.events("flights").await.is_empty());
        let text = world.metrics.encode().unwrap();
        assert!(
            text.contains(
                "trimtab_serving_predictions_total{endpoint=\"flights\",outcome=\"refused\"} 4"
            ),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_version_is_asked_outside_traffic_and_statistics() {
    for world in World::all().await {
        let endpoint = name("flights");
        world.endpoint(spec("flights"), 1).await;
        world
            .serving
            .add_revision(&world.scope, &endpoint, 2)
            .await
            .unwrap();
        let ask = async |version| {
            let request = PredictRequest {
                version: Some(version),
                ..flights()
            };
            world
                .serving
                .predict(&world.scope, &endpoint, request)
                .await
        };
        assert_eq!(ask(2).await.unwrap().version, 2);
        let error = ask(9).await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert_eq!(error.to_string(), "endpoint `flights` serves no version 9");
        assert!(world.events("flights").await.is_empty());
    }
}

#[tokio::test]
async fn an_endpoint_without_champion_says_what_to_do() {
    for world in World::all().await {
        world
            .serving
            .apply(&world.scope, "flights", vec![spec("flights")])
            .await
            .unwrap();
        let error = world
            .serving
            .predict(&world.scope, &name("flights"), flights())
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert!(error.hint().unwrap().contains("ask again"));
    }
}
