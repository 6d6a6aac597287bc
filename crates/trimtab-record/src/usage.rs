//! What a process and its descendants used: CPU, GPU and memory over time.

use std::collections::HashSet;

use crate::{gpu, process};

/// What was used, from a beginning on.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Seconds of one core, user and system.
    pub cpu_s: f64,
    /// Seconds of one whole GPU: its utilisation over time.
    pub gpu_s: f64,
    /// Seconds in which a GPU was held by one of the processes, whether it computed or not.
    pub gpu_held_s: f64,
    /// Gibibytes of resident memory over time, in gibibyte-seconds.
    pub memory_gib_s: f64,
    /// The most resident memory at one reading, in mebibytes.
    pub memory_peak_mib: f64,
    /// Seconds on the wall.
    pub wall_s: f64,
}

impl Usage {
    /// What was used since an earlier reading; the peak is that of the whole.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            cpu_s: (self.cpu_s - earlier.cpu_s).max(0.0),
            gpu_s: self.gpu_s - earlier.gpu_s,
            gpu_held_s: self.gpu_held_s - earlier.gpu_held_s,
            memory_gib_s: self.memory_gib_s - earlier.memory_gib_s,
            memory_peak_mib: self.memory_peak_mib,
            wall_s: self.wall_s - earlier.wall_s,
        }
    }
}

/// How often the GPUs are asked, in seconds: every question starts a program.
const ASK_GPUS_S: f64 = 5.0;

/// Meters a process tree by reading `/proc` again and again. A process tells of descendants that it has waited for too,
/// so that nothing is missed which lives and dies between two readings; for the same reason the last reading is to be
/// made when the child has ended and has not been waited for yet ([`UsageMeter::ended`]).
#[derive(Debug)]
pub struct UsageMeter {
    root: i32,
    usage: Usage,
    has_gpu: bool,
    gpu_asked_s: f64,
    /// How many GPUs the tree held when they were last asked, and how much of them computed.
    gpus: (f64, f64),
}

impl UsageMeter {
    /// Meters the tree of a child of ours.
    pub fn new(root: u32) -> Self {
        Self {
            root: i32::try_from(root).unwrap_or(i32::MAX),
            usage: Usage::default(),
            has_gpu: !gpu::gpus().is_empty(),
            gpu_asked_s: f64::INFINITY,
            gpus: (0.0, 0.0),
        }
    }

    /// Blocks until a child of ours has ended, and leaves it to be waited for.
    pub fn ended(child: u32) {
        use nix::sys::wait::{Id, WaitPidFlag, waitid};
        let child = nix::unistd::Pid::from_raw(i32::try_from(child).unwrap_or(i32::MAX));
        // An error is that there is no such child: then there is nothing to wait for.
        while waitid(Id::Pid(child), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
            == Err(nix::errno::Errno::EINTR)
        {}
    }

    /// Reads, `seconds` after the last reading.
    pub fn read(&mut self, seconds: f64) -> Usage {
        let tree = process::tree(self.root);
        let resident = tree.values().map(|process| process.resident).sum();
        let cpu_s = tree.values().map(|process| process.cpu_s).sum();
        let gib = bytes(resident) / f64::from(1 << 30);
        self.usage.memory_gib_s += gib * seconds;
        self.usage.memory_peak_mib = self.usage.memory_peak_mib.max(gib * 1024.0);
        self.usage.wall_s += seconds;
        // What leaves the tree while it works takes its time with it.
        self.usage.cpu_s = self.usage.cpu_s.max(cpu_s);
        if self.has_gpu {
            self.gpu_asked_s += seconds;
            if self.gpu_asked_s >= ASK_GPUS_S {
                self.gpu_asked_s = 0.0;
                self.gpus = ask_gpus(&tree.into_keys().collect());
            }
            self.usage.gpu_held_s += self.gpus.0 * seconds;
            self.usage.gpu_s += self.gpus.1 * seconds;
        }
        self.usage
    }
}

/// How many GPUs these processes hold, and how much of them computes.
fn ask_gpus(pids: &HashSet<i32>) -> (f64, f64) {
    let held = gpu::holders()
        .into_iter()
        .filter(|pid| pids.contains(pid))
        .count();
    if held == 0 {
        return (0.0, 0.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "a machine has a few GPUs")]
    let held = held as f64;
    let gpus = gpu::gpus();
    let busy: f64 = gpus.iter().filter_map(|gpu| gpu.utilization).sum::<f64>() / 100.0;
    (held, busy.min(held))
}

#[expect(clippy::cast_precision_loss, reason = "memory is told in mebibytes")]
fn bytes(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_works_and_its_child_are_metered() {
        // Half a second of CPU in a grandchild that ends before we look again, and 64 MiB.
        let script = "
import os, time
block = bytearray(64 << 20)
if os.fork() == 0:
    end = time.process_time() + 0.5
    while time.process_time() < end: pass
    os._exit(0)
os.wait()
print('ready', flush=True)
input()
";
        let python = std::env::var("TRIMTAB_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let mut child = Command::new(python)
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut meter = UsageMeter::new(child.id());
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
        std::io::BufRead::read_line(&mut out, &mut line).unwrap();
        let usage = meter.read(2.0);
        assert!(usage.memory_peak_mib > 60.0, "{usage:?}");
        assert!((usage.memory_gib_s - usage.memory_peak_mib / 1024.0 * 2.0).abs() < 1e-9);
        drop(child.stdin.take());
        UsageMeter::ended(child.id());
        let usage = meter.read(1.0);
        child.wait().unwrap();
        // Nothing that we start ourselves is counted.
        assert!((meter.read(0.0).cpu_s - usage.cpu_s).abs() < 1e-9);
        assert!(usage.cpu_s >= 0.5 && usage.cpu_s < 30.0, "{usage:?}");
        assert!((usage.wall_s - 3.0).abs() < 1e-9);
        let since = usage.since(&Usage {
            cpu_s: 0.1,
            wall_s: 1.0,
            ..Usage::default()
        });
        assert!((since.wall_s - 2.0).abs() < 1e-9 && since.cpu_s < usage.cpu_s);
    }
}
