//! gRPC through the router: who may call, and messages that are none. What clients see is tried in `python.rs`.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use prost::Message;

use crate::world::{Answer, World};

/// The parts of a request that these tests send.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(string, tag = "1")]
    model_name: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(message, repeated, tag = "5")]
    inputs: Vec<Input>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    raw: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Input {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    datatype: String,
    #[prost(int64, repeated, tag = "3")]
    shape: Vec<i64>,
}

fn logarithm() -> Vec<u8> {
    let request = Request {
        model_name: "logarithm".to_owned(),
        id: "mine".to_owned(),
        inputs: vec![Input {
            name: "x".to_owned(),
            datatype: "FP32".to_owned(),
            shape: vec![2, 1],
        }],
        raw: vec![[1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat()],
    };
    request.encode_to_vec()
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

async fn infer(world: &World, body: Vec<u8>) -> Answer {
    let path = "/inference.GRPCInferenceService/ModelInfer";
    world
        .call("POST", path, &[("content-type", "application/grpc")], body)
        .await
}

/// The status in an answer without a message.
fn status(answer: &Answer) -> Option<&str> {
    answer.headers.get("grpc-status")?.to_str().ok()
}

#[tokio::test]
async fn an_answer_is_a_message_with_its_ids_in_the_headers() {
    let world = World::new().await;
    let answer = infer(&world, framed(&logarithm())).await;
    assert_eq!((answer.status.as_u16(), status(&answer)), (200, None));
    assert_eq!(answer.headers["x-trimtab-model-version"], "1");
    assert!(answer.headers.contains_key("x-trimtab-prediction-id"));
    assert_eq!(usize::from(answer.body[4]) + 5, answer.body.len());
    // The tensor is the message's last field.
    let logarithm = 2.0_f32.ln().to_le_bytes();
    assert_eq!(&answer.body[answer.body.len() - 4..], logarithm);
}

#[tokio::test]
async fn whatever_a_message_is_the_caller_is_at_fault_and_no_one_else() {
    let world = World::new().await;
    let valid = logarithm();
    let mut runner = TestRunner::deterministic();
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6);
    let cut = any::<prop::sample::Index>();
    for _ in 0..600 {
        let mut message = valid.clone();
        for (at, byte) in changes.new_tree(&mut runner).unwrap().current() {
            let at = at.index(message.len());
            message[at] = byte;
        }
        if any::<bool>().new_tree(&mut runner).unwrap().current() {
            let cut = cut.new_tree(&mut runner).unwrap().current();
            message.truncate(cut.index(message.len()));
        }
        let answer = infer(&world, framed(&message)).await;
        // Still valid, no such model, or no valid request.
        assert!(
            matches!(status(&answer), None | Some("5" | "3")),
            "{message:?} {answer:?}"
        );
    }
    let answer = infer(&world, framed(&valid)).await;
    assert_eq!(status(&answer), None);
}

#[tokio::test]
async fn calls_that_are_no_calls_are_refused() {
    let world = World::new().await;
    let path = "/inference.GRPCInferenceService/ModelInfer";
    let json = world.post(path, "{}").await;
    assert_eq!((json.status.as_u16(), status(&json)), (415, Some("3")));
    let get = world.get(path).await;
    assert_eq!((get.status.as_u16(), status(&get)), (200, Some("12")));
    // A head that announces 4 GiB is refused before anything follows.
    let endless = infer(&world, vec![0, 255, 255, 255, 255]).await;
    assert_eq!(status(&endless), Some("8"));
    let cut = infer(&world, framed(&logarithm())[..20].to_vec()).await;
    assert_eq!(status(&cut), Some("3"));
    let late = [
        ("content-type", "application/grpc"),
        ("grpc-timeout", "soon"),
    ];
    let late = world.call("POST", path, &late, framed(&logarithm())).await;
    assert_eq!(status(&late), Some("3"));
}
