//! A run of phases, each timed, with a table at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::counts::Counts;

#[derive(Debug, Default)]
pub(crate) struct Phases {
    done: Vec<Phase>,
    started: Option<Instant>,
}

#[derive(Debug)]
struct Phase {
    name: &'static str,
    took: Duration,
    counts: Counts,
    has_failed: bool,
}

impl Phases {
    /// Runs one phase and says how it went. An error that no test counted counts as one failure.
    pub(crate) fn run(
        &mut self,
        name: &'static str,
        body: impl FnOnce() -> Result<Counts>,
    ) -> bool {
        let begin = Instant::now();
        self.started.get_or_insert(begin);
        println!("── {name}");
        let (mut counts, problem) = match body() {
            Ok(counts) => (counts, None),
            Err(error) => (Counts::default(), Some(format!("{error:#}"))),
        };
        if problem.is_some() {
            counts.failed += 1;
        }
        let has_failed = counts.failed > 0;
        let took = begin.elapsed();
        if let Some(problem) = problem {
            println!("{problem}");
        }
        println!(
            "── {name}: {} in {:.1} s",
            if has_failed { "FAILED" } else { "done" },
            took.as_secs_f64()
        );
        self.done.push(Phase {
            name,
            took,
            counts,
            has_failed,
        });
        !has_failed
    }

    /// The table, and the sum as the last line; true when nothing failed.
    pub(crate) fn finish(&self) -> bool {
        let total = self
            .started
            .map(|begin| begin.elapsed())
            .unwrap_or_default();
        print!("{}", self.table(total));
        let mut sum = Counts::default();
        for phase in &self.done {
            sum += phase.counts;
        }
        println!("{} passed, {} failed", sum.passed, sum.failed);
        sum.failed == 0
    }

    fn table(&self, total: Duration) -> String {
        let mut text = format!(
            "\n{:<24} {:>9} {:>8} {:>8}\n",
            "phase", "seconds", "passed", "failed"
        );
        for phase in &self.done {
            let _ = writeln!(
                text,
                "{:<24} {:>9.1} {:>8} {:>8}{}",
                phase.name,
                phase.took.as_secs_f64(),
                number(phase.counts.passed),
                number(phase.counts.failed),
                if phase.has_failed { "  FAILED" } else { "" }
            );
        }
        let _ = writeln!(text, "{:<24} {:>9.1}", "all", total.as_secs_f64());
        text
    }
}

fn number(count: u64) -> String {
    if count == 0 {
        "-".to_owned()
    } else {
        count.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn an_error_that_no_test_counted_is_one_failure() {
        let mut phases = Phases::default();
        assert!(phases.run("fine", || Ok(Counts {
            passed: 2,
            failed: 0
        })));
        assert!(!phases.run("broken", || bail!("no build")));
        assert!(!phases.finish());
        let table = phases.table(Duration::from_secs(3));
        assert!(table.contains("fine"), "{table}");
        assert!(table.contains("FAILED"), "{table}");
    }
}
