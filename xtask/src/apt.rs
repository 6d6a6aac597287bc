//! Debian's packages, for a machine where we are root.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::shell;

/// Whether we may install packages: root, on Debian or a child of it.
pub(crate) fn is_usable() -> bool {
    is_root() && Path::new("/etc/debian_version").is_file() && shell::which("apt-get").is_some()
}

pub(crate) fn is_root() -> bool {
    shell::capture(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

pub(crate) fn install(packages: &[&str]) -> Result<()> {
    println!("installing {} by apt-get", packages.join(", "));
    shell::run_quietly(apt_get().arg("update"))?;
    shell::run_quietly(
        apt_get()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(packages),
    )
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    command
}
