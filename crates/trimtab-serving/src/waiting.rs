//! Why an endpoint has no champion yet: who asks it is told, whoever looked last says so.

use trimtab_types::{Name, Scope};

use crate::{Serving, ServingError};

/// Why no revision of an endpoint answers yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// What it waits for, or what went wrong.
    pub why: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Waiting {
    /// What is known before anyone has looked for the endpoint's model.
    pub(crate) fn declared() -> Self {
        Self {
            why: "it was declared a moment ago, and its model is being looked for".to_owned(),
            hint: Some("ask again in a few seconds".to_owned()),
        }
    }
}

impl Serving {
    /// What an endpoint waits for; `None` once it has a champion.
    pub fn waiting(&self, scope: &Scope, name: &Name) -> Result<Option<Waiting>, ServingError> {
        let route = self.route(scope, name)?;
        Ok(match route.traffic.champion {
            Some(_) => None,
            None => Some(route.waiting.clone()),
        })
    }

    /// Says what an endpoint without a champion waits for: refused requests are told so.
    pub fn explain(&self, scope: &Scope, name: &Name, waiting: &Waiting) {
        let key = (scope.workspace.clone(), name.clone());
        self.table().update(&key, |route| {
            if route.waiting != *waiting {
                route.waiting = waiting.clone();
            }
        });
    }
}
