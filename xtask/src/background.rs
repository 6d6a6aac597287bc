//! A program that runs beside us, told to end with the value.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::shell;

const STEP: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Background {
    child: Child,
    log: PathBuf,
}

impl Background {
    /// Starts a program whose output goes to a file.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        if let Some(folder) = log.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", shell::line(command)))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// Waits until something is so; an error if the program ends before, or in that time it is not.
    pub(crate) fn wait_until(
        &mut self,
        patience: Duration,
        is_so: impl Fn() -> bool,
    ) -> Result<()> {
        let begin = Instant::now();
        while !is_so() {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}\n{}", self.output());
            }
            if begin.elapsed() > patience {
                bail!("nothing after {patience:?}\n{}", self.output());
            }
            std::thread::sleep(STEP);
        }
        Ok(())
    }

    pub(crate) fn output(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // As a person would end it, so that it leaves no child of its own behind.
        let told = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .is_ok_and(|status| status.success());
        let begin = Instant::now();
        while told && begin.elapsed() < Duration::from_secs(20) {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(STEP);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Temporary;

    #[test]
    fn its_end_is_told_with_what_it_wrote() {
        let folder = Temporary::new("background").unwrap();
        let log = folder.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo so much for that; exit 3"]);
        let mut program = Background::start(&mut command, &log).unwrap();
        let error = program
            .wait_until(Duration::from_secs(10), || false)
            .unwrap_err()
            .to_string();
        assert!(error.contains("so much for that"), "{error}");
        assert!(error.contains('3'), "{error}");
    }

    #[test]
    fn it_is_told_to_end() {
        let folder = Temporary::new("background").unwrap();
        let (log, mark) = (folder.path().join("log"), folder.path().join("mark"));
        let mut command = Command::new("sh");
        let script = "trap 'echo asked; exit 0' TERM; touch \"$0\"; while :; do sleep 0.05; done";
        command.args(["-c", script]).arg(&mark);
        let mut program = Background::start(&mut command, &log).unwrap();
        program
            .wait_until(Duration::from_secs(10), || mark.exists())
            .unwrap();
        drop(program);
        assert_eq!(std::fs::read_to_string(log).unwrap(), "asked\n");
    }
}
