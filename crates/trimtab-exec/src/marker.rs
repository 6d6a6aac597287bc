//! The file that names a running process group, so that a later process of ours can end what an earlier one,
//! killed, left behind. A process is known by its number, its start time and the machine's boot, because numbers
//! are used again.

use std::{fs, io, path::Path};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

const MAGIC: &str = "trimtab-job 1";

fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Start time in clock ticks since boot, field 22 of `/proc/PID/stat`; the name in field 2 may hold anything.
fn started(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(") ")?.1;
    after_name.split(' ').nth(19).map(str::to_owned)
}

/// Writes the marker of a group that has just been started. Where the system does not tell start times, there is
/// nothing safe to write, and nothing is written.
pub(crate) fn write(path: &Path, group: i32) -> io::Result<()> {
    let (Some(boot), Some(started)) = (boot(), started(group)) else {
        return Ok(());
    };
    fs::write(path, format!("{MAGIC}\n{group} {started} {boot}\n"))
}

/// Kills the group that the marker names, if its leader still is that very process, and removes the marker.
pub(crate) fn reap(path: &Path) -> io::Result<bool> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let is_ours = parse(&text).filter(|(group, then, of_boot)| {
        boot().as_deref() == Some(*of_boot) && started(*group).as_deref() == Some(*then)
    });
    if let Some((group, _, _)) = is_ours {
        // Gone in between is as good as killed.
        let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
    }
    fs::remove_file(path)?;
    Ok(is_ours.is_some())
}

fn parse(text: &str) -> Option<(i32, &str, &str)> {
    let (magic, rest) = text.split_once('\n')?;
    let mut words = rest.trim_end().split(' ');
    let group: i32 = words.next()?.parse().ok()?;
    let found = (group, words.next()?, words.next()?);
    (magic == MAGIC && group > 1).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_of_another_time_or_of_nonsense_kills_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("marker");
        let own = i32::try_from(std::process::id()).unwrap();
        for text in [
            String::new(),
            "x".to_owned(),
            format!("{MAGIC}\n{own} 1 {}\n", boot().unwrap_or_default()),
            format!("{MAGIC}\n1 1 1\n"),
            format!("{MAGIC}\n-1 1 1\n"),
        ] {
            fs::write(&path, &text).unwrap();
            assert!(!reap(&path).unwrap(), "{text}");
            assert!(!path.exists());
        }
        assert!(!reap(&path).unwrap());
    }
}
