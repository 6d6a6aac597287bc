//! Declaring endpoints.

use trimtab_serving::{Change, EndpointSpec, EventTimeSource, ServingError};
use trimtab_types::{Coded as _, ErrorCode, Scope, WorkspaceId};

use crate::world::{World, name, spec};

#[tokio::test]
async fn a_spec_is_created_then_unchanged_then_updated_and_status_stays() {
    for world in World::all().await {
        let champion = world.endpoint(spec("flights"), 1).await;
        let apply = async |spec: EndpointSpec| {
            world
                .serving
                .apply(&world.scope, "flights", vec![spec])
                .await
                .unwrap()[0]
                .change
        };
        assert_eq!(apply(spec("flights")).await, Change::Unchanged);
        let changed = EndpointSpec {
            event_time: EventTimeSource::Caller,
            row_key: Some("flight_id".to_owned()),
            ..spec("flights")
        };
        assert_eq!(apply(changed.clone()).await, Change::Updated);
        assert_eq!(apply(spec("another")).await, Change::Created);
        let endpoint = world
            .serving
            .endpoint(&world.scope, &name("flights"))
            .await
            .unwrap();
        assert_eq!(endpoint.spec, changed);
        assert_eq!(endpoint.traffic.champion, Some(champion.id));
        assert_eq!(endpoint.traffic.generation, 1);
        assert_eq!(endpoint.created_by, "local");
        let all = world.serving.endpoints(&world.scope).await.unwrap();
        let names: Vec<&str> = all.iter().map(|e| e.spec.name.as_str()).collect();
        assert_eq!(names, ["another", "flights"]);
    }
}

#[tokio::test]
async fn another_projects_endpoint_is_a_conflict_and_nothing_is_applied() {
    for world in World::all().await {
        world
            .serving
            .apply(&world.scope, "theirs", vec![spec("taken")])
            .await
            .unwrap();
        let error = world
            .serving
            .apply(&world.scope, "ours", vec![spec("free"), spec("taken")])
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::Conflict);
        assert_eq!(
            error.to_string(),
            "endpoint `taken` belongs to project `theirs`, not to `ours`"
        );
        assert!(error.hint().is_some());
        let free = world.serving.endpoint(&world.scope, &name("free")).await;
        assert!(matches!(free, Err(ServingError::EndpointNotFound(_))));
    }
}

#[tokio::test]
async fn specs_that_cannot_be_are_refused_by_field() {
    for world in World::all().await {
        world.endpoint(spec("flights"), 1).await;
        let refused = async |specs: Vec<EndpointSpec>| {
            let error = world
                .serving
                .apply(&world.scope, "flights", specs)
                .await
                .unwrap_err();
            (error.code(), error.to_string())
        };
        let (code, _) = refused(vec![EndpointSpec {
            pin: Some(0),
            ..spec("flights")
        }])
        .await;
        assert_eq!(code, ErrorCode::invalid("endpoints.flights.pin"));
        let (code, message) = refused(vec![EndpointSpec {
            score: Some("proba".to_owned()),
            ..spec("flights")
        }])
        .await;
        assert_eq!(code, ErrorCode::invalid("endpoints.flights.score"));
        assert!(message.contains("it has label, probabilities"), "{message}");
        let (_, message) = refused(vec![spec("a"), spec("a")]).await;
        assert_eq!(message, "endpoint `a`: it is declared twice");
    }
}

#[tokio::test]
async fn a_workspace_sees_only_its_own() {
    for world in World::all().await {
        world.endpoint(spec("flights"), 1).await;
        let other = Scope::controller(WorkspaceId::new("other").unwrap());
        let flights = name("flights");
        assert!(world.serving.endpoints(&other).await.unwrap().is_empty());
        assert!(world.serving.model_info(&other, &flights, None).is_err());
        let error = world
            .serving
            .predict(&other, &flights, crate::world::flights())
            .await
            .unwrap_err();
        assert_eq!(error.code(), ErrorCode::NotFound);
        // The name is free there, whoever owns it elsewhere.
        let applied = world
            .serving
            .apply(&other, "theirs", vec![spec("flights")])
            .await;
        assert_eq!(applied.unwrap()[0].change, Change::Created);
    }
}
