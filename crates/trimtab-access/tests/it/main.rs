//! Access on both databases.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use trimtab_access::{
    Access, AccessError, AccessMode, AuditEntry, Credentials, MIGRATIONS, NewToken, Resource,
};
use trimtab_types::{Clock, Role, Scope, Secret, Time, Verb, WorkspaceId};

async fn each(mode: AccessMode) -> Vec<Access> {
    let mut all = Vec::new();
    for db in trimtab_db::testing::databases(&[MIGRATIONS]).await.unwrap() {
        all.push(Access::open(db, Clock::system(), mode).await.unwrap());
    }
    all
}

fn with_token(text: &str) -> Credentials {
    Credentials {
        token: Some(Secret::new(text.to_owned())),
        workspace: None,
    }
}

fn new(name: &str, role: Role) -> NewToken {
    NewToken {
        name: name.to_owned(),
        role,
        expires_at: None,
    }
}

#[tokio::test]
async fn everyone_is_local_until_the_first_token_and_nobody_after_the_last() {
    for access in each(AccessMode::Tokens).await {
        let local = access.authenticate(&Credentials::default()).await.unwrap();
        assert_eq!(local, Scope::local());
        let (admin, _) = access
            .create_token(&local, new("root", Role::Admin))
            .await
            .unwrap();
        let (token, text) = access
            .create_token(&local, new("ci", Role::Editor))
            .await
            .unwrap();
        assert!(matches!(
            access.authenticate(&Credentials::default()).await,
            Err(AccessError::Missing)
        ));
        let scope = access
            .authenticate(&with_token(&text.reveal()))
            .await
            .unwrap();
        assert_eq!(scope.principal.name.as_ref(), "ci");
        assert_eq!(scope.principal.role, Role::Editor);
        // Revoked: refused at once although it was remembered, and the server stays closed.
        access.revoke_token(&local, token.id, false).await.unwrap();
        access.revoke_token(&local, admin.id, true).await.unwrap();
        for credentials in [with_token(&text.reveal()), Credentials::default()] {
            assert!(access.authenticate(&credentials).await.is_err());
        }
        let again = access
            .create_token(&local, new("ci", Role::Viewer))
            .await
            .unwrap();
        assert!(matches!(
            access.create_token(&local, new("ci", Role::Viewer)).await,
            Err(AccessError::TokenExists(_))
        ));
        assert_eq!(access.tokens(&local).await.unwrap().len(), 3);
        assert!(
            access
                .authenticate(&with_token(&again.1.reveal()))
                .await
                .is_ok()
        );
    }
}

#[tokio::test]
async fn workspaces_are_made_without_a_token_or_by_an_administrator_of_the_default_one() {
    let enter = |name: &str| Credentials {
        token: None,
        workspace: Some(name.to_owned()),
    };
    for access in each(AccessMode::Tokens).await {
        let local = Scope::local();
        assert!(matches!(
            access.authenticate(&enter("team")).await,
            Err(AccessError::NoWorkspace(_))
        ));
        let made = access.create_workspace(&local, "team").await.unwrap();
        assert_eq!(made.created_by, "local");
        let team = access.authenticate(&enter("team")).await.unwrap();
        assert_eq!(team.workspace, made.id);
        assert!(matches!(
            access.create_workspace(&local, "team").await,
            Err(AccessError::WorkspaceExists(_))
        ));
        assert!(matches!(
            access.create_workspace(&local, "../x").await,
            Err(AccessError::Name { .. })
        ));
        access
            .create_token(&team, new("root", Role::Admin))
            .await
            .unwrap();
        assert!(matches!(
            access.create_workspace(&team, "more").await,
            Err(AccessError::NotDefault(_))
        ));
        access.create_workspace(&local, "more").await.unwrap();
    }
}

#[tokio::test]
async fn nobody_locks_everybody_out_unasked() {
    for access in each(AccessMode::Tokens).await {
        let local = Scope::local();
        for role in [Role::Viewer, Role::Editor, Role::Operator] {
            let refused = access
                .create_token(&local, new("first", role))
                .await
                .unwrap_err();
            assert!(
                matches!(refused, AccessError::FirstToken(given) if given == role),
                "{refused}"
            );
        }
        assert!(access.authenticate(&Credentials::default()).await.is_ok());
        let make = async |name: &str, expires_at| {
            let new = NewToken {
                expires_at,
                ..new(name, Role::Admin)
            };
            access.create_token(&local, new).await.unwrap().0
        };
        let first = make("first", None).await;
        // One that has expired administers nothing.
        make("old", Some(Time::from_micros(1))).await;
        let refused = access.revoke_token(&local, first.id, false).await;
        assert!(matches!(refused, Err(AccessError::LastAdmin(name)) if name == "first"));
        let second = make("second", None).await;
        for _ in 0..2 {
            access.revoke_token(&local, first.id, false).await.unwrap();
        }
        assert!(access.revoke_token(&local, second.id, false).await.is_err());
        access.revoke_token(&local, second.id, true).await.unwrap();
    }
}

