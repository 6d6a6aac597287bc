//! One call of a webhook: signed, bounded in time, to an address of the internet.

use std::time::Duration;

use base64::Engine as _;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use trimtab_types::{Secret, Time};
use url::Url;

use super::{WebhookPolicy, Webhooks, address};
use crate::RegistryError;

/// How long a call may take, and how long the connection.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// How much of an answer is read.
const ANSWER: usize = 4 << 10;

/// What is sent, and under which id: the same for every attempt, so that the receiver can tell a repetition.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) url: &'a str,
    pub(crate) secret: Option<&'a Secret<String>>,
    pub(crate) id: &'a str,
    pub(crate) body: &'a str,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The receiver answered.
    Answered {
        status: u16,
        body: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// There was no answer; another attempt may bring one.
    Unreachable(String),
    /// It must not be called.
    Refused(String),
}

impl Outcome {
    pub(crate) fn is_success(&self) -> bool {
        matches!(self, Self::Answered { status, .. } if (200..300).contains(status))
    }

    /// Whether another attempt could end otherwise.
    pub(crate) fn may_be_repeated(&self) -> bool {
        match self {
            Self::Answered { status, .. } => matches!(status, 429 | 500 | 502 | 503 | 504),
            Self::Unreachable(_) => true,
            Self::Refused(_) => false,
        }
    }

    pub(crate) fn error(&self) -> Option<String> {
        match self {
            Self::Answered { status, .. } if (300..400).contains(status) => Some(format!(
                "the receiver answered {status}: redirects are not followed"
            )),
            Self::Answered { status, .. } if *status >= 400 => {
                Some(format!("the receiver answered {status}"))
            }
            Self::Answered { .. } => None,
            Self::Unreachable(why) | Self::Refused(why) => Some(why.clone()),
        }
    }
}

impl Webhooks {
    fn client(&self) -> Result<&reqwest::Client, RegistryError> {
        if let Some(client) = self.0.client.get() {
            return Ok(client);
        }
        let client = builder(self.0.policy)
            .build()
            .map_err(RegistryError::WebhookClient)?;
        Ok(self.0.client.get_or_init(|| client))
    }

    /// Makes one attempt.
    pub(crate) async fn send(
        &self,
        letter: &Letter<'_>,
        now: Time,
    ) -> Result<Outcome, RegistryError> {
        let client = self.client()?;
        let Ok(url) = Url::parse(letter.url) else {
            return Ok(Outcome::Refused(
                "the webhook's URL cannot be read".to_owned(),
            ));
        };
        // A host that is an address is connected to without a look-up: it is judged here.
        if !self.0.policy.allow_private
            && let Err(private) = address::literal(&url)
        {
            return Ok(Outcome::Refused(private.to_string()));
        }
        let timestamp = (now.as_micros() / 1_000_000).to_string();
        let mut request = client
            .post(url)
            .header("content-type", "application/json")
            .header("x-mlflow-delivery-id", letter.id)
            .header("x-mlflow-timestamp", &timestamp)
            .body(letter.body.to_owned());
        if let Some(secret) = letter.secret {
            let signature = signature(secret.reveal(), letter.id, &timestamp, letter.body);
            request = request.header("x-mlflow-signature", signature);
        }
        Ok(match request.send().await {
            Ok(response) => answer(response).await,
            Err(error) => failed(&error),
        })
    }
}

fn builder(policy: WebhookPolicy) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("trimtab/", env!("CARGO_PKG_VERSION")))
        .timeout(CALL)
        .connect_timeout(CONNECT)
        // A proxy would be what is connected to, and a redirect a second target that nobody judged.
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0);
    if policy.allow_private {
        builder
    } else {
        builder.dns_resolver(std::sync::Arc::new(address::PublicOnly))
    }
}

/// `v1,` and the HMAC-SHA256 of `id.timestamp.body`, in base64.
fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    // Any length of key will do for HMAC; there is no error to tell.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    for part in [id, ".", timestamp, ".", body] {
        mac.update(part.as_bytes());
    }
    let code = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    format!("v1,{code}")
}

async fn answer(mut response: reqwest::Response) -> Outcome {
    let status = response.status().as_u16();
    let retry_after = response
        .headers()
        .get("retry-after")
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    let mut body = Vec::new();
    // What cannot be read of an answer takes nothing from its status.
    while body.len() < ANSWER
        && let Ok(Some(chunk)) = response.chunk().await
    {
        let rest = ANSWER - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(rest)]);
    }
    Outcome::Answered {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        retry_after,
    }
}

fn failed(error: &reqwest::Error) -> Outcome {
    let mut cause = std::error::Error::source(error);
    let mut last = None;
    while let Some(inner) = cause {
        if let Some(private) = inner.downcast_ref::<address::Private>() {
            return Outcome::Refused(private.to_string());
        }
        last = Some(inner.to_string());
        cause = inner.source();
    }
    let why = if error.is_timeout() {
        "the receiver did not answer in time".to_owned()
    } else if error.is_connect() {
        format!("no connection: {}", last.unwrap_or_default())
    } else {
        "the call broke off".to_owned()
    };
    Outcome::Unreachable(why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_mlflows() {
        // Python: base64(hmac(b"s3cret", b"id.1700000000.{}", sha256)).
        assert_eq!(
            signature("s3cret", "id", "1700000000", "{}"),
            "v1,E1jT1gXbthS5zn30uBh7ToafsgF7EE2I1cmPPlN15rY="
        );
    }

    #[test]
    fn what_may_be_repeated() {
        let answered = |status| Outcome::Answered {
            status,
            body: String::new(),
            retry_after: None,
        };
        for (status, success, again) in [
            (200, true, false),
            (204, true, false),
            (302, false, false),
            (400, false, false),
            (404, false, false),
            (429, false, true),
            (500, false, true),
            (501, false, false),
            (502, false, true),
            (503, false, true),
            (504, false, true),
        ] {
            let outcome = answered(status);
            assert_eq!(
                (outcome.is_success(), outcome.may_be_repeated()),
                (success, again),
                "{status}"
            );
            assert_eq!(outcome.error().is_none(), success, "{status}");
        }
        assert!(Outcome::Unreachable(String::new()).may_be_repeated());
        assert!(!Outcome::Refused(String::new()).may_be_repeated());
    }
}
