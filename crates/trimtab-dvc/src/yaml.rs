//! YAML 1.2 as DVC's library reads and writes it.

mod emit;
mod load;
mod resolve;
mod scalar;
mod value;

pub use emit::emit;
pub(crate) use load::{Kind, Node, load};
pub(crate) use resolve::resolve;
pub(crate) use scalar::{Style, analyze, style};
pub use value::Value;
