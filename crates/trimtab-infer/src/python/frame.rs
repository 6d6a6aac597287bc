//! The frames between the server and a worker: a prefix, a head of JSON, a body of tensors. `worker.py` is the other
//! end.

use std::io::{self, Read, Write};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Answer, AnswerForm, DataType, InferError, Tensor, raw};

/// The version of the frames and of what they say.
pub(super) const PROTOCOL: u32 = 1;

const MAGIC: &[u8; 4] = b"TTP1";
/// Magic, length of the head (4 bytes), length of the body (8 bytes).
const PREFIX: usize = 16;
/// Every tensor of a body begins at a multiple of this.
const ALIGNMENT: usize = 64;
/// The longest head that is taken from a worker.
const MAX_HEAD: u64 = 4 << 20;
/// The longest body that is taken from a worker.
const MAX_BODY: u64 = 1 << 30;

/// What a worker is told first.
#[derive(Debug, Serialize)]
pub(super) struct Hello<'a> {
    pub(super) protocol: u32,
    /// The model's folder.
    pub(super) model: &'a str,
    /// Whether the model may reach the network.
    pub(super) network: bool,
}

/// What a worker says first.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Greeting {
    /// It has loaded the model.
    Ready(Ready),
    /// It has not.
    Failed(Raised),
}

/// A worker that has loaded its model.
#[derive(Debug, Deserialize)]
pub(super) struct Ready {
    pub(super) protocol: u32,
    pub(super) python: String,
    pub(super) signature: Option<super::signature::Written>,
    pub(super) load_ms: u64,
    /// Why it can reach the network although it should not.
    pub(super) network: Option<String>,
    /// Requirements of the model that its environment does not meet.
    pub(super) differs: Vec<String>,
}

/// An exception in Python.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Raised {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) message: String,
    /// The traceback's last lines.
    pub(super) trace: Vec<String>,
}

impl Raised {
    /// `ValueError: what it says`.
    pub(super) fn summary(&self) -> String {
        if self.message.is_empty() {
            self.kind.clone()
        } else {
            format!("{}: {}", self.kind, self.message)
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Part {
    name: String,
    datatype: String,
    shape: Vec<usize>,
    /// Where it begins in the body.
    at: usize,
    /// How many bytes it has.
    size: usize,
}

#[derive(Debug, Serialize)]
struct Question<'a> {
    id: u64,
    inputs: &'a [Part],
}

#[derive(Debug, Deserialize)]
struct Reply {
    id: u64,
    #[serde(default)]
    error: Option<Raised>,
    #[serde(default)]
    form: Option<String>,
    #[serde(default)]
    outputs: Vec<Part>,
}

/// A frame as it goes out, without its id: what is asked twice is the same bytes.
#[derive(Debug)]
pub(super) struct Encoded {
    inputs: Vec<u8>,
    head: Vec<Part>,
}

impl Encoded {
    /// Tensors as the body of a frame.
    pub(super) fn of(inputs: &[Tensor]) -> Self {
        let mut body = Vec::new();
        let head = inputs
            .iter()
            .map(|tensor| {
                body.resize(body.len().next_multiple_of(ALIGNMENT), 0);
                let at = body.len();
                raw::encode(tensor.data(), &mut body);
                Part {
                    name: tensor.name().to_owned(),
                    datatype: tensor.data_type().as_str().to_owned(),
                    shape: tensor.shape().to_vec(),
                    at,
                    size: body.len() - at,
                }
            })
            .collect();
        Self { inputs: body, head }
    }

    /// What tells this request from others.
    pub(super) fn hash(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new();
        for part in &self.head {
            hash.update(part.name.as_bytes());
            hash.update(&[0]);
            hash.update(part.datatype.as_bytes());
            for dim in &part.shape {
                hash.update(&(*dim as u64).to_le_bytes());
            }
        }
        hash.update(&self.inputs);
        *hash.finalize().as_bytes()
    }

    /// Sends it under an id.
    pub(super) fn send(&self, id: u64, to: &mut impl Write) -> io::Result<()> {
        let head = Question {
            id,
            inputs: &self.head,
        };
        send(to, &head, &self.inputs)
    }
}

/// Sends one frame.
pub(super) fn send(to: &mut impl Write, head: &impl Serialize, body: &[u8]) -> io::Result<()> {
    let head = serde_json::to_vec(head)?;
    let length = u32::try_from(head.len()).map_err(io::Error::other)?;
    let mut start = Vec::with_capacity(PREFIX + head.len());
    start.extend_from_slice(MAGIC);
    start.extend_from_slice(&length.to_le_bytes());
    start.extend_from_slice(&(body.len() as u64).to_le_bytes());
    start.extend_from_slice(&head);
    to.write_all(&start)?;
    to.write_all(body)
}

/// Receives one frame. Memory grows as bytes arrive, whatever lengths are claimed.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<(T, Bytes)> {
    let mut prefix = [0; PREFIX];
    from.read_exact(&mut prefix)?;
    let (magic, lengths) = prefix.split_at(4);
    if magic != MAGIC {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame does not begin as one",
        ));
    }
    let number = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |n, byte| n << 8 | u64::from(*byte))
    };
    let (head, body) = (number(&lengths[..4]), number(&lengths[4..]));
    if head > MAX_HEAD || body > MAX_BODY {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a frame claims {head} and {body} bytes"),
        ));
    }
    let head = exactly(from, head)?;
    let body = exactly(from, body)?;
    let head = serde_json::from_slice(&head)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok((head, body.into()))
}

