//! The command line.

use std::path::PathBuf;

use crate::commands::{export::ExportCommand, import::ImportCommand};
use clap::{Args, Parser, Subcommand};
use trimtab_types::{Time, TokenId};

use crate::{
    commands::{BackupArgs, CostArgs, GcArgs, RestoreArgs, RunArgs, SyncArgs},
    demo::DemoArgs,
    output::Format,
    replay::ReplayArgs,
};

/// Keeps models on course in production: data, training, gate, rollout, serving, monitoring, and training again.
#[derive(Debug, Parser)]
#[command(
    name = "trimtab",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Commands that talk to a server find it by --server, TRIMTAB_SERVER, MLFLOW_TRACKING_URI, `server:` in ./trimtab.yaml, or \
        at http://127.0.0.1:5000; they send the token in TRIMTAB_TOKEN.\n\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 the server \
        cannot be reached, 4 the server or the input says no."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// How to write the answer.
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output: Format,
    /// The configuration file [default: ./trimtab.toml, then the user's config folder].
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    pub(crate) config: Option<PathBuf>,
    /// The server to talk to.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        help_heading = "Global options"
    )]
    pub(crate) server: Option<String>,
    /// The workspace to act in [default: the token's, or `default`].
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        env = "TRIMTAB_WORKSPACE",
        hide_env = true,
        help_heading = "Global options"
    )]
    pub(crate) workspace: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server: every protocol on one port.
    Server(ServerArgs),
    /// Play a year of real flights through the loop.
    Demo(DemoArgs),
    /// Play your own history through the loop: what would it have done?
    Replay(ReplayArgs),
    /// Run a command and record it: metrics of the machine, console, code, environment, and what it logs.
    Run(RunArgs),
    /// Deliver what was recorded while the server was away.
    Sync(SyncArgs),
    /// Show what recorded runs cost, by a file of prices.
    Cost(CostArgs),
    /// Make what a trimtab.yaml says exist.
    Apply(ApplyArgs),
    /// Bring records of another tool into the server (role admin).
    #[command(subcommand)]
    Import(ImportCommand),
    /// Write the records of the server into another tool.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Show what an object came from, or what came from it.
    Lineage(LineageArgs),
    /// Work with dataset versions.
    #[command(subcommand)]
    Data(DataCommand),
    /// Bring the stages of ./dvc.yaml up to date, as `dvc repro` does.
    Repro(ReproArgs),
    /// Show, start and stop rollouts.
    #[command(subcommand)]
    Rollout(RolloutCommand),
    /// Work with registered models.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Make, list and revoke access tokens.
    #[command(subcommand)]
    Token(TokenCommand),
    /// Make and list workspaces: what is in one is unknown in another.
    #[command(subcommand)]
    Workspace(WorkspaceCommand),
    /// Remove for good what was deleted: runs, experiments, logged models, with their files (role admin).
    Gc(GcArgs),
    /// Copy everything of a running server into a folder; again, only what is new (role admin).
    Backup(BackupArgs),
    /// Make a data folder of a backup.
    Restore(RestoreArgs),
    /// Show how this process would run.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check the server, and what it needs on this machine.
    Doctor,
    /// Write a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// Which clock the loop runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ClockArg {
    /// The machine's clock.
    Live,
    /// A clock that moves only by `POST /api/v1/clock`.
    Replay,
}

/// Options of `trimtab server`.
#[derive(Debug, Args)]
pub(crate) struct ServerArgs {
    /// Where the data are [default: ./trimtab-data].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to listen; may be given several times [default: localhost:5000].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<String>,
    /// PostgreSQL instead of SQLite: postgresql://user@host/name, or env:NAME, or file:/path.
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// The Python that training stages find first.
    #[arg(long, value_name = "FILE")]
    pub(crate) python: Option<PathBuf>,
    /// Which clock the loop runs on.
    #[arg(long, value_enum, default_value_t = ClockArg::Live, value_name = "CLOCK")]
    pub(crate) clock: ClockArg,
    /// Where the replay clock begins in a new data folder.
    #[arg(long, value_name = "TIME", requires = "clock")]
    pub(crate) replay_from: Option<Time>,
    /// Ask nobody for a token, on any address.
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
}

/// Options of `trimtab apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// The project's folder, in a git repository: trimtab.yaml, and dvc.yaml where there are triggers.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// Options of `trimtab lineage`.
#[derive(Debug, Args)]
pub(crate) struct LineageArgs {
    /// What: prediction, revision, model, run, dataset, commit, endpoint, plan.
    pub(crate) kind: String,
    /// Which: an id; for a model NAME/VERSION.
    pub(crate) id: String,
    /// Which way [default: downstream for datasets and commits, upstream for the others].
    #[arg(long, value_enum, value_name = "WAY")]
    pub(crate) direction: Option<Way>,
}

/// Which way to walk.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Way {
    /// Towards origins.
    Upstream,
    /// Towards effects.
    Downstream,
}

/// What to do with data.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Make a dataset version, of a file or of an endpoint's events.
    Version(DataVersionArgs),
}

