//! Dataset versions: immutable, content-addressed, counted by name.

use trimtab_data::{ColumnKind, DataError, DatasetSource};
use trimtab_table::{ReadOptions, read};
use trimtab_types::{Coded, DatasetVersionId, ErrorCode, Scope, WorkspaceId};

use crate::support::{column, day, fixtures, numbers, scope, table, texts, times, whole};

fn source() -> DatasetSource {
    DatasetSource::Table {
        path: "flights.parquet".to_owned(),
    }
}

#[tokio::test]
async fn equal_content_is_one_version_and_other_content_the_next() {
    for fixture in fixtures().await {
        let data = &fixture.data;
        let rows = table(vec![
            ("time", times([day(1), day(0), day(2)])),
            ("carrier", texts(["UA", "AA", "UA"])),
            ("distance", numbers([Some(733.0), None, Some(f64::NAN)])),
        ]);
        let make = async |name: &str, batches| {
            data.create_version(&scope(), name, batches, source(), Some("time"))
                .await
                .unwrap()
        };
        let first = make("flights", vec![rows.clone()]).await;
        assert_eq!((first.number, first.rows, first.created_at), (1, 3, day(0)));
        assert_eq!((first.from, first.to), (Some(day(0)), Some(day(2))));
        assert_eq!(first.digest.len(), 64);
        let kinds: Vec<(ColumnKind, bool)> =
            first.columns.iter().map(|c| (c.kind, c.nullable)).collect();
        assert_eq!(
            kinds,
            [
                (ColumnKind::Time, false),
                (ColumnKind::Text, false),
                (ColumnKind::Float, true)
            ]
        );
        let profile = first.profile.column("carrier").unwrap();
        assert_eq!(profile.values, [("UA".to_owned(), 2), ("AA".to_owned(), 1)]);
        // In the order of time the carriers are AA, UA, UA.
        assert_eq!(profile.longest_run, 2);
        assert_eq!(first.profile.column("distance").unwrap().nulls, 2);

        // Cut into other batches it is the same content.
        let again = make("flights", vec![rows.slice(0, 1), rows.slice(1, 2)]).await;
        assert_eq!(again, first);
        let second = make("flights", vec![rows.slice(0, 2)]).await;
        assert_eq!(second.number, 2);
        let other = make("other", vec![rows.clone()]).await;
        assert_eq!((other.number, &other.digest), (1, &first.digest));
        assert_eq!(data.get(&scope(), first.id).await.unwrap(), first);

        let topics: Vec<String> = fixture
            .db
            .outbox_next("test", 10)
            .await
            .unwrap()
            .into_iter()
            .map(|e| e.topic)
            .collect();
        assert_eq!(topics, vec!["data.version-created"; 3]);
    }
}

