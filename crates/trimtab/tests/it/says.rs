//! Help and errors, as a stranger meets them.

use std::{fs, path::Path};

use insta::assert_snapshot;

use super::run;

/// stderr, then the exit code; temporary folders have no name.
fn refused(folder: &Path, words: &[&str]) -> String {
    let output = run(folder, words);
    assert!(output.stdout.is_empty(), "data on stdout: {words:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let text = text.replace(&folder.display().to_string(), "FOLDER");
    format!(
        "{}\nexit {}",
        text.trim_end(),
        output.status.code().unwrap()
    )
}

#[test]
fn help_fits_a_screen_and_names_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(folder.path(), &["--help"]);
    assert!(output.status.success());
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    Keeps models on course in production: data, training, gate, rollout, serving, monitoring, and
    training again

    Usage: trimtab [OPTIONS] <COMMAND>

    Commands:
      server       Run the server: every protocol on one port
      demo         Play a year of real flights through the loop
      replay       Play your own history through the loop: what would it have done?
      run          Run a command and record it: metrics of the machine, console, code, environment, and
                   what it logs
      sync         Deliver what was recorded while the server was away
      cost         Show what recorded runs cost, by a file of prices
      apply        Make what a trimtab.yaml says exist
      import       Bring records of another tool into the server (role admin)
      export       Write the records of the server into another tool
      lineage      Show what an object came from, or what came from it
      data         Work with dataset versions
      repro        Bring the stages of ./dvc.yaml up to date, as `dvc repro` does
      rollout      Show, start and stop rollouts
      models       Work with registered models
      token        Make, list and revoke access tokens
      workspace    Make and list workspaces: what is in one is unknown in another
      gc           Remove for good what was deleted: runs, experiments, logged models, with their files
                   (role admin)
      backup       Copy everything of a running server into a folder; again, only what is new (role
                   admin)
      restore      Make a data folder of a backup
      config       Show how this process would run
      doctor       Check the server, and what it needs on this machine
      completions  Write a completion script for a shell
      help         Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Global options:
          --output <FORMAT>
              How to write the answer

              Possible values:
              - text: For people
              - json: One JSON document
              
              [default: text]

          --config <FILE>
              The configuration file [default: ./trimtab.toml, then the user's config folder]

          --server <URL>
              The server to talk to

          --workspace <NAME>
              The workspace to act in [default: the token's, or `default`]

    Commands that talk to a server find it by --server, TRIMTAB_SERVER, MLFLOW_TRACKING_URI, `server:`
    in ./trimtab.yaml, or at http://127.0.0.1:5000; they send the token in TRIMTAB_TOKEN.

    Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the server cannot be reached, 4 the server or the
    input says no.
    "#);
}

#[test]
fn every_command_has_help_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    for words in [
        &["server"][..],
        &["demo"],
        &["replay"],
        &["apply"],
        &["lineage"],
        &["data", "version"],
        &["repro"],
        &["rollout", "show"],
        &["rollout", "start"],
        &["rollout", "abort"],
        &["models", "serve"],
        &["token", "create"],
        &["token", "list"],
        &["token", "revoke"],
        &["config", "show"],
        &["doctor"],
        &["completions"],
    ] {
        let output = run(folder.path(), &[words, &["--help"]].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            output.status.success() && text.contains("Usage: trimtab"),
            "{words:?}: {text}"
        );
        assert!(text.lines().all(|line| line.len() <= 140), "{words:?}");
    }
    let script = run(folder.path(), &["completions", "bash"]);
    assert!(script.status.success() && !script.stdout.is_empty());
}

#[test]
fn errors_say_what_to_do() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    let nobody = ["--server", "http://127.0.0.1:9"];
    let client = |words: &[&str]| refused(folder, &[words, &nobody].concat());
    assert_snapshot!(client(&["rollout", "show", "flights"]), @r#"
    error: the server at http://127.0.0.1:9 cannot be reached: Connection refused (os error 111)

    hint: start one with `trimtab server`, or name another with `--server URL`
    exit 3
    "#);
    assert_snapshot!(client(&["apply"]), @r#"
    error: cannot read ./trimtab.yaml: No such file or directory (os error 2)

    hint: `trimtab apply DIR` names the folder with trimtab.yaml
    exit 4
    "#);
    assert_snapshot!(refused(folder, &["serve"]), @r#"
    error: unrecognized subcommand 'serve'

      tip: some similar subcommands exist: 'restore', 'server'

    Usage: trimtab [OPTIONS] <COMMAND>

    For more information, try '--help'.
    exit 2
    "#);
    // What people type is enough of an address.
    assert_snapshot!(refused(folder, &["rollout", "abort", "x", "--server", "127.0.0.1:9"]), @r#"
    error: the server at http://127.0.0.1:9 cannot be reached: Connection refused (os error 111)

    hint: start one with `trimtab server`, or name another with `--server URL`
    exit 3
    "#);
    fs::write(
        folder.join("dvc.yaml"),
        "stages:\n  train:\n    cmd: echo\n",
    )
    .unwrap();
    assert_snapshot!(refused(folder, &["data", "version", "none.csv"]), @r#"
    error: cannot read none.csv: No such file or directory (os error 2)
    exit 4
    "#);
    let unknown = refused(folder, &["repro", "trian"]);
    assert!(unknown.ends_with("exit 4"), "{unknown}");
    assert_snapshot!(refused(folder, &["data", "version"]), @r#"
    error: the following required arguments were not provided:
      <FILE>

    Usage: trimtab data version <FILE>

    For more information, try '--help'.
    exit 2
    "#);
    assert_snapshot!(refused(folder, &["server", "--config", "none.toml"]), @r#"
    error: there is no configuration file none.toml

    hint: leave `--config` (and TRIMTAB_CONFIG) out to run with defaults
    exit 2
    "#);
    assert_snapshot!(refused(folder, &["server", "--listen", "5000"]), @r#"
    error: `5000` is not an address to listen on

    hint: write it as 127.0.0.1:5000, [::1]:5000 or localhost:5000
    exit 4
    "#);
    assert_snapshot!(refused(folder, &["server", "--listen", "0.0.0.0:0"]), @r#"
    error: 0.0.0.0 can be reached from other machines, and no token exists yet

    hint: make the first one with `trimtab token create --data-dir trimtab-data --role admin`, listen on 127.0.0.1, or add `--insecure-no-auth`
    exit 4
    "#);
    assert_snapshot!(refused(folder, &["server", "--database", "postgresql://me:secret@host/db"]), @r#"
    error: a password does not belong on the command line or in trimtab.toml

    hint: put the whole URL into a variable and write `--database env:NAME`, or into a file and write `file:/path`
    exit 2
    "#);
    assert_snapshot!(client(&["models", "serve", "-m", "iris"]), @r#"
    error: `iris` is neither models:/NAME@ALIAS nor a folder with an MLmodel file

    hint: `trimtab models serve -m models:/iris@champion`
    exit 4
    "#);
    assert_snapshot!(client(&["models", "serve", "-m", "models:/iris"]), @r#"
    error: `models:/iris` names no version

    hint: write models:/iris@champion or models:/iris/1
    exit 2
    "#);

    assert_snapshot!(refused(folder, &["sync", "nowhere"]), @r#"
    error: there is no folder `nowhere`

    hint: name the folder in which `trimtab run` was called
    exit 4
    "#);
    assert_snapshot!(refused(folder, &["token", "list", "--server", "ftp://host"]), @r#"
    error: a server is not reached by `ftp://`

    hint: its address begins with http:// or https://, such as http://127.0.0.1:5000
    exit 2
    "#);
    assert_snapshot!(refused(folder, &["run", "--experiment", "", "--", "true"]), @r#"
    error: --experiment names no experiment

    hint: give it a name, or leave it out
    exit 2
    "#);
    assert_snapshot!(client(&["import", "mlflow", "/srv/mlflow.db"]), @r#"
    error: `/srv/mlflow.db` is no source: expected sqlite:///FILE, postgresql://… or http(s)://…

    hint: for a database file, write sqlite:////srv/mlflow.db
    exit 4
    "#);
    assert_snapshot!(client(&["import", "mlflow", "sqlite:///srv/mlflow.db"]), @r#"
    error: the source's database cannot be read: cannot open the database srv/mlflow.db: unable to open database file: srv/mlflow.db: Error code 14: unable to open database file

    hint: srv/mlflow.db is looked for below the folder that this runs in; an absolute path has four slashes, sqlite:////srv/mlflow.db
    exit 4
    "#);

    fs::write(folder.join("trimtab.toml"), "data_dri = \"x\"\n").unwrap();
    assert_snapshot!(refused(folder, &["config", "show"]), @r#"
    error: trimtab.toml line 1: there is no key `data_dri`

    hint: did you mean `data_dir`?
    exit 4
    "#);
    fs::remove_file(folder.join("trimtab.toml")).unwrap();
    fs::write(
        folder.join("trimtab.yaml"),
        "project: p\nendpoints:\n  e: { modle: m }\n",
    )
    .unwrap();
    assert_snapshot!(client(&["apply"]), @r#"
    error: ./trimtab.yaml line 3: there is no key `modle` here

    hint: did you mean `model`?
    exit 4
    "#);
    fs::write(folder.join("file"), "").unwrap();
    assert_snapshot!(refused(folder, &["server", "--data-dir", "file"]), @r#"
    error: cannot make file: File exists (os error 17)

    hint: that is a file; choose a folder with `--data-dir`
    exit 1
    "#);
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(
        folder.path(),
        &[
            "token",
            "list",
            "--output",
            "json",
            "--server",
            "http://127.0.0.1:9",
        ],
    );
    assert_eq!(output.status.code(), Some(3));
    let body: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert!(
        body["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("trimtab server"),
        "{body}"
    );
}

#[test]
fn config_show_says_where_each_value_came_from() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("trimtab.toml"),
        "listen = [\"127.0.0.1:7000\"]\n",
    )
    .unwrap();
    let output = super::trimtab(folder.path())
        .args(["config", "show"])
        .env("TRIMTAB_DATA_DIR", "elsewhere")
        .env("TRIMTAB_DATABASE", "postgresql://me:secret@host/db")
        .output()
        .unwrap();
    assert_snapshot!(String::from_utf8(output.stdout).unwrap(), @r#"
    file trimtab.toml
    SETTING                 VALUE                        FROM
    data_dir                elsewhere                    variable TRIMTAB_DATA_DIR
    listen                  ["127.0.0.1:7000"]           trimtab.toml
    database                postgresql://me:***@host/db  variable TRIMTAB_DATABASE
    python                  -                            default
    onnx_runtime            -                            default
    insecure_no_auth        false                        default
    allowed_hosts           []                           default
    allowed_origins         []                           default
    webhooks_allow_private  false                        default
    shared_memory           false                        default
    log_format              text                         default
    keep_deleted            -                            default
    model_python            -                            default
    model_workers           1                            default
    model_deadline          1m                           default
    model_memory_mib        -                            default
    model_network           false                        default
    uv                      -                            default
    "#);
}

#[test]
fn a_proxy_of_the_environment_is_not_asked_for_this_machine() {
    let folder = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answers = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4096];
        let read = std::io::Read::read(&mut stream, &mut asked).unwrap();
        let answer = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        std::io::Write::write_all(&mut stream, answer).unwrap();
        String::from_utf8_lossy(&asked[..read]).into_owned()
    });
    let output = super::trimtab(folder.path())
        .args(["rollout", "show", "x", "--server", &url])
        .env("HTTP_PROXY", "http://127.0.0.1:1")
        .env("http_proxy", "http://127.0.0.1:1")
        .env("TRIMTAB_LOG", "trace")
        .env_remove("NO_COLOR")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("does not answer as a Trimtab server does (404)"),
        "{said}"
    );
    assert!(answers.join().unwrap().starts_with("GET /api/v1/"));
    // What goes to a file has no colours.
    assert!(said.contains("TRACE") || said.contains("DEBUG"), "{said}");
    assert!(!said.contains('\u{1b}'), "{said}");
}
