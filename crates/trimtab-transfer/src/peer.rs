//! A server at the other end of HTTP.

use std::error::Error;

use futures::StreamExt as _;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{Method, RequestBuilder, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::TransferError;

/// What stays as it is in a path: everything but what would end or change it.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|');

/// How often a request that may be sent again is sent.
const TRIES: u32 = 4;

/// A Trimtab or MLflow server.
#[derive(Debug, Clone)]
pub struct Peer {
    http: reqwest::Client,
    url: String,
    auth: Auth,
    workspace: Option<(&'static str, String)>,
}

/// How to say who asks.
#[derive(Debug, Clone, Default)]
enum Auth {
    #[default]
    None,
    Bearer(String),
    Basic(String, String),
}

fn client(url: &str) -> Result<reqwest::Client, TransferError> {
    reqwest::Client::builder()
        .connect_timeout(std::time::Duration::from_secs(10))
        .read_timeout(std::time::Duration::from_mins(5))
        .user_agent(concat!("trimtab/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| TransferError::Unreachable {
            url: url.to_owned(),
            cause: error.to_string(),
        })
}

fn base(url: &str) -> String {
    url.trim_end_matches('/').to_owned()
}

impl Peer {
    /// A Trimtab server, with its token, and the workspace to act in.
    pub fn trimtab(
        url: &str,
        token: Option<String>,
        workspace: Option<String>,
    ) -> Result<Self, TransferError> {
        Ok(Self {
            http: client(url)?,
            url: base(url),
            auth: token.map_or(Auth::None, Auth::Bearer),
            workspace: workspace.map(|name| ("x-trimtab-workspace", name)),
        })
    }

    /// An MLflow server; `http://user:password@host` signs in by Basic, a token by Bearer.
    pub fn mlflow(url: &str, token: Option<String>) -> Result<Self, TransferError> {
        let (mut url, mut auth) = (base(url), token.map_or(Auth::None, Auth::Bearer));
        if let Some((scheme, rest)) = url.split_once("://")
            && let Some((user, host)) = rest.split_once('@')
            && !user.contains('/')
        {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            auth = Auth::Basic(decode(name), decode(password));
            url = format!("{scheme}://{host}");
        }
        Ok(Self {
            http: client(&url)?,
            url,
            auth,
            workspace: None,
        })
    }

    /// Its address, without secrets.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        request = match &self.auth {
            Auth::None => request,
            Auth::Bearer(token) => request.bearer_auth(token),
            Auth::Basic(user, password) => request.basic_auth(user, Some(password)),
        };
        if let Some((header, name)) = &self.workspace {
            request = request.header(*header, name);
        }
        request
    }

    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, TransferError> {
        let response = request
            .send()
            .await
            .map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let message = body["error"]["message"]
            .as_str()
            .or(body["message"].as_str())
            .map_or_else(|| text.chars().take(300).collect(), str::to_owned);
        Err(TransferError::Refused {
            url: self.url.clone(),
            status: status.as_u16(),
            message,
        })
    }

    fn unreachable(&self, error: &reqwest::Error) -> TransferError {
        let mut cause: &dyn Error = error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        TransferError::Unreachable {
            url: self.url.clone(),
            cause: cause.to_string(),
        }
    }

    /// Sends what may be sent again: a server that is busy or away for a moment is asked again.
    async fn patiently(&self, request: RequestBuilder) -> Result<Response, TransferError> {
        let mut tried = 1;
        loop {
            let Some(again) = request.try_clone() else {
                return self.send(request).await;
            };
            match self.send(again).await {
                Err(TransferError::Refused {
                    status: 429 | 502..=504,
                    ..
                }) if tried < TRIES => {
                    let wait = std::time::Duration::from_millis(250 << tried);
                    tokio::time::sleep(wait).await;
                    tried += 1;
                }
                answer => return answer,
            }
        }
    }

    async fn decode<T: DeserializeOwned>(&self, response: Response) -> Result<T, TransferError> {
        let bytes = response
            .bytes()
            .await
            .map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| TransferError::Answer {
            url: self.url.clone(),
            message: error.to_string(),
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, TransferError> {
        let request = self.request(Method::GET, path).query(query);
        let response = self.patiently(request).await?;
        self.decode(response).await
    }

    pub(crate) async fn ask<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, TransferError> {
        let request = self.request(Method::POST, path).json(body);
        let response = self.patiently(request).await?;
        self.decode(response).await
    }

    /// Sends what makes something: once.
    pub(crate) async fn make(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Value, TransferError> {
        let response = self.send(self.request(method, path).json(body)).await?;
        self.decode(response).await
    }

    /// The bytes of an answer, as they come.
    pub(crate) async fn bytes(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<
        impl futures::Stream<Item = Result<bytes::Bytes, std::io::Error>> + Send + 'static,
        TransferError,
    > {
        let request = self.request(Method::GET, path).query(query);
        let response = self.patiently(request).await?;
        Ok(response
            .bytes_stream()
            .map(|part| part.map_err(std::io::Error::other)))
    }

    /// Stores bytes as they come.
    pub(crate) async fn put<S>(&self, path: &str, stream: S) -> Result<Response, TransferError>
    where
        S: futures::Stream<Item = Result<bytes::Bytes, std::io::Error>> + Send + 'static,
    {
        let body = reqwest::Body::wrap_stream(stream);
        self.send(self.request(Method::PUT, path).body(body)).await
    }
}

/// A path of names, each encoded, with the slashes kept.
pub(crate) fn path_text(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
