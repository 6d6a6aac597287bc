//! Tables in files (CSV, Parquet, JSON lines, Arrow IPC) as Arrow batches, and back as Parquet and CSV.
//!
//! It knows no dataset and no event; what it reads comes from people, so every error says where in the file.

mod column;
mod csv;
mod error;
mod json;
mod read;
mod write;

pub use column::{column_f64, column_text};
pub use error::TableError;
pub use read::{ReadOptions, TableFormat, read, read_bytes};
pub use write::{parquet_bytes, unite, write_bytes, write_csv, write_parquet};