#[tokio::test]
async fn wrong_secrets_and_garbage_are_refused() {
    for access in each(AccessMode::Tokens).await {
        let (_, text) = access
            .create_token(&Scope::local(), new("a", Role::Admin))
            .await
            .unwrap();
        let (_, other) = access
            .create_token(&Scope::local(), new("b", Role::Admin))
            .await
            .unwrap();
        let secret = other.reveal()[36..].to_owned();
        let mixed = format!("tt_{}_{secret}", text.id);
        for bad in ["", "tt_", "tt_x_y", "password", &mixed, &mixed[..80]] {
            assert!(
                matches!(
                    access.authenticate(&with_token(bad)).await,
                    Err(AccessError::Unknown)
                ),
                "{bad}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_opens_its_own_workspace_alone() {
    for access in each(AccessMode::Tokens).await {
        let team = Scope {
            workspace: WorkspaceId::new("team").unwrap(),
            ..Scope::local()
        };
        let asking = |workspace: &str| Credentials {
            token: None,
            workspace: Some(workspace.to_owned()),
        };
        assert!(matches!(
            access.authenticate(&asking("team")).await,
            Err(AccessError::NoWorkspace(_))
        ));
        let (_, text) = access
            .create_token(&team, new("t", Role::Admin))
            .await
            .unwrap();
        let mut credentials = with_token(&text.reveal());
        assert_eq!(
            access.authenticate(&credentials).await.unwrap().workspace,
            team.workspace
        );
        credentials.workspace = Some("default".to_owned());
        assert!(matches!(
            access.authenticate(&credentials).await,
            Err(AccessError::OtherWorkspace { .. })
        ));
        assert!(access.tokens(&Scope::local()).await.unwrap().is_empty());
        for scope in [&Scope::local(), &team] {
            let seen = access.workspaces(scope).await.unwrap();
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].id, scope.workspace);
        }
    }
}

#[tokio::test]
async fn expired_tokens_are_refused_and_open_mode_asks_nobody() {
    for access in each(AccessMode::Tokens).await {
        let expired = NewToken {
            expires_at: Some(Time::from_micros(1)),
            ..new("old", Role::Admin)
        };
        let (_, text) = access.create_token(&Scope::local(), expired).await.unwrap();
        assert!(
            access
                .authenticate(&with_token(&text.reveal()))
                .await
                .is_err()
        );
    }
    for access in each(AccessMode::Open).await {
        access
            .create_token(&Scope::local(), new("a", Role::Admin))
            .await
            .unwrap();
        assert!(access.authenticate(&Credentials::default()).await.is_ok());
    }
}

#[tokio::test]
async fn roles_decide_and_the_trail_is_kept() {
    for access in each(AccessMode::Tokens).await {
        let mut scope = Scope::local();
        scope.principal.role = Role::Viewer;
        assert!(
            access
                .require(&scope, Verb::Read, Resource::any("run"))
                .is_ok()
        );
        let denied = access
            .require(&scope, Verb::Operate, Resource::any("rollout"))
            .unwrap_err();
        assert_eq!(
            denied.to_string(),
            "`local` has the role viewer and may not operate rollouts"
        );
        let entry = AuditEntry {
            action: "POST /api/v1/rollouts".to_owned(),
            kind: "rollout".to_owned(),
            object: "/api/v1/rollouts".to_owned(),
            status: 403,
            request_id: "r".to_owned(),
        };
        access.audit(&scope, entry.clone()).await.unwrap();
        let trail = access.audit_trail(&scope, None, 10).await.unwrap();
        assert_eq!(trail[0].entry, entry);
        assert!(
            access
                .audit_trail(&scope, Some(trail[0].seq), 10)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn the_process_own_token_edits_in_its_workspace_and_does_no_more() {
    for access in each(AccessMode::Tokens).await {
        access
            .create_token(&Scope::local(), new("a", Role::Admin))
            .await
            .unwrap();
        let scope = access
            .authenticate(&with_token(&access.own_token(&Scope::local().workspace)))
            .await
            .unwrap();
        assert_eq!(scope.principal.name.as_ref(), "loop");
        assert_eq!(scope.principal.role, Role::Editor);
        // A stage of another workspace is there and cannot come here, whatever it asks for.
        let other = WorkspaceId::new("b").unwrap();
        let mut credentials = with_token(&access.own_token(&other));
        let there = access.authenticate(&credentials).await.unwrap();
        assert_eq!(there.workspace, other);
        credentials.workspace = Some(Scope::local().workspace.to_string());
        let refused = access.authenticate(&credentials).await.unwrap_err();
        assert!(
            matches!(refused, AccessError::OtherWorkspace { .. }),
            "{refused}"
        );
        assert_eq!(access.tokens(&Scope::local()).await.unwrap().len(), 1);
    }
}
