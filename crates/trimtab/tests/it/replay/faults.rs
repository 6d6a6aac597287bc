//! Five faults that nobody chose: whatever is found of them, nothing that must hold gives way.

use std::{collections::BTreeSet, fs};

use serde_json::json;
use trimtab_types::{Duration, Time};

use super::{
    history::{self, Draw},
    left,
    player::{Played, replay_words, trimtab},
    project,
};

/// Draws the faults. Another one may be tried by hand; this one is what everybody's run has.
const SEED: u64 = 20_130_506;
const DAYS: u32 = 44;
const TRAINED: u32 = 14;

/// Five faults of any kind, one after the other, each of one to four days.
fn faults(draw: &mut Draw) -> Vec<String> {
    let first: Time = history::FIRST.parse().unwrap();
    let numbers = ["distance", "temp", "load"];
    let room = (DAYS - TRAINED) / 5;
    (0..5)
        .map(|fault| {
            let from =
                first + Duration::from_days(i64::from(TRAINED + fault * room + draw.below(2)));
            let to = from + Duration::from_days(i64::from(1 + draw.below(4)));
            let column = numbers[draw.below(3) as usize];
            let what = match draw.below(6) {
                0 => format!("kind=unit,column={column}"),
                1 => format!("kind=nulls,column={column}"),
                2 => format!("kind=rename,column={column}"),
                3 => format!("kind=stuck,column={column}"),
                4 => "kind=swap,column=distance,with=temp".to_owned(),
                _ => "kind=labels".to_owned(),
            };
            format!("{what},from={from},to={to}")
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_a_champion_answers_and_nothing_flagged_is_learned() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    project::write(&folder.join("project"), "3d");
    fs::write(
        folder.join("history.csv"),
        history::csv(&history::rows(DAYS, TRAINED + 4)),
    )
    .unwrap();
    let faults = faults(&mut Draw(SEED));
    let mut more = vec!["--output", "json", "--train-until", "2020-01-15"];
    more.extend(faults.iter().flat_map(|fault| ["--fault", fault]));
    // A prediction that fails with a 5xx ends the replay, so there is a report only if none did.
    let played = Played::new(trimtab(folder).args(replay_words("data", &more)));

    // Once traffic has ended, so does every plan.
    for _ in 0..4 {
        let now: Time = played.get("clock").await["now"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        played
            .post("clock", &json!({ "to": now + Duration::from_days(15) }))
            .await;
        if played
            .all("plans")
            .await
            .iter()
            .all(|plan| plan["state"] != "running")
        {
            break;
        }
    }
    let plans = played.all("plans").await;
    assert!(
        plans
            .iter()
            .all(|plan| plan["state"] != "running" && !plan["ended_at"].is_null()),
        "{faults:#?}: {plans:#?}"
    );
    let failed: Vec<_> = plans
        .iter()
        .filter(|plan| plan["state"] == "failed")
        .collect();
    assert!(failed.is_empty(), "{faults:#?}: {failed:#?}");
    let quarantines = played.all("quarantines?endpoint=delays").await;
    played.stop();
    let left = left::read(&folder.join("data"), "delays", "id").await;
    left.assert_traffic_is_whole();
    left.assert_training_is_clean(&plans, &quarantines, &BTreeSet::new());
}