fn exactly(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let got = from.take(length).read_to_end(&mut bytes)?;
    if got as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// What became of a request that a worker answered: the protocol's failure is the outer error.
pub(super) fn answer(from: &mut impl Read, id: u64) -> io::Result<Result<Answer, InferError>> {
    let (reply, body): (Reply, Bytes) = receive(from)?;
    let broken = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
    if reply.id != id {
        return Err(broken(format!("answer {} came to question {id}", reply.id)));
    }
    if let Some(raised) = reply.error {
        return Ok(Err(InferError::Raised {
            exception: raised.summary(),
            trace: raised.trace.join("\n"),
        }));
    }
    let form = match reply.form.as_deref() {
        Some("array") => AnswerForm::Array,
        Some("frame") => AnswerForm::Frame,
        Some("dictionary") => AnswerForm::Dictionary,
        Some("json") => AnswerForm::Json,
        other => return Err(broken(format!("an answer of form {other:?}"))),
    };
    let outputs = reply
        .outputs
        .into_iter()
        .map(|part| {
            let bytes = part
                .at
                .checked_add(part.size)
                .filter(|end| *end <= body.len())
                .map(|end| body.slice(part.at..end))
                .ok_or_else(|| broken(format!("tensor `{}` lies outside the frame", part.name)))?;
            let datatype: DataType = part.datatype.parse().map_err(io::Error::other)?;
            let data = raw::decode(datatype, &bytes)
                .ok_or_else(|| broken(format!("tensor `{}` is cut off", part.name)))?;
            Tensor::new(part.name, part.shape, data).map_err(io::Error::other)
        })
        .collect::<io::Result<Vec<Tensor>>>()?;
    Ok(Ok(Answer { outputs, form }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_lies_ends_the_frame_and_takes_no_memory() {
        let claim = |head: u32, body: u64| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend(head.to_le_bytes());
            bytes.extend(body.to_le_bytes());
            bytes.extend(b"{}");
            receive::<serde_json::Value>(&mut bytes.as_slice())
                .unwrap_err()
                .kind()
        };
        assert_eq!(claim(2, 1 << 29), io::ErrorKind::UnexpectedEof);
        assert_eq!(claim(2 << 20, 0), io::ErrorKind::UnexpectedEof);
        assert_eq!(claim(u32::MAX, 0), io::ErrorKind::InvalidData);
        assert_eq!(claim(2, u64::MAX), io::ErrorKind::InvalidData);
        let text = b"hello from print(), which is no frame";
        let error = receive::<serde_json::Value>(&mut text.as_slice()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn an_answer_whose_tensors_lie_outside_is_refused() {
        let said = |head: &str, body: &[u8]| {
            let head: serde_json::Value = serde_json::from_str(head).unwrap();
            let mut bytes = Vec::new();
            send(&mut bytes, &head, body).unwrap();
            answer(&mut bytes.as_slice(), 7)
        };
        let tensor = |at: u64, size: u64, shape: &str| {
            format!(
                r#"{{"id":7,"form":"array","outputs":[{{"name":"o","datatype":"FP32","shape":{shape},"at":{at},"size":{size}}}]}}"#
            )
        };
        let ok = said(&tensor(0, 8, "[2]"), &[0; 8]).unwrap().unwrap();
        assert_eq!(ok.outputs[0].shape(), [2]);
        assert!(said(&tensor(4, 8, "[2]"), &[0; 8]).is_err());
        assert!(said(&tensor(u64::MAX, 8, "[2]"), &[0; 8]).is_err());
        assert!(said(&tensor(0, 8, "[1099511627776]"), &[0; 8]).is_err());
        assert!(said(&tensor(0, 7, "[2]"), &[0; 8]).is_err());
        assert!(said(r#"{"id":6,"form":"array"}"#, &[]).is_err());
        assert!(said(r#"{"id":7,"form":"pickle"}"#, &[]).is_err());
    }
}
