//! The statistics on real tables against SciPy, and as properties.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod properties;
mod scipy;