#[tokio::test]
async fn versions_are_listed_newest_first_in_pages() {
    for fixture in fixtures().await {
        let data = &fixture.data;
        for n in 0..5 {
            let name = if n == 3 { "b" } else { "a" };
            let rows = table(vec![("x", whole([f64::from(n)]))]);
            data.create_version(&scope(), name, vec![rows], source(), None)
                .await
                .unwrap();
        }
        for (name, expected) in [
            (None, vec![("a", 4), ("b", 1), ("a", 3), ("a", 2), ("a", 1)]),
            (Some("a"), vec![("a", 4), ("a", 3), ("a", 2), ("a", 1)]),
        ] {
            let mut found = Vec::new();
            let mut page = None;
            loop {
                let answer = data.list(&scope(), name, page.as_ref(), 2).await.unwrap();
                found.extend(answer.items.into_iter().map(|v| (v.name, v.number)));
                page = answer.next;
                if page.is_none() {
                    break;
                }
            }
            let expected: Vec<(String, i64)> = expected
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect();
            assert_eq!(found, expected);
        }
        let elsewhere = Scope {
            workspace: WorkspaceId::new("b").unwrap(),
            ..scope()
        };
        assert!(
            data.list(&elsewhere, None, None, 10)
                .await
                .unwrap()
                .items
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_version_is_read_and_materialised_as_it_was_made() {
    for fixture in fixtures().await {
        let data = &fixture.data;
        let rows = table(vec![
            ("carrier", texts(["UA", "a \"b\",c"])),
            ("x", numbers([Some(1.5), None])),
        ]);
        let version = data
            .create_version(&scope(), "t", vec![rows.clone()], source(), None)
            .await
            .unwrap();
        assert_eq!(
            data.read(&scope(), version.id).await.unwrap(),
            vec![rows.clone()]
        );
        for name in ["deep/er/train.parquet", "train.csv"] {
            let dest = fixture.folder.path().join(name);
            data.materialise(&scope(), version.id, &dest).await.unwrap();
            let found = read(&dest, &ReadOptions::default()).unwrap();
            assert_eq!(column(&found, "carrier"), ["UA", "a \"b\",c"]);
            assert_eq!(column(&found, "x"), ["1.5", "-"]);
        }
        let bytes = std::fs::read(fixture.folder.path().join("deep/er/train.parquet")).unwrap();
        assert_eq!(blake3::hash(&bytes).to_hex().to_string(), version.digest);
        let elsewhere = Scope {
            workspace: WorkspaceId::new("b").unwrap(),
            ..scope()
        };
        for (scope, id) in [
            (&elsewhere, version.id),
            (&scope(), DatasetVersionId::new()),
        ] {
            assert_eq!(
                data.get(scope, id).await.unwrap_err().code(),
                ErrorCode::NotFound
            );
            assert_eq!(
                data.read(scope, id).await.unwrap_err().code(),
                ErrorCode::NotFound
            );
        }
    }
}

#[tokio::test]
async fn tables_that_cannot_be_versions_are_refused_with_the_reason() {
    let fixture = fixtures().await.remove(0);
    let data = &fixture.data;
    let rows = table(vec![("x", whole([1.0])), ("t", texts(["soon"]))]);
    let cases = [
        ("", vec![rows.clone()], None, "it is empty"),
        ("a\nb", vec![rows.clone()], None, "control character"),
        ("a", vec![], None, "no columns"),
        ("a", vec![rows.slice(0, 0)], None, "no rows"),
        (
            "a",
            vec![rows.clone()],
            Some("y"),
            "there is no such column",
        ),
        ("a", vec![rows.clone()], Some("x"), "it holds float"),
        ("a", vec![rows], Some("t"), "soon"),
    ];
    for (name, batches, time, expected) in cases {
        let error = data
            .create_version(&scope(), name, batches, source(), time)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(
            matches!(error.code(), ErrorCode::Invalid { .. }),
            "{error:?}"
        );
    }
    assert!(matches!(
        data.list(&scope(), None, None, 5)
            .await
            .unwrap()
            .items
            .len(),
        0
    ));
    assert!(matches!(
        data.get(&scope(), DatasetVersionId::new()).await,
        Err(DataError::NotFound(_))
    ));
}

#[tokio::test]
async fn the_profile_of_any_numbers_can_be_kept() {
    let fixture = fixtures().await.remove(0);
    let extremes = [
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MAX,
        -f64::MAX,
        -0.0,
        0.0,
    ];
    let rows = table(vec![
        ("x", whole(extremes)),
        ("none", numbers([None; 7])),
        ("many", whole((0..7).map(f64::from))),
    ]);
    let made = fixture
        .data
        .create_version(&scope(), "t", vec![rows], source(), None)
        .await
        .unwrap();
    let kept = fixture.data.get(&scope(), made.id).await.unwrap();
    assert_eq!(kept, made);
    let x = kept.profile.column("x").unwrap();
    assert_eq!((x.count, x.nulls, x.distinct), (4, 3, Some(3)));
    assert_eq!(kept.profile.column("none").unwrap().numeric, None);
    let many = kept.profile.column("many").unwrap();
    let numeric = many.numeric.as_ref().unwrap();
    assert_eq!((numeric.quantiles.len(), numeric.quantiles[50]), (101, 3.0));
    assert_eq!(numeric.histogram.counts.iter().sum::<u64>(), 7);
    assert_eq!(
        numeric.histogram.edges.len(),
        numeric.histogram.counts.len() + 1
    );
}
