//! Adapters with the services on both sides of them.

mod checks;
