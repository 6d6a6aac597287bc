//! How the process tells about itself: structured logs, the Prometheus registry, and the register of its tasks.
//!
//! It knows no service; names of metrics belong to the crates that count.

mod logs;
mod metrics;
mod tasks;

pub use logs::{LogFormat, init_logs, log_level, set_log_level};
pub use metrics::{Metrics, latency_buckets};
pub use tasks::Tasks;