/// Options of `trimtab data version`.
#[derive(Debug, Args)]
pub(crate) struct DataVersionArgs {
    /// The file: Parquet, CSV, JSON lines or Arrow.
    #[arg(
        value_name = "FILE",
        required_unless_present = "from_events",
        conflicts_with = "from_events"
    )]
    pub(crate) file: Option<PathBuf>,
    /// Make it of this endpoint's events instead.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) from_events: Option<String>,
    /// The dataset's name [default: the file's or the endpoint's].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The column with each row's time, in a file.
    #[arg(long, value_name = "COL", conflicts_with = "from_events")]
    pub(crate) time_column: Option<String>,
    /// Only events whose outcome is known, with the outcome as a column.
    #[arg(long, requires = "from_events")]
    pub(crate) labelled: bool,
    /// Leave out events in quarantine.
    #[arg(long, requires = "from_events")]
    pub(crate) exclude_quarantined: bool,
    /// Events from this time on [default: the first].
    #[arg(long, value_name = "TIME", requires = "from_events")]
    pub(crate) from: Option<Time>,
    /// Events before this time [default: all].
    #[arg(long, value_name = "TIME", requires = "from_events")]
    pub(crate) to: Option<Time>,
    /// Outcomes known by this time [default: now].
    #[arg(long, value_name = "TIME", requires = "from_events")]
    pub(crate) as_of: Option<Time>,
}

/// Options of `trimtab repro`.
#[derive(Debug, Args)]
pub(crate) struct ReproArgs {
    /// The stages wanted, with what they need [default: all].
    #[arg(value_name = "STAGE")]
    pub(crate) stages: Vec<String>,
    /// Run stages that have not changed, too.
    #[arg(short, long)]
    pub(crate) force: bool,
    /// The folder with dvc.yaml.
    #[arg(short = 'C', long = "cd", value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// What to do with rollouts.
#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Show an endpoint's rollouts and plans, or one rollout with its steps and guardrails.
    Show {
        /// The endpoint, or the id of a rollout or of a plan.
        #[arg(value_name = "ENDPOINT|ID")]
        what: String,
    },
    /// Send a model version through a rollout (role operator; recorded).
    Start {
        /// The endpoint.
        endpoint: String,
        /// The version of its model.
        #[arg(long, value_name = "N")]
        version: i64,
        /// Enter at the canary's first step, without gate and shadow.
        #[arg(long)]
        skip_gate: bool,
    },
    /// Stop a rollout: all traffic goes back to the champion (role operator; recorded).
    Abort {
        /// The endpoint, whose open rollout is stopped, or a rollout's id.
        #[arg(value_name = "ENDPOINT|ID")]
        what: String,
        /// Why, for the record.
        #[arg(long, value_name = "TEXT", default_value = "")]
        reason: String,
    },
}

/// What to do with models.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// Serve one model alone, as MLflow's scoring server does, with the Open Inference Protocol beside it.
    Serve(ModelsServeArgs),
}

/// Options of `trimtab models serve`.
#[derive(Debug, Args)]
pub(crate) struct ModelsServeArgs {
    /// The model: models:/NAME@ALIAS, models:/NAME/VERSION (from the server), or a folder with an MLmodel file.
    #[arg(short, long = "model-uri", value_name = "URI")]
    pub(crate) model: String,
    /// Where to listen.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:5001")]
    pub(crate) listen: String,
    /// Keep the model and its events in this folder [default: a temporary one].
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Run the Python code of a model that is from no registry.
    #[arg(long)]
    pub(crate) trust_model: bool,
    /// Listen on other addresses than loopback, where everybody may ask.
    #[arg(long)]
    pub(crate) insecure_no_auth: bool,
}

/// What to do with workspaces.
#[derive(Debug, Subcommand)]
pub(crate) enum WorkspaceCommand {
    /// Make a workspace (role admin in the workspace `default`).
    Create {
        /// Its name.
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// List the workspaces that may be entered.
    List,
}

/// What to do with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token; it is shown this once.
    Create {
        /// The principal's name, written beside every change [default: the role].
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What it may do.
        #[arg(long, value_name = "ROLE", value_enum)]
        role: RoleArg,
        /// When it stops working by itself.
        #[arg(long, value_name = "TIME")]
        expires: Option<Time>,
        /// Write it into this data folder, while no server runs on it.
        #[arg(long, value_name = "DIR", conflicts_with = "server")]
        data_dir: Option<PathBuf>,
        /// The database, where it is not in the data folder.
        #[arg(long, value_name = "URL", requires = "data_dir")]
        database: Option<String>,
    },
    /// List the tokens of the workspace.
    List,
    /// Revoke a token.
    Revoke {
        /// Its id: the part between `tt_` and the second `_`.
        id: TokenId,
        /// Also the last one with the role admin: nobody can make tokens then, except offline.
        #[arg(long)]
        force: bool,
    },
}

/// A role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RoleArg {
    /// Reads everything.
    Viewer,
    /// Writes runs, models, datasets, predictions, feedback.
    Editor,
    /// Applies desired state, starts and stops rollouts.
    Operator,
    /// Makes tokens.
    Admin,
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Show every setting and where its value came from.
    Show,
}
