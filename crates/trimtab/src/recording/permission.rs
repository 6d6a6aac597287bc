//! Whether a server lets the caller record.

use http::StatusCode;
use serde_json::Value;

use crate::told::{Exit, Told};

/// Judges what a server answered to `GET /api/v1/server`: an error where what a command does would be lost.
pub(super) fn check(server: &str, status: StatusCode, said: &Value) -> Result<(), Told> {
    // Another server that speaks MLflow's API has no such path, and answers in its own words.
    let refusal = said["error"]["message"]
        .as_str()
        .filter(|_| status.is_client_error());
    if let Some(refusal) = refusal {
        let told = Told::new(
            Exit::Refused,
            format!("{server} would record nothing: {refusal}"),
        );
        return Err(match said["error"]["hint"].as_str() {
            Some(hint) => told.hint(hint),
            None => told,
        });
    }
    if said["role"] == "viewer" {
        return Err(Told::new(
            Exit::Refused,
            format!(
                "{server} would record nothing: `{}` has the role viewer",
                said["principal"].as_str().unwrap_or_default()
            ),
        )
        .hint("use a token with the role editor"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn who_may_not_write_is_told_before_the_command_starts() {
        let denied = json!({ "error": { "code": "unauthenticated", "message": "the token is unknown", "hint": "make one" } });
        let viewer = json!({ "role": "viewer", "principal": "ann" });
        let editor = json!({ "role": "editor", "principal": "ann" });
        let mlflow = json!({});
        let check = |status, said| check("http://host", status, said);
        let told = check(StatusCode::UNAUTHORIZED, &denied).unwrap_err();
        assert_eq!(
            told.to_string(),
            "http://host would record nothing: the token is unknown"
        );
        assert!(check(StatusCode::OK, &viewer).is_err());
        assert!(check(StatusCode::OK, &editor).is_ok());
        assert!(check(StatusCode::NOT_FOUND, &mlflow).is_ok());
    }
}
