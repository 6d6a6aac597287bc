//! What a JSON parser says, without the names of our types.

/// What is wrong with a body, for a person: a parser's message names the type that it was filling, and nobody outside
/// knows that name.
pub fn json_reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    for kind in ["tuple struct ", "struct ", "enum "] {
        let Some((before, after)) = said.split_once(&format!("expected {kind}")) else {
            continue;
        };
        let after = after.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_');
        let after = match after.strip_prefix(" with ") {
            Some(counted) => counted
                .split_once("element")
                .map_or(after, |(_, rest)| rest.strip_prefix('s').unwrap_or(rest)),
            None => after,
        };
        return format!("{before}expected an object{after}");
    }
    said
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::json_reason;

    #[test]
    fn no_type_of_ours_is_named() {
        let said = |text: &str| json_reason(&serde_json::from_str::<Duration>(text).unwrap_err());
        assert_eq!(
            said("3"),
            "invalid type: integer `3`, expected an object at line 1 column 1"
        );
        assert_eq!(
            said("[]"),
            "invalid length 0, expected an object at line 1 column 2"
        );
        assert_eq!(said("{}"), "missing field `secs` at line 1 column 2");
        assert!(said("{").starts_with("EOF while parsing an object"));
    }
}
