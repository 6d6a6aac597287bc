use insta::assert_snapshot;

use super::*;

const FLIGHTS: &str = "project: flights
endpoints:
  flights: { model: flights-delay, row_key: flight_id, label: late, event_time: caller, rollout: { autonomy: act } }
monitors:
  flights: { endpoint: flights }
triggers:
  retrain: { endpoint: flights, monitor: flights, stages: [train], dataset: data/train.parquet }
";

fn refused(text: &str) -> String {
    let desired = Desired::parse("trimtab.yaml", text)
        .and_then(|desired| desired.check_endpoints("trimtab.yaml", &[]));
    match desired {
        Ok(()) => "accepted".to_owned(),
        Err(error) => match error.hint.clone() {
            Some(hint) => format!("{error}\nhint: {hint}"),
            None => error.to_string(),
        },
    }
}

#[test]
fn the_example_of_the_docs_is_read() {
    let desired = Desired::parse("trimtab.yaml", FLIGHTS).unwrap();
    assert_eq!(desired.project.as_str(), "flights");
    let endpoint = &desired.endpoints[0];
    assert_eq!(endpoint.model, "flights-delay");
    assert_eq!(endpoint.alias, "champion");
    assert_eq!(endpoint.row_key.as_deref(), Some("flight_id"));
    assert_eq!(endpoint.event_time, EventTimeSource::Caller);
    assert_eq!(desired.policies[0].1.autonomy, Autonomy::Act);
    assert_eq!(desired.policies[0].1.steps, RolloutPolicy::default().steps);
    assert_eq!(desired.triggers[0].dataset, "data/train.parquet");
    desired.check_endpoints("trimtab.yaml", &[]).unwrap();
}

#[test]
fn a_rollout_policy_is_read() {
    let text = "project: p
endpoints:
  e:
    model: m
    rollout:
      time_limit: 3d
      steps:
        - { kind: shadow, hold: 6h }
        - { kind: canary, share: 2.5%, hold: 12h }
        - { kind: bake }
";
    let desired = Desired::parse("trimtab.yaml", text).unwrap();
    let policy = &desired.policies[0].1;
    assert_eq!(policy.time_limit, Duration::from_days(3));
    assert_eq!(policy.steps[1].kind, StepKind::Canary { weight: 250 });
    assert_eq!(policy.steps[2].hold, Duration::from_days(1));
}

#[test]
fn errors_name_the_line_and_the_nearest_right_word() {
    assert_snapshot!(refused("project: p\nendpoints:\n  e:\n    model: m\n    row_kye: id\n"), @r#"
    trimtab.yaml line 5: there is no key `row_kye` here
    hint: did you mean `row_key`?
    "#);
    assert_snapshot!(refused("project: p\nendpoint:\n  e: { model: m }\n"), @r#"
    trimtab.yaml line 2: there is no key `endpoint` here
    hint: did you mean `endpoints`?
    "#);
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { row_key: id }\n"), @"trimtab.yaml line 3: the key `model` is missing");
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m, event_time: calller }\n"), @r#"
    trimtab.yaml line 3: `event_time` cannot be `calller`
    hint: did you mean `caller`?
    "#);
    assert_snapshot!(refused("project: p\nendpoints:\n  a/b: { model: m }\n"), @r#"
    trimtab.yaml line 3: `a/b` is no valid endpoint name
    hint: use 1 to 128 of A-Z, a-z, 0-9, '.', '_', '-', beginning with a letter or digit
    "#);
    assert_snapshot!(refused("project: p\nendpoints:\n  flights: { model: m }\nmonitors:\n  m: { endpoint: flihgts }\n"), @r#"
    trimtab.yaml line 5: monitor `m` names endpoint `flihgts`, which is neither in the file nor on the server
    hint: did you mean `flights`?
    "#);
    assert_snapshot!(refused("project: p\nmonitors:\n  m: { endpoint: e, window: soon }\n"), @r#"
    trimtab.yaml line 3: `window: soon` is not a length of time
    hint: write it as 90s, 15m, 6h, 1d or 2w
    "#);
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m }\ntriggers:\n  t: { endpoint: e, monitor: x, stages: [], dataset: d }\n"), @"trimtab.yaml line 5: trigger `t` names monitor `x`, which the file does not declare");
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m }\ntriggers:\n  t: { endpoint: e, stages: [], dataset: ../d }\n"), @"trimtab.yaml line 5: `dataset: ../d` is not a path inside the project");
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m, rollout: { steps: [{ kind: canary }] } }\n"), @r#"
    trimtab.yaml line 3: a canary step of `e` has no share
    hint: write it as `- { kind: canary, share: 5%, hold: 1d }`
    "#);
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m, rollout: { steps: [{ kind: canary, share: 120% }] } }\n"), @r#"
    trimtab.yaml line 3: `120%` is not a share
    hint: write it as 5% or 0.5%: more than nothing and less than all
    "#);
}

