//! The planner against a search by hand over random runs, on both databases, with limits that make it take every way.

mod timing;

use std::{cmp::Ordering, collections::BTreeMap};

use trimtab_blob::BlobStore;
use trimtab_db::testing;
use trimtab_types::{
    Clock, RunId, Scope, Time,
    filter::{Comparison, Literal, Operator, parse_filter},
};

use super::{Limits, Question, find};
use crate::{
    Batch, CreateExperiment, CreateRun, ExperimentRef, MetricPoint, RunStatus, RunUpdate, Tracking,
    TrackingError, View,
    run_search::{Order, Target, target},
    search,
};

/// A generator with a fixed beginning, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<'l, T>(&mut self, list: &'l [T]) -> &'l T {
        &list[self.roll(list.len())]
    }
}

#[derive(Debug)]
struct Known {
    id: RunId,
    experiment: i64,
    stage: i64,
    start_ms: i64,
    end_ms: Option<i64>,
    name: String,
    status: &'static str,
    metrics: BTreeMap<String, f64>,
    params: BTreeMap<String, String>,
    tags: BTreeMap<String, String>,
}

const NUMBERS: &[f64] = &[
    -2.5,
    -1.0,
    0.0,
    0.5,
    0.5,
    0.5,
    0.75,
    1.0,
    3.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

async fn seed(tracking: &Tracking, dice: &mut Dice) -> Vec<Known> {
    let scope = Scope::local();
    let long = "l".repeat(230);
    let words = [
        "",
        "adam",
        "Adam",
        "sgd",
        "größe",
        "100%",
        long.as_str(),
        "lz",
    ];
    let mut experiments = vec![0];
    for name in ["one", "two"] {
        let create = CreateExperiment {
            name: name.to_owned(),
            artifact_location: None,
            tags: Vec::new(),
        };
        experiments.push(tracking.create_experiment(&scope, create).await.unwrap().id);
    }
    let mut known = Vec::new();
    for number in 0..90_u32 {
        let experiment = *dice.pick(&experiments);
        let start_ms = i64::try_from(dice.roll(40)).unwrap() * 100;
        let name = format!("{}{}", dice.pick(&words[1..]), dice.roll(3));
        let mut metrics = BTreeMap::new();
        let mut params = BTreeMap::new();
        let mut tags = BTreeMap::new();
        for key in ["acc", "loss"] {
            if dice.roll(4) > 0 {
                metrics.insert(key.to_owned(), *dice.pick(NUMBERS));
            }
        }
        if dice.roll(3) > 0 {
            params.insert("opt".to_owned(), (*dice.pick(&words)).to_owned());
        }
        if dice.roll(2) > 0 {
            tags.insert("team".to_owned(), (*dice.pick(&words)).to_owned());
        }
        let run = tracking
            .create_run(
                &scope,
                CreateRun {
                    id: None,
                    experiment: ExperimentRef::Id(experiment),
                    name: Some(name.clone()),
                    start_time: Some(Time::from_millis(start_ms)),
                    user: None,
                    tags: tags.clone().into_iter().collect(),
                },
            )
            .await
            .unwrap();
        let batch = Batch {
            metrics: metrics
                .iter()
                .map(|(key, value)| MetricPoint {
                    key: key.clone(),
                    value: *value,
                    timestamp_ms: 1,
                    step: 0,
                    model: None,
                    dataset: None,
                })
                .collect(),
            params: params.clone().into_iter().collect(),
            tags: Vec::new(),
        };
        tracking.log_batch(&scope, run.id, batch).await.unwrap();
        let end_ms = (dice.roll(2) > 0).then(|| start_ms + 10);
        let (status, spelled) = *dice.pick(&[
            (RunStatus::Running, "RUNNING"),
            (RunStatus::Finished, "FINISHED"),
        ]);
        let update = RunUpdate {
            name: None,
            status: Some(status),
            end_time: end_ms.map(Time::from_millis),
        };
        let updated = tracking.update_run(&scope, run.id, update).await.unwrap();
        let stage = i64::from(number % 7 == 0);
        if stage == 1 {
            tracking.delete_run(&scope, run.id).await.unwrap();
        }
        known.push(Known {
            id: run.id,
            experiment,
            stage,
            start_ms,
            end_ms: updated.end_time.map(Time::as_millis),
            name,
            status: spelled,
            metrics,
            params,
            tags,
        });
    }
    known
}

fn holds_text(operator: Operator, value: &Literal, text: &str) -> bool {
    match (operator, value) {
        (Operator::Equal, Literal::Text(asked)) => text == asked,
        (Operator::NotEqual, Literal::Text(asked)) => text != asked,
        (Operator::Like, Literal::Text(asked)) => text.starts_with(asked.trim_end_matches('%')),
        (Operator::IsNotNull, _) => true,
        other => panic!("no such clause here: {other:?}"),
    }
}

#[expect(clippy::float_cmp, reason = "stored values come back as they were")]
fn holds_number(operator: Operator, asked: f64, number: f64) -> bool {
    match operator {
        Operator::Greater => number > asked,
        Operator::GreaterOrEqual => number >= asked,
        Operator::Less => number < asked,
        Operator::LessOrEqual => number <= asked,
        Operator::Equal => number == asked,
        _ => number != asked,
    }
}

fn holds(run: &Known, clause: &Comparison) -> bool {
    let of_map = |map: &BTreeMap<String, String>, key: &str| match map.get(key) {
        None => clause.operator == Operator::IsNull,
        Some(_) if clause.operator == Operator::IsNull => false,
        Some(text) => holds_text(clause.operator, &clause.value, text),
    };
    let asked = || search::number(clause).unwrap();
    match target(&clause.field, "filter").unwrap() {
        Target::Metric(key) => run
            .metrics
            .get(&key)
            .is_some_and(|number| holds_number(clause.operator, asked(), *number)),
        Target::Param(key) => of_map(&run.params, &key),
        Target::Tag(key) => of_map(&run.tags, &key),
        Target::Text("r.name") => holds_text(clause.operator, &clause.value, &run.name),
        Target::Text("r.id") => holds_text(clause.operator, &clause.value, &run.id.to_string()),
        Target::Text(_) => holds_text(clause.operator, &clause.value, run.status),
        #[expect(clippy::cast_precision_loss, reason = "small numbers")]
        Target::Time(_) => holds_number(clause.operator, asked(), run.start_ms as f64),
        Target::Dataset(_) => false,
    }
}

/// NULLs last in both directions.
fn nullable<T: PartialOrd>(left: Option<T>, right: Option<T>, up: bool) -> Ordering {
    match (left, right) {
        (Some(a), Some(b)) => {
            let order = a.partial_cmp(&b).unwrap();
            if up { order } else { order.reverse() }
        }
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
    }
}

fn by(clause: &str, left: &Known, right: &Known) -> Ordering {
    let (field, word) = clause.split_once(' ').unwrap();
    let up = word == "ASC";
    match field.split_once('.') {
        Some(("metrics", key)) => {
            let part = |run: &Known| run.metrics.get(key).copied();
            let number = |run: &Known| part(run).filter(|number| !number.is_nan());
            let class = |run: &Known| match part(run) {
                None => 2,
                Some(number) if number.is_nan() => 1,
                Some(_) => 0,
            };
            class(left)
                .cmp(&class(right))
                .then(nullable(number(left), number(right), up))
        }
        Some(("params", key)) => nullable(left.params.get(key), right.params.get(key), up),
        Some(("tags", key)) => nullable(left.tags.get(key), right.tags.get(key), up),
        _ => match field {
            "start_time" => nullable(Some(left.start_ms), Some(right.start_ms), up),
            "end_time" => nullable(left.end_ms, right.end_ms, up),
            _ => nullable(Some(&left.name), Some(&right.name), up),
        },
    }
}

#[derive(Debug)]
struct Asked {
    experiments: Vec<i64>,
    view: View,
    filter: String,
    order: Vec<String>,
    limit: u32,
}

fn asked(dice: &mut Dice, known: &[Known]) -> Asked {
    let id = format!("run_id = '{}'", dice.pick(known).id);
    let long = format!("params.opt = '{}'", "l".repeat(230));
    let clauses = [
        "metrics.acc > 0.4",
        "metrics.acc = 0.5",
        "metrics.acc <= 0.5",
        "metrics.acc != 0.5",
        "metrics.loss < 1",
        "metrics.loss >= 1",
        "metrics.none > 0",
        "params.opt = 'adam'",
        "params.opt != 'adam'",
        "params.opt LIKE 'l%'",
        "params.opt IS NULL",
        "params.opt IS NOT NULL",
        "tags.team = ''",
        "tags.team = 'Adam'",
        "tags.team IS NULL",
        "run_name = 'sgd1'",
        "run_name LIKE 'größe%'",
        "status = 'FINISHED'",
        "start_time > 1500",
        "start_time <= 700.5",
        "start_time != 300",
        id.as_str(),
        long.as_str(),
    ];
    let orders = [
        "metrics.acc ASC",
        "metrics.acc DESC",
        "metrics.loss ASC",
        "metrics.none DESC",
        "params.opt ASC",
        "params.opt DESC",
        "tags.team DESC",
        "start_time ASC",
        "start_time DESC",
        "run_name ASC",
        "run_name DESC",
        "end_time DESC",
    ];
    let mut order: Vec<String> = Vec::new();
    for _ in 0..dice.roll(3) {
        let clause = *dice.pick(&orders);
        let field = clause.split(' ').next().unwrap();
        if !order.iter().any(|known| known.starts_with(field)) {
            order.push(clause.to_owned());
        }
    }
    let filter: Vec<&str> = (0..dice.roll(3)).map(|_| *dice.pick(&clauses)).collect();
    Asked {
        experiments: dice
            .pick(&[vec![0], vec![1], vec![0, 1], vec![0, 1, 2]])
            .clone(),
        view: *dice.pick(&[
            View::ActiveOnly,
            View::ActiveOnly,
            View::DeletedOnly,
            View::All,
        ]),
        filter: filter.join(" AND "),
        order,
        limit: u32::try_from(dice.roll(9) + 1).unwrap(),
    }
}

fn by_hand(asked: &Asked, known: &[Known]) -> Vec<RunId> {
    let clauses = parse_filter(&asked.filter).unwrap();
    let mut found: Vec<(usize, &Known)> = known
        .iter()
        .enumerate()
        .filter(|(_, run)| asked.experiments.contains(&run.experiment))
        .filter(|(_, run)| match asked.view {
            View::ActiveOnly => run.stage == 0,
            View::DeletedOnly => run.stage == 1,
            View::All => true,
        })
        .filter(|(_, run)| clauses.iter().all(|clause| holds(run, clause)))
        .collect();
    found.sort_by(|(age, left), (other, right)| {
        let order = asked.order.iter().map(|clause| by(clause, left, right));
        order
            .fold(Ordering::Equal, Ordering::then)
            .then(right.start_ms.cmp(&left.start_ms))
            .then(age.cmp(other))
    });
    found.iter().map(|(_, run)| run.id).collect()
}

/// All pages, with the planner's limits.
async fn ask(tracking: &Tracking, asked: &Asked, limits: Limits) -> Vec<RunId> {
    let mut found = Vec::new();
    let mut token = None;
    loop {
        let order = Order::read(&asked.order).unwrap();
        let paging =
            search::paging(&order.columns, token.as_deref(), asked.limit, 10, 1_000).unwrap();
        let question = Question {
            workspace: Scope::local().workspace,
            experiments: asked.experiments.clone(),
            view: asked.view,
            comparisons: parse_filter(&asked.filter).unwrap(),
            order,
            paging,
        };
        let page = tracking
            .db()
            .read(move |tx| {
                let page = find(tx, &question, limits)?;
                let ids = page.items.iter().map(|row| row.get::<RunId>(1));
                let ids = ids.collect::<Result<Vec<_>, _>>()?;
                Ok::<_, TrackingError>((ids, page.next))
            })
            .await
            .unwrap();
        assert!(page.0.len() <= asked.limit as usize, "{asked:?}");
        found.extend(page.0);
        match page.1 {
            Some(next) => token = Some(next.as_str().to_owned()),
            None => return found,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_finds_what_a_search_by_hand_finds() {
    const ALL: &[&[trimtab_db::Migration]] = &[trimtab_blob::MIGRATIONS, crate::MIGRATIONS];
    let walks = Limits {
        few: 0,
        probes: 0,
        cursors: 64,
        step: 2,
    };
    let ways = [
        walks,
        Limits { step: 7, ..walks },
        // A clause drives where it finds some runs.
        Limits {
            few: 12,
            probes: 8,
            ..walks
        },
        // Everything is sorted by the database.
        Limits {
            cursors: 0,
            ..walks
        },
        Limits::default(),
    ];
    for db in testing::databases(ALL).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobStore::open(&folder.path().join("blobs"), db.clone(), Clock::system())
            .await
            .unwrap();
        let tracking = Tracking::new(db, Clock::system(), blobs);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let known = seed(&tracking, &mut dice).await;
        for round in 0..120 {
            let question = asked(&mut dice, &known);
            let expected = by_hand(&question, &known);
            for limits in ways {
                let found = ask(&tracking, &question, limits).await;
                assert_eq!(found, expected, "round {round}: {question:?} by {limits:?}");
            }
        }
    }
}
