//! `cargo xtask test`: everything, in phases, each timed. Phases of pieces that are not in the tree are not listed.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::background::Background;
use crate::check::{counted, quiet};
use crate::counts::Counts;
use crate::files::Temporary;
use crate::phases::Phases;
use crate::postgres::{self, Postgres};
use crate::workplace::{PROFILE, Workplace};
use crate::{check, codegen, floors, setup, shell, tools, ui, wheel};

/// What the phases share.
#[derive(Debug)]
struct Bench<'a> {
    place: &'a Workplace,
    postgres: Option<Postgres>,
    /// A server that has been through the demo, and its address.
    demo: Option<(Background, String)>,
    /// Tests put their files here, so that none is left behind.
    temporary: Temporary,
}

/// The demo's first training, and at least one more.
const DEMO_END: &str = "2013-03-15";
const DEMO_PATIENCE: Duration = Duration::from_mins(10);

type Body = fn(&mut Bench<'_>) -> Result<Counts>;

struct Phase {
    name: &'static str,
    body: Body,
    /// Nothing after it can run when it fails.
    is_ground: bool,
    is_there: fn(&Workplace) -> bool,
}

const fn phase(name: &'static str, body: Body) -> Phase {
    Phase {
        name,
        body,
        is_ground: false,
        is_there: |_| true,
    }
}

impl Phase {
    const fn ground(mut self) -> Self {
        self.is_ground = true;
        self
    }

    const fn when(mut self, is_there: fn(&Workplace) -> bool) -> Self {
        self.is_there = is_there;
        self
    }
}

const PHASES: &[Phase] = &[
    phase("setup", |bench| {
        quiet(setup::run(bench.place, setup::For::Everything))
    })
    .ground(),
    phase("format", |bench| check::format(bench.place)),
    phase("floors", |bench| quiet(floors::run(bench.place))),
    phase("console-build", |bench| quiet(ui::run(bench.place)))
        .ground()
        .when(has_console),
    phase("console-unit", console_unit).when(has_console),
    phase("build", build).ground(),
    phase("lints", |bench| check::lints(bench.place)),
    phase("postgresql", |bench| {
        bench.postgres = Some(Postgres::start(bench.place)?);
        Ok(Counts::default())
    })
    .ground(),
    phase("rust", rust),
    phase("reference", |bench| quiet(codegen::check(bench.place)))
        .when(|place| place.root.join("docs/reference/cli.md").is_file()),
    phase("python", python).when(|place| place.root.join("python/tests").is_dir()),
    phase("wheel", wheel_test).when(|place| place.root.join("tests/wheel").is_dir()),
    phase("image", image).when(|place| place.root.join("tests/image").is_dir()),
    phase("demo", demo).when(has_demo),
    phase("console", console).when(|place| place.root.join("tests/console").is_dir()),
];

pub(crate) fn run(place: &Workplace, names: &[String]) -> Result<bool> {
    for name in names {
        if !PHASES.iter().any(|phase| phase.name == name) {
            let known: Vec<&str> = PHASES.iter().map(|phase| phase.name).collect();
            bail!("no phase `{name}`; there are {}", known.join(", "));
        }
    }
    let mut bench = Bench {
        place,
        postgres: None,
        demo: None,
        temporary: Temporary::new("tests")?,
    };
    let mut phases = Phases::default();
    for phase in PHASES {
        let is_wanted = names.is_empty() || names.iter().any(|name| name == phase.name);
        if !is_wanted || !(phase.is_there)(place) {
            continue;
        }
        let is_good = phases.run(phase.name, || (phase.body)(&mut bench));
        if !is_good && phase.is_ground {
            break;
        }
    }
    drop(bench);
    Ok(phases.finish())
}

impl Bench<'_> {
    /// What every test may rely on.
    fn prepare(&self, command: &mut Command) {
        let place = self.place;
        let mut variables: Vec<(&str, std::ffi::OsString)> = vec![
            ("TRIMTAB_PYTHON", place.python().into()),
            ("TRIMTAB_BIN", place.binary("trimtab").into()),
            ("TRIMTAB_TEST_OUTPUT", place.test_output().into()),
            ("TMPDIR", self.temporary.path().into()),
            ("MLFLOW_DISABLE_TELEMETRY", "true".into()),
        ];
        if let Ok(chromium) = tools::chromium() {
            variables.push(("TRIMTAB_CHROMIUM", chromium.into()));
        }
        if let Some(postgres) = &self.postgres {
            variables.push(("TRIMTAB_TEST_POSTGRES", postgres.url().into()));
        }
        for (name, value) in variables {
            // What was said for this one command stands.
            if !command.get_envs().any(|(said, _)| said == name) {
                command.env(name, value);
            }
        }
    }

    fn tests(&self, command: &mut Command) -> Result<Counts> {
        self.prepare(command);
        let counts = counted(shell::tee(command)?)?;
        if counts == Counts::default() {
            bail!("{} ran no test", shell::line(command));
        }
        Ok(counts)
    }
}

