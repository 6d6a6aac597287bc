//! Endpoints follow the alias of their model: where a person moves it, a rollout goes. An endpoint that has no champion
//! says what it waits for.

use trimtab_serving::{EndpointSpec, Waiting};
use trimtab_types::{Coded as _, ErrorCode, Scope};

use crate::{
    Cause, DecisionKind, Loop, LoopError, Plan, PlanGiven, PlanState, StepState, error::service,
    sql,
};

impl Loop {
    /// A person who moves the alias that an endpoint follows asks for a rollout of that version. The controller's own
    /// moves ask for nothing: they leave the alias at the champion. A move is followed once, whatever comes of it;
    /// `trimtab rollout start` sends the version again, and so does `trimtab apply` while there is no champion.
    pub(crate) async fn follow_aliases(&self, scope: &Scope) -> Result<(), LoopError> {
        let endpoints = self
            .0
            .services
            .serving
            .endpoints(scope)
            .await
            .map_err(service("serving", "follow the endpoints' aliases"))?;
        let mut first_failure = None;
        for endpoint in endpoints {
            if let Err(error) = self.follow_alias(scope, &endpoint.spec).await {
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), Err)
    }

    async fn follow_alias(&self, scope: &Scope, spec: &EndpointSpec) -> Result<(), LoopError> {
        let champion = self.champion(scope, spec).await?;
        let registry = &self.0.services.registry;
        let aliased = registry
            .version_by_alias(scope, &spec.model, &spec.alias)
            .await;
        let version = match aliased {
            Ok(Some(version)) => version.version,
            Ok(None) => {
                return self
                    .explain(scope, spec, champion.is_some(), no_alias(spec))
                    .await;
            }
            Err(error) if error.code() == ErrorCode::NotFound => {
                return self
                    .explain(scope, spec, champion.is_some(), no_model(spec))
                    .await;
            }
            Err(error) => {
                return Err(service("registry", "follow the endpoints' aliases")(error));
            }
        };
        let (of, name) = (scope.workspace.clone(), spec.name.clone());
        let (open, followed) = self
            .0
            .db
            .read(move |tx| {
                let open = sql::open_plan_of(tx, &of, &name)?;
                Ok::<_, LoopError>((open, sql::followed(tx, &of, &name)?))
            })
            .await?;
        let is_champion = champion.is_some_and(|arm| arm.version == version);
        if is_champion && followed != Some(version) {
            // Where the alias stands now, so that a move away from here and back is seen.
            let name = spec.name.clone();
            self.store(scope, move |tx, workspace| {
                sql::put_followed(tx, workspace, &name, version)
            })
            .await?;
        }
        if !is_champion && followed != Some(version) {
            match open {
                Some(plan) if plan.version() == Some(version) => {}
                Some(plan) => {
                    self.tell_of_waiting_alias(scope, spec, version, &plan)
                        .await?;
                }
                None => self.send_aliased(scope, spec, version).await?,
            }
        }
        let has_champion = champion.is_some() || self.champion(scope, spec).await?.is_some();
        let loading = Waiting {
            why: format!(
                "version {version} of model `{}` is about to be loaded",
                spec.model
            ),
            hint: Some("ask again in a few seconds".to_owned()),
        };
        self.explain(scope, spec, has_champion, loading).await
    }

    async fn send_aliased(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        version: i64,
    ) -> Result<(), LoopError> {
        let cause = Cause::Person {
            name: format!("alias `{}` of `{}`", spec.alias, spec.model),
        };
        let given = PlanGiven {
            version: Some(version),
            follows_alias: true,
            ..PlanGiven::default()
        };
        self.write_plan(scope, None, spec.name.clone(), cause, given)
            .await?;
        let loading = Waiting {
            why: format!(
                "version {version} of model `{}` is being loaded",
                spec.model
            ),
            hint: Some("ask again in a few seconds".to_owned()),
        };
        let serving = &self.0.services.serving;
        serving.explain(scope, &spec.name, &loading);
        self.go_on(scope).await
    }

