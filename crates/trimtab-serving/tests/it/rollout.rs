//! Two revisions behind one endpoint.

use std::collections::BTreeMap;

use trimtab_serving::{Revision, Traffic};

use crate::world::{World, column, flights, name, number, spec, texts};

/// A champion that doubles, and a second revision of that kind.
async fn pair(world: &World, kind: &str) -> (Revision, Revision) {
    world.models.put(11, world.mlflow_folder(11, "twice.fake"));
    world.models.put(12, world.mlflow_folder(12, kind));
    let champion = world.endpoint(spec("numbers"), 11).await;
    let canary = world
        .serving
        .add_revision(&world.scope, &name("numbers"), 12)
        .await
        .unwrap();
    (champion, canary)
}

async fn canary(world: &World, champion: &Revision, canary: &Revision, weight: u32) {
    let traffic = Traffic {
        champion: Some(champion.id),
        canary: Some((canary.id, weight)),
        salt: "rollout".to_owned(),
        ..Traffic::default()
    };
    world
        .serving
        .set_traffic(&world.scope, &name("numbers"), traffic)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_of_a_rollout_is_scored_by_both_and_keys_stay() {
    for world in World::all().await {
        let (champion, second) = pair(&world, "twice.fake").await;
        let mut by_key: BTreeMap<String, u64> = BTreeMap::new();
        for weight in [500, 2_500, 5_000] {
            canary(&world, &champion, &second, weight).await;
            for n in 0..200 {
                let key = format!("k{n}");
                let request = number(n as f32, &key);
                let answer = world
                    .serving
                    .predict(&world.scope, &name("numbers"), request)
                    .await
                    .unwrap();
                let is_canary = answer.revision == second.id;
                let times = by_key.entry(key).or_default();
                assert!(is_canary || *times == 0, "a key moved back");
                *times += u64::from(is_canary);
            }
        }
        let events = world.events("numbers").await;
        let mut arms: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
        let rows = texts(&events, "prediction_id")
            .into_iter()
            .zip(texts(&events, "served_as"))
            .zip(texts(&events, "revision"));
        for ((prediction, served_as), revision) in rows {
            arms.entry(prediction)
                .or_default()
                .push((served_as, revision));
        }
        assert_eq!(arms.len(), 600);
        let mut served_by_canary = 0;
        for pair in arms.values_mut() {
            pair.sort();
            let [(served, by), (shadow, other)] = pair.as_slice() else {
                panic!("{pair:?}")
            };
            assert_eq!((served.as_str(), shadow.as_str()), ("served", "shadow"));
            assert_ne!(by, other);
            served_by_canary += u64::from(*by == second.id.to_string());
        }
        assert_eq!(served_by_canary, by_key.values().sum::<u64>());
    }
}

#[tokio::test]
async fn a_shadow_is_asked_everything_and_answers_no_one() {
    for world in World::all().await {
        let champion = world.endpoint(spec("flights"), 1).await;
        let shadow = world
            .serving
            .add_revision(&world.scope, &name("flights"), 2)
            .await
            .unwrap();
        let traffic = Traffic {
            champion: Some(champion.id),
            shadow: Some(shadow.id),
            ..Traffic::default()
        };
        world
            .serving
            .set_traffic(&world.scope, &name("flights"), traffic)
            .await
            .unwrap();
        let answer = world
            .serving
            .predict(&world.scope, &name("flights"), flights())
            .await
            .unwrap();
        assert_eq!(answer.version, 1);
        let events = world.events("flights").await;
        let mut rows: Vec<(String, String)> = texts(&events, "served_as")
            .into_iter()
            .zip(texts(&events, "model_version"))
            .collect();
        rows.sort();
        let expected = [
            ("served", "1"),
            ("served", "1"),
            ("shadow", "2"),
            ("shadow", "2"),
        ]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!(rows, expected);
        assert_ne!(
            texts(&events, "score")[0],
            texts(&events, "score")[1],
            "the two revisions differ"
        );
    }
}

#[tokio::test]
async fn a_canary_that_fails_is_replaced_by_the_champion_and_told_on() {
    for kind in ["picky.fake", "other.fake"] {
        for world in World::all().await {
            let (champion, second) = pair(&world, kind).await;
            canary(&world, &champion, &second, 10_000).await;
            let answer = world
                .serving
                .predict(&world.scope, &name("numbers"), number(-1.0, "k"))
                .await
                .unwrap();
            assert_eq!(answer.revision, champion.id);
            let events = world.events("numbers").await;
            let mut rows: Vec<(String, String, bool)> = texts(&events, "served_as")
                .into_iter()
                .zip(texts(&events, "model_version"))
                .zip(column(&events, "error"))
                .map(|((served_as, version), error)| (served_as, version, error.is_some()))
                .collect();
            rows.sort();
            let expected = [
                ("served".to_owned(), "11".to_owned(), false),
                ("shadow".to_owned(), "12".to_owned(), true),
            ];
            assert_eq!(rows, expected, "{kind}");
            let text = world.metrics.encode().unwrap();
            assert!(text.contains("outcome=\"rescued\"} 1"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_champion_that_fails_is_an_error_with_an_event() {
    for world in World::all().await {
        let (twice, picky) = pair(&world, "picky.fake").await;
        canary(&world, &picky, &twice, 0).await;
        let answer = world
            .serving
            .predict(&world.scope, &name("numbers"), number(-1.0, "k"))
            .await;
        assert!(answer.is_err());
        let events = world.events("numbers").await;
        let mut rows: Vec<(String, Option<String>)> = texts(&events, "served_as")
            .into_iter()
            .zip(column(&events, "error"))
            .collect();
        rows.sort();
        assert_eq!(rows[0].0, "served");
        assert!(rows[0].1.as_ref().unwrap().contains("negative"));
        // The other arm answered, which is what a judge of the rollout wants to know.
        assert_eq!(rows[1], ("shadow".to_owned(), None));
    }
}
