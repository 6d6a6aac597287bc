//! What monitors there are.

use trimtab_monitor::{MonitorError, MonitorSpec};
use trimtab_types::{Coded, Duration, ErrorCode, MonitorWindowId, Scope, WorkspaceId};

use crate::support::{House, day, name, rows};

fn spec(of: &str, endpoint: &str, window: Option<Duration>) -> MonitorSpec {
    MonitorSpec {
        name: name(of),
        endpoint: name(endpoint),
        window,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_has_exactly_what_its_file_says() {
    for house in House::all(None).await {
        let (monitors, scope) = (&house.monitors, &house.scope);
        let names = |found: Vec<trimtab_monitor::Monitor>| {
            found
                .into_iter()
                .map(|monitor| monitor.name.to_string())
                .collect::<Vec<_>>()
        };
        monitors
            .apply(scope, "p", vec![spec("a", "e", None), spec("b", "e", None)])
            .await
            .unwrap();
        monitors
            .apply(scope, "q", vec![spec("c", "f", None)])
            .await
            .unwrap();
        assert_eq!(names(monitors.list(scope).await.unwrap()), ["a", "b", "c"]);
        let error = monitors
            .apply(scope, "q", vec![spec("a", "e", None)])
            .await
            .unwrap_err();
        assert!(matches!(error, MonitorError::Owned { .. }) && error.code() == ErrorCode::Conflict);
        assert_eq!(names(monitors.list(scope).await.unwrap()), ["a", "b", "c"]);
        monitors
            .apply(
                scope,
                "p",
                vec![spec("b", "e", Some(Duration::from_hours(1)))],
            )
            .await
            .unwrap();
        assert_eq!(names(monitors.list(scope).await.unwrap()), ["b", "c"]);
        assert_eq!(
            monitors.get(scope, &name("b")).await.unwrap().window,
            Duration::from_hours(1)
        );
        let missing = monitors.get(scope, &name("a")).await.unwrap_err();
        assert_eq!(missing.code(), ErrorCode::NotFound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn impossible_specs_are_refused_by_field() {
    for house in House::all(None).await {
        for (specs, field) in [
            (vec![spec("a", "e", Some(Duration::ZERO))], "window"),
            (
                vec![spec("a", "e", Some(Duration::from_micros(-5)))],
                "window",
            ),
            (
                vec![spec("a", "e", Some(Duration::from_micros(i64::MAX)))],
                "window",
            ),
            (vec![spec("a", "e", None), spec("a", "f", None)], "name"),
        ] {
            let error = house
                .monitors
                .apply(&house.scope, "p", specs)
                .await
                .unwrap_err();
            assert_eq!(error.code(), ErrorCode::invalid(field));
        }
        assert!(house.monitors.list(&house.scope).await.unwrap().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_workspace_sees_nothing() {
    for house in House::all(None).await {
        house
            .monitors
            .apply(&house.scope, "p", vec![spec("m", "e", None)])
            .await
            .unwrap();
        house.serve(&rows(0, 200, 0.0, 1.0), 1, true).await;
        house.serve(&rows(1, 200, 0.0, 1.0), 1, true).await;
        let judged = house.judge(day(2)).await;
        let other = Scope::controller(WorkspaceId::new("other").unwrap());
        assert!(house.monitors.list(&other).await.unwrap().is_empty());
        assert!(house.monitors.get(&other, &name("m")).await.is_err());
        assert!(
            house
                .monitors
                .windows(&other, &name("m"), None, None, 10)
                .await
                .is_err()
        );
        let error = house
            .monitors
            .window(&other, judged[0].id)
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        assert!(
            house
                .monitors
                .window(&house.scope, MonitorWindowId::new())
                .await
                .is_err()
        );
        assert!(
            house
                .monitors
                .judge_due(&other.workspace)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wider_window_begins_after_what_was_judged() {
    for house in House::all(None).await {
        let (monitors, scope) = (&house.monitors, &house.scope);
        monitors
            .apply(scope, "p", vec![spec("m", "e", None)])
            .await
            .unwrap();
        for i in 0..10 {
            house.serve(&rows(i, 200, 0.0, 1.0), 1, true).await;
        }
        house.judge(day(3)).await;
        monitors
            .apply(
                scope,
                "p",
                vec![spec("m", "e", Some(Duration::from_days(2)))],
            )
            .await
            .unwrap();
        house.judge(day(10)).await;
        let mut windows = monitors
            .windows(scope, &name("m"), None, None, 100)
            .await
            .unwrap();
        windows.reverse();
        assert!(
            windows.windows(2).all(|pair| pair[0].to <= pair[1].from),
            "{windows:#?}"
        );
        assert_eq!(
            windows
                .last()
                .unwrap()
                .to
                .since(windows.last().unwrap().from),
            Duration::from_days(2)
        );
    }
}
