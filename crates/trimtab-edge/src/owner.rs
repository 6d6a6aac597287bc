//! Who holds a port: read from /proc, for the error that says so.

use std::{fs, path::Path};

/// The process that listens on a TCP port of this machine, as "`python3` (process 4711)"; `None` where it cannot
/// be seen (another user's process, another system than Linux).
pub fn port_holder(port: u16) -> Option<String> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .find_map(|table| listening_inode(&table, port))?;
    let wanted = format!("socket:[{inode}]");
    let holder = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .find(|process| has_open(&process.path(), &wanted))?;
    let pid = holder.file_name().into_string().ok()?;
    let name = fs::read_to_string(holder.path().join("comm")).ok()?;
    Some(format!("`{}` (process {pid})", name.trim()))
}

fn listening_inode(table: &str, port: u16) -> Option<String> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
        let is_listening = *columns.get(3)? == "0A";
        let is_wanted = u16::from_str_radix(local_port, 16) == Ok(port);
        (is_listening && is_wanted).then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
    })
}

fn has_open(process: &Path, socket: &str) -> bool {
    let is_process = process
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.bytes().all(|b| b.is_ascii_digit()));
    is_process
        && fs::read_dir(process.join("fd")).is_ok_and(|files| {
            files.flatten().any(|file| {
                fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == socket)
            })
        })
}
