//! `trimtab replay` and `trimtab demo` with the real binary: what they decide, what their servers learn from, and what
//! they say to histories that cannot be played.

mod bad;
mod faults;
mod flights;
mod history;
mod left;
mod player;
mod project;
mod story;

/// The Python whose packages `cargo xtask setup` installs.
fn python() -> String {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv/bin/python");
    std::env::var("TRIMTAB_PYTHON").unwrap_or_else(|_| own.to_owned())
}