fn has_console(place: &Workplace) -> bool {
    place.root.join("ui/package-lock.json").is_file()
}

/// Types, whether they are still those of the API, and unit tests.
fn console_unit(bench: &mut Bench<'_>) -> Result<Counts> {
    shell::run(ui::npm(bench.place).args(["run", "--silent", "check"]))?;
    if bench
        .place
        .root
        .join("docs/reference/openapi.json")
        .is_file()
    {
        shell::run(ui::npm(bench.place).args(["run", "--silent", "types:check"]))?;
    }
    bench.tests(ui::npm(bench.place).args(["test", "--silent"]))
}

/// The whole workspace with its tests, in one profile and one feature set.
fn build(bench: &mut Bench<'_>) -> Result<Counts> {
    let place = bench.place;
    let workspace = ["--workspace", "--all-targets"];
    shell::run(
        shell::cargo(place)
            .args(["build", "--quiet", "--profile", PROFILE])
            .args(workspace),
    )?;
    Ok(Counts::default())
}

fn rust(bench: &mut Bench<'_>) -> Result<Counts> {
    let mut command = shell::cargo(bench.place);
    if tools::has_nextest() {
        command.args(["nextest", "run", "--cargo-profile", PROFILE]);
        command.args(["--workspace", "--all-targets", "--no-fail-fast"]);
        command.args(["--profile", "ci"]);
    } else {
        command.args(["test", "--quiet", "--profile", PROFILE]);
        command.args(["--workspace", "--all-targets", "--no-fail-fast"]);
    }
    bench.tests(&mut command)
}

fn python(bench: &mut Bench<'_>) -> Result<Counts> {
    bench.tests(&mut pytest(bench.place, "python/tests"))
}

fn wheel_test(bench: &mut Bench<'_>) -> Result<Counts> {
    let wheel = wheel::build(bench.place, PROFILE)?;
    let uv = setup::uv(bench.place)?;
    bench.tests(
        pytest(bench.place, "tests/wheel")
            .env("TRIMTAB_WHEEL", wheel)
            .env("TRIMTAB_UV", uv),
    )
}

fn image(bench: &mut Bench<'_>) -> Result<Counts> {
    bench.tests(&mut pytest(bench.place, "tests/image"))
}

fn pytest(place: &Workplace, folder: &str) -> Command {
    let mut command = Command::new(place.python());
    command
        .current_dir(&place.root)
        .args(["-m", "pytest", "--quiet", "-p", "no:cacheprovider"])
        .arg(folder);
    command
}

/// Whether the binary has its demo: the source that names the command is the word for it.
fn has_demo(place: &Workplace) -> bool {
    std::fs::read_to_string(place.root.join("crates/trimtab/src/main.rs"))
        .is_ok_and(|text| text.contains("mod demo;"))
}

/// `trimtab demo` on the first weeks of its year; its server stays up for the console's tests.
fn demo(bench: &mut Bench<'_>) -> Result<Counts> {
    let place = bench.place;
    let folder = place.target.join("demo");
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    let report = place.test_output().join("demo.html");
    if report.exists() {
        std::fs::remove_file(&report)?;
    }
    let address = format!("127.0.0.1:{}", postgres::free_port()?);
    let mut command = Command::new(place.binary("trimtab"));
    command
        .args(["demo", "--until", DEMO_END, "--listen", &address])
        .arg("--dir")
        .arg(&folder)
        .arg("--html")
        .arg(&report);
    bench.prepare(&mut command);
    let log = place.test_output().join("demo.log");
    let mut program = Background::start(&mut command, &log)?;
    let end = program.wait_until(DEMO_PATIENCE, || {
        std::fs::read_to_string(&log).is_ok_and(|text| text.contains("The console is at"))
    });
    println!("{}", program.output());
    end?;
    bench.demo = Some((program, format!("http://{address}")));
    Ok(Counts {
        passed: 1,
        failed: 0,
    })
}

/// The console in Chromium; screenshots stay under the target folder.
fn console(bench: &mut Bench<'_>) -> Result<Counts> {
    let output = bench.place.test_output().join("console");
    let mut command = ui::npm(bench.place);
    command.args(["run", "--silent", "test:console"]);
    command.env("TRIMTAB_TEST_OUTPUT", output);
    if let Some((_, url)) = &bench.demo {
        command.env("TRIMTAB_URL", url);
    }
    bench.tests(&mut command)
}
