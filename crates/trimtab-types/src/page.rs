//! Keyset paging: a page knows where the next one begins; no list is unbounded and none uses an offset.

use serde::{Serialize, de::DeserializeOwned};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order that was asked for.
    pub items: Vec<T>,
    /// Where the next page begins; `None` when this is the last.
    pub next: Option<PageToken>,
}

impl<T> Page<T> {
    /// The last (or only) page.
    pub fn last(items: Vec<T>) -> Self {
        Self { items, next: None }
    }

    /// The same page with every item converted.
    pub fn map<U>(self, convert: impl FnMut(T) -> U) -> Page<U> {
        Page {
            items: self.items.into_iter().map(convert).collect(),
            next: self.next,
        }
    }
}

/// An opaque cursor: the sort key of the last item, as hex of JSON so that it survives any URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(String);

/// The token was not made by this server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid page token")]
pub struct PageTokenError;

impl PageToken {
    /// The token that stands for a sort key.
    pub fn encode(key: &impl Serialize) -> Self {
        let json = serde_json::to_vec(key).unwrap_or_default();
        Self(
            json.iter()
                .fold(String::with_capacity(json.len() * 2), |mut text, byte| {
                    for nibble in [byte >> 4, byte & 15] {
                        text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
                    }
                    text
                }),
        )
    }

    /// A token as a caller gave it back; whether it is one of ours shows when it is decoded.
    pub fn given(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The sort key that a caller's token stands for.
    pub fn decode<K: DeserializeOwned>(text: &str) -> Result<K, PageTokenError> {
        if !text.is_ascii() || text.len() % 2 == 1 {
            return Err(PageTokenError);
        }
        let bytes: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16))
            .collect::<Result<_, _>>()
            .map_err(|_| PageTokenError)?;
        serde_json::from_slice(&bytes).map_err(|_| PageTokenError)
    }

    /// The text that goes to the caller.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_round_trip_and_garbage_is_refused() {
        let key = (17_i64, "é".to_owned());
        let token = PageToken::encode(&key);
        assert_eq!(PageToken::decode::<(i64, String)>(token.as_str()), Ok(key));
        for bad in ["x", "xx", "7b", "é"] {
            assert!(PageToken::decode::<(i64, String)>(bad).is_err());
        }
    }
}
