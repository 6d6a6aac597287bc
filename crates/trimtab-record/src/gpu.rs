//! NVIDIA's GPUs, as `nvidia-smi` tells of them. The tool comes with the driver; without it there is no GPU to see.

use std::process::{Command, Stdio};

/// One GPU at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Gpu {
    /// Its place, counted from 0.
    pub index: u32,
    /// Its model.
    pub name: String,
    /// Share of the time in which it computed, 0 to 100.
    pub utilization: Option<f64>,
    /// Memory in use, in mebibytes.
    pub memory_used: Option<f64>,
    /// Memory that there is, in mebibytes.
    pub memory_total: Option<f64>,
    /// Power that it draws, in watts.
    pub power: Option<f64>,
    /// Power that it may draw, in watts.
    pub power_limit: Option<f64>,
}

const FIELDS: &str =
    "index,utilization.gpu,memory.used,memory.total,power.draw,enforced.power.limit,name";

fn ask(query: &str) -> Option<String> {
    let output = Command::new("nvidia-smi")
        .args([query, "--format=csv,noheader,nounits"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The GPUs of this machine.
pub(crate) fn gpus() -> Vec<Gpu> {
    ask(&format!("--query-gpu={FIELDS}"))
        .map(|text| text.lines().filter_map(parse).collect())
        .unwrap_or_default()
}

/// The processes that compute on a GPU, each once for every GPU that it has.
pub(crate) fn holders() -> Vec<i32> {
    ask("--query-compute-apps=pid")
        .map(|text| {
            text.lines()
                .filter_map(|line| line.trim().parse().ok())
                .collect()
        })
        .unwrap_or_default()
}

fn parse(line: &str) -> Option<Gpu> {
    let mut fields = line.splitn(7, ',').map(str::trim);
    let index = fields.next()?.parse().ok()?;
    // What a card does not tell is `[N/A]` or `[Not Supported]`.
    let mut number = || fields.next()?.parse::<f64>().ok();
    let (utilization, memory_used, memory_total) = (number(), number(), number());
    let (power, power_limit) = (number(), number());
    Some(Gpu {
        index,
        utilization,
        memory_used,
        memory_total,
        power,
        power_limit,
        name: fields.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_nvidia_smi() {
        let gpu = parse("0, 37, 1024, 81559, 151.20, 700.00, NVIDIA H100 80GB HBM3").unwrap();
        assert_eq!((gpu.index, gpu.utilization), (0, Some(37.0)));
        assert_eq!(
            (gpu.memory_used, gpu.power_limit),
            (Some(1024.0), Some(700.0))
        );
        assert_eq!(gpu.name, "NVIDIA H100 80GB HBM3");
        let old = parse("1, [N/A], 10, 4040, [Not Supported], [N/A], Quadro, K600").unwrap();
        assert_eq!(
            (old.utilization, old.power, old.memory_used),
            (None, None, Some(10.0))
        );
        assert_eq!(old.name, "Quadro, K600");
        for bad in [
            "",
            "No devices were found",
            "x, 1, 2, 3, 4, 5, name",
            "0, 1",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
