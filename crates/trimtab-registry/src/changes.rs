//! What others are told: every change of the registry is a message in the transaction that makes it.

use trimtab_db::{Message, Tx};
use trimtab_types::{Clock, Scope, Time};

use crate::RegistryError;

/// When a change happens, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Change {
    /// For people: what the rows say.
    pub(crate) wall: Time,
    /// For the loop: what the message says.
    at: Time,
}

impl Change {
    pub(crate) fn now(clock: &Clock) -> Self {
        Self {
            wall: clock.wall(),
            at: clock.now(),
        }
    }

    /// Publishes what happened; who did it is added to the payload as `by`.
    pub(crate) fn publish(
        &self,
        tx: &mut Tx<'_>,
        scope: &Scope,
        topic: &'static str,
        mut payload: serde_json::Value,
    ) -> Result<(), RegistryError> {
        payload["by"] = scope.principal.name.as_ref().into();
        tx.publish(&Message {
            workspace: scope.workspace.clone(),
            topic,
            version: 1,
            payload,
            at: self.at,
        })?;
        Ok(())
    }
}
