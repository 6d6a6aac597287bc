//! `trimtab demo`: `trimtab replay` on the flights of 2013, with three faults and a stranger at the helm.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, bail};
use rust_embed::RustEmbed;
use trimtab_types::{Duration, Time};

use crate::replay::{Fault, Operator, ReplayArgs};

/// The example project, as it stands in the repository.
#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../examples/flights"]
#[exclude = "data/*"]
#[exclude = "model/*"]
#[exclude = "*.parquet"]
#[exclude = "metrics.json"]
#[exclude = "dvc.lock"]
struct Example;

/// Arguments of `trimtab demo`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct DemoArgs {
    /// Where the demo lives: its project, its history, its server's data folders.
    #[arg(long, value_name = "DIR", default_value = ".trimtab/demo")]
    pub(crate) dir: PathBuf,
    /// Play no flight after this time, for a shorter demo [default: the end of the year].
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Time>,
    /// Seed of everything that draws at random.
    #[arg(long, default_value_t = 0)]
    pub(crate) seed: u64,
    /// Address of the demo's server.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5000")]
    pub(crate) listen: String,
    /// Data folder of the demo's server [default: a new one in the demo's folder].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Also write the report as one HTML page.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// End the server when the year is over.
    #[arg(long)]
    pub(crate) exit: bool,
}

/// A week of May in which distance comes in kilometres, and weeks of July in which labels come flipped.
const FAULTS: [&str; 2] = [
    "kind=unit,column=distance,from=2013-05-06,to=2013-05-13",
    "kind=labels,from=2013-07-08,to=2013-07-22",
];
/// When a colleague hands in a table with every outcome turned around; the gate refuses what was trained on it, and the next
/// day somebody sends that version past the gate.
const STRANGER: &str = "2013-08-05";
/// A shorter demo has them so long before its end …
const BEFORE_END: Duration = Duration::from_days(10);
/// … unless that is before this: the loop is left alone for a while first.
const ALONE_UNTIL: &str = "2013-02-25";

/// Writes the project and the history where they are not yet, and says what to replay.
pub(crate) fn prepare(
    args: &DemoArgs,
    python: &Path,
    progress: impl Fn(&str),
) -> anyhow::Result<(ReplayArgs, Vec<Operator>)> {
    let project = args.dir.join("flights");
    progress("writing the example project");
    write_project(&project)?;
    let history = args.dir.join("history.parquet");
    if !history.is_file() {
        progress("making the history from the flights and the weather of 2013");
        make_history(python, &project, &history)?;
    }
    let data_dir = match &args.data_dir {
        Some(folder) => folder.clone(),
        None => args
            .dir
            .join("servers")
            .join(trimtab_types::PlanId::new().to_string()),
    };
    let faults: Vec<Fault> = FAULTS
        .iter()
        .map(|fault| {
            fault
                .parse::<Fault>()
                .map_err(|problem| anyhow::anyhow!("{fault}: {problem}"))
        })
        .collect::<Result<_, _>>()?;
    let stranger: Time = STRANGER.parse()?;
    let stranger = args
        .until
        .map_or(stranger, |until| stranger.min(until - BEFORE_END));
    let operators = if stranger < ALONE_UNTIL.parse()? {
        Vec::new()
    } else {
        vec![
            Operator::Mislabel { from: stranger },
            Operator::SendRefused {
                from: stranger + Duration::from_days(1),
            },
        ]
    };
    let replay = ReplayArgs {
        data: history,
        time: "time".to_owned(),
        id: "flight_id".to_owned(),
        label: "late".to_owned(),
        label_delay: Duration::from_days(1),
        project,
        train_until: Some("2013-02-01".parse()?),
        until: args.until,
        endpoint: None,
        seed: args.seed,
        data_dir: Some(data_dir),
        listen: args.listen.clone(),
        faults,
        html: args.html.clone(),
        exit: args.exit,
    };
    Ok((replay, operators))
}

/// The example as a git repository of its own, committed once; a second demo finds it as it is.
fn write_project(folder: &Path) -> anyhow::Result<()> {
    let problem = || {
        format!(
            "the example project cannot be written to {}",
            folder.display()
        )
    };
    for name in Example::iter() {
        let Some(file) = Example::get(&name) else {
            continue;
        };
        let path = folder.join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).with_context(problem)?;
        }
        if std::fs::read(&path).ok().as_deref() != Some(file.data.as_ref()) {
            std::fs::write(&path, file.data.as_ref()).with_context(problem)?;
        }
    }
    if !folder.join(".git").exists() {
        git(folder, &["init", "--quiet"])?;
    }
    git(folder, &["add", "--all"])?;
    let is_clean = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["diff", "--cached", "--quiet"])
        .status();
    if !is_clean.context("git cannot be run")?.success() {
        let identity = [
            "-c",
            "user.name=Trimtab demo",
            "-c",
            "user.email=demo@localhost",
        ];
        git(
            folder,
            &[
                &identity[..],
                &["commit", "--quiet", "--message", "The flights example"],
            ]
            .concat(),
        )?;
    }
    Ok(())
}

fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .output()
        .context("git cannot be run")?;
    if !output.status.success() {
        bail!(
            "git {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

fn make_history(python: &Path, project: &Path, history: &Path) -> anyhow::Result<()> {
    let unfinished = history.with_extension("unfinished.parquet");
    let script = project.join("prepare.py");
    let output = Command::new(python)
        .arg(&script)
        .arg(&unfinished)
        .output()
        .with_context(|| format!("{} cannot be run", python.display()))?;
    if !output.status.success() {
        bail!(
            "{} {} failed: {}\n(hint: the demo needs the packages of python/requirements.txt; `make demo` installs them, and TRIMTAB_PYTHON names another Python)",
            python.display(),
            script.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    std::fs::rename(&unfinished, history)
        .with_context(|| format!("{} cannot be written", history.display()))
}