    /// A move of the alias while the endpoint is busy is not lost: it is followed when the plan has ended. Told once.
    async fn tell_of_waiting_alias(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        version: i64,
        plan: &Plan,
    ) -> Result<(), LoopError> {
        let busy = plan.version().map_or_else(
            || format!("plan {}", plan.id),
            |other| format!("version {other}"),
        );
        let text = format!(
            "alias `{}` of `{}` was moved to version {version} while {busy} is under way; it is followed when that has ended",
            spec.alias, spec.model
        );
        let decision = self.decision(
            scope,
            &spec.name,
            DecisionKind::AliasWaits,
            text,
            ("plan", plan.id.to_string()),
            serde_json::json!({ "alias": spec.alias, "version": version }),
        );
        self.store(scope, move |tx, workspace| {
            if sql::is_told(tx, workspace, &decision)? {
                return Ok(());
            }
            sql::add_decision(tx, workspace, &decision)
        })
        .await
    }

    /// Whether a person moved the alias to a version that is neither side of a rollout, and nobody followed it yet.
    pub(crate) async fn is_alias_elsewhere(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        sides: [Option<i64>; 2],
    ) -> Result<bool, LoopError> {
        let registry = &self.0.services.registry;
        let aliased = registry
            .version_by_alias(scope, &spec.model, &spec.alias)
            .await
            .map_err(service("registry", format!("read alias `{}`", spec.alias)))?;
        let Some(version) = aliased.map(|version| version.version) else {
            return Ok(false);
        };
        if sides.contains(&Some(version)) {
            return Ok(false);
        }
        let (workspace, name) = (scope.workspace.clone(), spec.name.clone());
        let followed = self
            .0
            .db
            .read(move |tx| Ok::<_, LoopError>(sql::followed(tx, &workspace, &name)?))
            .await?;
        Ok(followed != Some(version))
    }

    /// Says why requests are refused while there is no champion: what the newest plan came to, or `otherwise`.
    async fn explain(
        &self,
        scope: &Scope,
        spec: &EndpointSpec,
        has_champion: bool,
        otherwise: Waiting,
    ) -> Result<(), LoopError> {
        if has_champion {
            return Ok(());
        }
        let newest = self.plans_of(scope, &spec.name, 1).await?;
        let waiting = newest.first().and_then(outlook).unwrap_or(otherwise);
        let serving = &self.0.services.serving;
        serving.explain(scope, &spec.name, &waiting);
        Ok(())
    }
}

/// What a plan means for an endpoint without a champion.
fn outlook(plan: &Plan) -> Option<Waiting> {
    let what = plan.version().map_or_else(
        || format!("plan {}", plan.id),
        |version| format!("version {version}"),
    );
    match plan.state {
        PlanState::Running => Some(Waiting {
            why: format!(
                "{what} is on its way, at step `{}`",
                plan.current().map_or("verdict", crate::StepName::as_str)
            ),
            hint: Some(format!(
                "`trimtab rollout show {}` follows it",
                plan.endpoint
            )),
        }),
        PlanState::Failed => {
            let failed = plan
                .steps
                .iter()
                .find(|step| step.state == StepState::Failed)?;
            let error = failed.error.as_deref().unwrap_or("it failed");
            let again = format!(
                "mend it, then `trimtab apply` or `trimtab rollout start {} --version N`",
                plan.endpoint
            );
            Some(Waiting {
                why: format!("{what} cannot be served: {error}"),
                hint: Some(failed.hint.clone().unwrap_or(again)),
            })
        }
        PlanState::Promoted
        | PlanState::Refused
        | PlanState::KeptChampion
        | PlanState::Recommended => None,
    }
}

fn no_alias(spec: &EndpointSpec) -> Waiting {
    Waiting {
        why: format!("model `{}` has no alias `{}`", spec.model, spec.alias),
        hint: Some(format!(
            "set it in the console or with set_registered_model_alias, or run `trimtab rollout start {} --version N`",
            spec.name
        )),
    }
}

fn no_model(spec: &EndpointSpec) -> Waiting {
    Waiting {
        why: format!("there is no registered model `{}`", spec.model),
        hint: Some(format!(
            "log one with registered_model_name=\"{}\" and set its alias `{}`, or change `model` in trimtab.yaml",
            spec.model, spec.alias
        )),
    }
}
