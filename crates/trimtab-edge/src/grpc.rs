//! gRPC's own layer over HTTP/2: messages behind five bytes of head, packed or not, deadlines, and statuses in
//! trailers. What a message says is the business of the edge that it is for.
//!
//! A handler that refuses answers a [`Failure`] as any other does: the shell spells it as a status without a message.

mod answer;
mod messages;
mod status;

pub use answer::{frame, stream, unary};
pub use messages::{Messages, within};
pub use status::trailers;
pub(crate) use status::{is_grpc, refusal};