#[test]
fn broken_yaml_is_refused_with_its_line() {
    assert_snapshot!(refused(""), @"trimtab.yaml line 1: unexpected end of input");
    assert_snapshot!(refused("project: [\n"), @"trimtab.yaml line 1: `project`: a text is wanted");
    assert_snapshot!(refused("project: p\nproject: q\n"), @"trimtab.yaml line 2: duplicate mapping key: project");
    assert_snapshot!(refused("project: p\nendpoints: 3\n"), @"trimtab.yaml line 2: `endpoints`: a mapping is wanted");
    assert_snapshot!(refused("project: p\nendpoints:\n  e: { model: m, pin: many }\n"), @"trimtab.yaml line 3: `pin`: a whole number is wanted");
}

#[test]
fn a_policy_that_the_loop_would_refuse_is_refused_with_its_line() {
    let policy = |rollout: &str| {
        refused(&format!(
            "project: p\nendpoints:\n  e:\n    model: m\n    rollout: {rollout}\n"
        ))
    };
    assert_snapshot!(policy("{ alpha: 0 }"), @"trimtab.yaml line 5: `alpha` must lie between 0 and 1");
    assert_snapshot!(policy("{ alpha: x }"), @"trimtab.yaml line 5: `alpha`: a number is wanted");
    assert_snapshot!(policy("{ margin: -1 }"), @"trimtab.yaml line 5: `margin` must not be negative");
    assert_snapshot!(policy("{ min_labelled: -1 }"), @"trimtab.yaml line 5: `min_labelled`: a whole number is wanted");
    assert_snapshot!(
        policy("\n      steps:\n        - { kind: canary, share: 5% }\n        - { kind: canary, share: 5% }"),
        @"trimtab.yaml line 8: canary shares must grow from step to step"
    );
    assert_snapshot!(
        policy("\n      steps:\n        - { kind: bake }\n        - { kind: canary, share: 5% }"),
        @"trimtab.yaml line 8: `bake` must be the last step"
    );
    let window =
        "project: p\nendpoints:\n  e: { model: m }\nmonitors:\n  m: { endpoint: e, window: 1s }\n";
    assert_snapshot!(refused(window), @"trimtab.yaml line 5: `window` must be between 1m and 366d");
}

#[test]
fn triggers_fit_the_pipeline_before_anything_is_changed() {
    let project = trimtab_pipeline::Project {
        name: "flights".parse().unwrap(),
        git: String::new(),
        subfolder: String::new(),
        commit: String::new(),
    };
    let dvc = "stages:\n  prepare:\n    cmd: a\n    deps: [data/raw.csv]\n    outs: [data/clean]\n  train:\n    cmd: b\n    deps: [data/train.parquet, data/clean]\n  report:\n    cmd: c\n    deps: [notes]\n";
    let outline = Outline::parse(project, "dvc.yaml", dvc).unwrap();
    let fits = |stages: &str, dataset: &str| {
        let text = FLIGHTS
            .replace("stages: [train]", stages)
            .replace("data/train.parquet", dataset);
        let desired = Desired::parse("trimtab.yaml", &text).unwrap();
        match desired.check_pipeline("trimtab.yaml", &outline) {
            Ok(()) => "accepted".to_owned(),
            Err(error) => format!("{error}\nhint: {}", error.hint.clone().unwrap_or_default()),
        }
    };
    for (stages, dataset) in [
        ("stages: [train]", "data/train.parquet"),
        ("stages: [train]", "./data/raw.csv"),
        ("stages: [train]", "data/clean/part.csv"),
        ("stages: []", "notes"),
    ] {
        assert_eq!(fits(stages, dataset), "accepted", "{stages} {dataset}");
    }
    assert_snapshot!(fits("stages: [nostage]", "notes"), @r#"
    trimtab.yaml line 7: trigger `retrain` names stage `nostage`, which dvc.yaml does not have
    hint: it may be: prepare, report, train
    "#);
    assert_snapshot!(fits("stages: [train]", "data/trian.parquet"), @r#"
    trimtab.yaml line 7: trigger `retrain` puts its dataset at `data/trian.parquet`, which none of its stages has among its deps
    hint: did you mean `data/train.parquet`?
    "#);
}
