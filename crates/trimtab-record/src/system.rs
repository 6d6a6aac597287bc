//! The machine's state, under the names and in the units of MLflow's system metrics (`mlflow.system_metrics`), so that
//! charts and searches made for those find ours.

use std::{fs, path::Path};

use crate::gpu::{self, Gpu};

/// Reads the machine again and again. Network counts from its making; CPU from one reading to the next.
#[derive(Debug)]
pub struct SystemSampler {
    cpu: Option<(u64, u64)>,
    network: Option<(u64, u64)>,
    has_gpu: bool,
}

impl Default for SystemSampler {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemSampler {
    /// Begins.
    pub fn new() -> Self {
        Self {
            cpu: read("/proc/stat").and_then(|text| cpu_ticks(&text)),
            network: read("/proc/net/dev").map(|text| network_bytes(&text)),
            has_gpu: !gpu::gpus().is_empty(),
        }
    }

    /// Names and values as they are now. Megabytes are 10^6 bytes, as MLflow counts them.
    pub fn sample(&mut self) -> Vec<(String, f64)> {
        let mut values = Vec::new();
        let mut add = |name: &str, value: f64| {
            values.push((format!("system/{name}"), (value * 10.0).round() / 10.0));
        };
        let cpu = read("/proc/stat").and_then(|text| cpu_ticks(&text));
        if let (Some((busy, all)), Some((busy_now, all_now))) = (self.cpu, cpu)
            && all_now > all
        {
            let share = real(busy_now.saturating_sub(busy)) / real(all_now - all);
            add("cpu_utilization_percentage", share * 100.0);
        }
        self.cpu = cpu.or(self.cpu);
        if let Some((used, total)) = read("/proc/meminfo").and_then(|text| memory(&text)) {
            add("system_memory_usage_megabytes", used / 1e6);
            add("system_memory_usage_percentage", used / total * 100.0);
        }
        if let Some((used, free)) = disk(Path::new("/")) {
            add("disk_usage_percentage", used / (used + free) * 100.0);
            add("disk_usage_megabytes", used / 1e6);
            add("disk_available_megabytes", free / 1e6);
        }
        if let (Some((received, sent)), Some(text)) = (self.network, read("/proc/net/dev")) {
            let (received_now, sent_now) = network_bytes(&text);
            add(
                "network_receive_megabytes",
                real(received_now.saturating_sub(received)) / 1e6,
            );
            add(
                "network_transmit_megabytes",
                real(sent_now.saturating_sub(sent)) / 1e6,
            );
        }
        if self.has_gpu {
            for gpu in gpu::gpus() {
                add_gpu(&gpu, &mut add);
            }
        }
        values
    }
}

fn add_gpu(gpu: &Gpu, add: &mut impl FnMut(&str, f64)) {
    let index = gpu.index;
    if let Some(value) = gpu.utilization {
        add(&format!("gpu_{index}_utilization_percentage"), value);
    }
    if let Some(used) = gpu.memory_used {
        add(
            &format!("gpu_{index}_memory_usage_megabytes"),
            used * 1.048_576,
        );
        if let Some(total) = gpu.memory_total.filter(|total| *total > 0.0) {
            add(
                &format!("gpu_{index}_memory_usage_percentage"),
                used / total * 100.0,
            );
        }
    }
    if let Some(power) = gpu.power {
        add(&format!("gpu_{index}_power_usage_watts"), power);
        if let Some(limit) = gpu.power_limit.filter(|limit| *limit > 0.0) {
            add(
                &format!("gpu_{index}_power_usage_percentage"),
                power / limit * 100.0,
            );
        }
    }
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[expect(clippy::cast_precision_loss, reason = "a tenth of a percent is shown")]
fn real(count: u64) -> f64 {
    count as f64
}

/// Busy and all ticks of all cores (proc(5), `/proc/stat`). Guests' ticks are in user and nice already.
fn cpu_ticks(text: &str) -> Option<(u64, u64)> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    let all: u64 = ticks.iter().sum();
    let idle = ticks.get(3)? + ticks.get(4).copied().unwrap_or(0);
    Some((all - idle, all))
}

/// Memory that is in use and that there is, in bytes; in use is what is not available.
fn memory(text: &str) -> Option<(f64, f64)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
        Some(real(kibibytes) * 1024.0)
    };
    let total = field("MemTotal:").filter(|total| *total > 0.0)?;
    Some((total - field("MemAvailable:")?, total))
}

/// Bytes in use and free to us.
fn disk(path: &Path) -> Option<(f64, f64)> {
    let found = nix::sys::statvfs::statvfs(path).ok()?;
    let size = real(found.fragment_size());
    let used = real(found.blocks().saturating_sub(found.blocks_free())) * size;
    let free = real(found.blocks_available()) * size;
    (used + free > 0.0).then_some((used, free))
}

/// Bytes received and sent by all interfaces.
fn network_bytes(text: &str) -> (u64, u64) {
    let mut bytes = (0, 0);
    for line in text.lines() {
        let Some((_, counts)) = line.split_once(':') else {
            continue;
        };
        let counts: Vec<u64> = counts
            .split_ascii_whitespace()
            .map_while(|field| field.parse().ok())
            .collect();
        bytes.0 += counts.first().copied().unwrap_or(0);
        bytes.1 += counts.get(8).copied().unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_proc() {
        assert_eq!(
            cpu_ticks("cpu  100 5 20 800 10 1 2 3 9 9\ncpu0 1 1 1 1\n"),
            Some((131, 941))
        );
        assert_eq!(cpu_ticks("intr 1\n"), None);
        assert_eq!(
            memory("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n"),
            Some((768_000.0, 1_024_000.0))
        );
        let dev = "Inter-| Receive | Transmit\n face |bytes packets\n  lo: 10 1 0 0 0 0 0 0 10 1 0\neth0:500 1 0 0 0 0 0 0 7 1 0\n";
        assert_eq!(network_bytes(dev), (510, 17));
    }

    #[test]
    fn a_machine_has_mlflows_names() {
        let mut sampler = SystemSampler::new();
        let values = sampler.sample();
        for name in [
            "system_memory_usage_megabytes",
            "system_memory_usage_percentage",
            "disk_usage_percentage",
            "disk_usage_megabytes",
            "disk_available_megabytes",
            "network_receive_megabytes",
            "network_transmit_megabytes",
        ] {
            let found = values
                .iter()
                .find(|(key, _)| *key == format!("system/{name}"));
            assert!(found.unwrap().1 >= 0.0, "{name}");
        }
        for (name, value) in &values {
            if name.ends_with("percentage") {
                assert!((0.0..=100.0).contains(value), "{name} {value}");
            }
        }
    }
}
