//! The formats against what DVC and its YAML library wrote.

mod emitter;
