//! Adapters with the services on both sides of them.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod checks;
