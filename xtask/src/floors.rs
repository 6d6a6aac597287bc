//! `cargo xtask floors`: the house's walls. Data flows down through the floors, so a crate uses only floors below its
//! own; files and crates stay small; lock files name no registry.

mod arrows;
mod locks;
mod sizes;

use anyhow::{Result, bail};

use crate::workplace::Workplace;
use crate::{files, metadata};

pub(crate) fn run(place: &Workplace) -> Result<()> {
    let packages = metadata::packages(place)?;
    let files = files::tracked(place)?;
    let mut problems = arrows::check(&packages);
    problems.extend(sizes::check(place, &files)?);
    problems.extend(locks::check(place, &files)?);
    if problems.is_empty() {
        println!(
            "floors: {} crates and {} files are in order",
            packages.len(),
            files.len()
        );
        return Ok(());
    }
    for problem in &problems {
        println!("floors: {problem}");
    }
    bail!("floors: {} problems", problems.len());
}
