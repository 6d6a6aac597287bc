//! Processes, as `/proc` tells of them (proc(5)).

use std::{collections::HashMap, fs};

/// One process at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Process {
    /// Its parent.
    pub(crate) parent: i32,
    /// When it began, in clock ticks since boot: a process id may come again, with another start.
    pub(crate) began: u64,
    /// User and system time, its own and that of descendants which were waited for, in seconds.
    pub(crate) cpu_s: f64,
    /// Resident memory, in bytes.
    pub(crate) resident: u64,
}

/// Clock ticks in a second.
fn ticks() -> f64 {
    match nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK) {
        #[expect(clippy::cast_precision_loss, reason = "it is 100")]
        Ok(Some(ticks)) if ticks > 0 => ticks as f64,
        Ok(_) | Err(_) => 100.0,
    }
}

fn page() -> u64 {
    match nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE) {
        Ok(Some(size)) => u64::try_from(size).unwrap_or(4096),
        Ok(None) | Err(_) => 4096,
    }
}

/// Reads a line of `/proc/PID/stat`: the name in brackets may hold anything, so fields count from its end.
pub(crate) fn parse(stat: &str, ticks: f64, page: u64) -> Option<Process> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Numbers are those of proc(5) less three: state is field 3.
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a process has less than 2^53 ticks"
    )]
    let cpu_s = (number(11)? + number(12)? + number(13)? + number(14)?) as f64 / ticks;
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        began: number(19)?,
        cpu_s,
        resident: number(21)? * page,
    })
}

/// A process and everything that descends from it, by process id.
pub(crate) fn tree(root: i32) -> HashMap<i32, Process> {
    let (ticks, page) = (ticks(), page());
    let all: HashMap<i32, Process> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parse(&stat, ticks, page)?))
        })
        .collect();
    descendants(&all, root)
}

fn descendants(all: &HashMap<i32, Process>, root: i32) -> HashMap<i32, Process> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, process) in all {
        children.entry(process.parent).or_default().push(*pid);
    }
    let mut found = HashMap::new();
    let mut waiting = vec![root];
    while let Some(pid) = waiting.pop() {
        if let Some(process) = all.get(&pid)
            && found.insert(pid, *process).is_none()
        {
            waiting.extend(children.get(&pid).into_iter().flatten());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_brackets_and_spaces() {
        let stat = "4242 (a ) S 1 (b) R 17 4242 4242 0 -1 4194304 100 0 0 0 250 50 40 10 20 0 3 0 987654 1000 25 18446744073709551615 1 1";
        let process = parse(stat, 100.0, 4096).unwrap();
        assert_eq!(
            process,
            Process {
                parent: 17,
                began: 987_654,
                cpu_s: 3.5,
                resident: 25 * 4096
            }
        );
        for cut in 0..stat.len() {
            let _ = parse(&stat[..cut], 100.0, 4096);
        }
    }

    #[test]
    fn a_tree_is_what_descends() {
        let process = |parent| Process {
            parent,
            began: 0,
            cpu_s: 0.0,
            resident: 0,
        };
        let all = HashMap::from([
            (1, process(0)),
            (2, process(1)),
            (3, process(2)),
            (4, process(1)),
            (5, process(3)),
            // Two that name each other cannot be, and must not hang us.
            (8, process(9)),
            (9, process(8)),
        ]);
        let mut tree: Vec<i32> = descendants(&all, 2).into_keys().collect();
        tree.sort_unstable();
        assert_eq!(tree, [2, 3, 5]);
        assert_eq!(descendants(&all, 8).len(), 2);
        assert!(descendants(&all, 77).is_empty());
    }

    #[test]
    fn we_are_in_our_own_tree() {
        let us = i32::try_from(std::process::id()).unwrap();
        let tree = tree(us);
        assert!(tree[&us].resident > 0);
    }
}
