//! What can be recorded of a process without its help: the machine's and the process tree's use of resources, the
//! console, the state of the code, the environment, and the files that TensorBoard and Weights & Biases write.
//!
//! It knows no server and no run: it reads the operating system and files, and answers values. Everything here may be
//! missing on a machine (no `/proc`, no GPU, no git): what cannot be seen is left out, and is no error.

mod code;
mod console;
mod environment;
mod gpu;
mod process;
mod system;
pub mod tensorboard;
mod usage;
pub mod wandb;
mod watch;
mod wire;

pub use code::CodeState;
pub use console::Console;
pub use environment::{Environment, Package, Python};
pub use gpu::Gpu;
pub use system::SystemSampler;
pub use usage::{Usage, UsageMeter};
pub use watch::{Logged, Watcher};
