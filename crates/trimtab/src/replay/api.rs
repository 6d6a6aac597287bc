//! The few calls that a replay makes to its server, over HTTP like anybody's.

use anyhow::{Context, bail};
use reqwest::{Client, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: Client,
    url: String,
}

impl Api {
    /// A client of the server at this address, `http://127.0.0.1:5000`.
    pub(crate) fn new(url: &str) -> anyhow::Result<Self> {
        let http = Client::builder().tcp_nodelay(true).no_proxy().build()?;
        Ok(Self {
            http,
            url: url.trim_end_matches('/').to_owned(),
        })
    }

    /// A GET below `/api/v1` (or of an absolute path).
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        Self::send(self.http.get(self.at(path)), path).await
    }

    /// A POST of JSON below `/api/v1`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &Value,
    ) -> anyhow::Result<T> {
        Self::send(self.http.post(self.at(path)).json(body), path).await
    }

    /// A POST of bytes below `/api/v1`.
    pub(crate) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        let request = self
            .http
            .post(self.at(path))
            .header("content-type", content_type)
            .body(body);
        Self::send(request, path).await
    }

    /// A V2 inference request with binary tensors; answers its status and, for errors, what it said.
    pub(crate) async fn infer(
        &self,
        endpoint: &str,
        headers: &[(&str, String)],
        body: Vec<u8>,
    ) -> anyhow::Result<(u16, String)> {
        let mut request = self
            .http
            .post(format!("{}/v2/models/{endpoint}/infer", self.url))
            .body(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.context("the server does not answer")?;
        let status = response.status().as_u16();
        let bytes = response
            .bytes()
            .await
            .context("the server's answer broke off")?;
        let text = if status == 200 {
            String::new()
        } else {
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok((status, text))
    }

    fn at(&self, path: &str) -> String {
        if path.starts_with('/') {
            format!("{}{path}", self.url)
        } else {
            format!("{}/api/v1/{path}", self.url)
        }
    }

    async fn send<T: DeserializeOwned>(request: RequestBuilder, path: &str) -> anyhow::Result<T> {
        let response = request
            .send()
            .await
            .with_context(|| format!("{path}: the server does not answer"))?;
        let status = response.status();
        let bytes = response
            .bytes()
            .await
            .with_context(|| format!("{path}: the answer broke off"))?;
        if !status.is_success() {
            let error: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            let message = error["error"]["message"].as_str().map_or_else(
                || String::from_utf8_lossy(&bytes).into_owned(),
                str::to_owned,
            );
            let hint = error["error"]["hint"].as_str();
            let hint = hint.map_or_else(String::new, |hint| format!(" (hint: {hint})"));
            bail!("{path}: {message} ({}){hint}", status.as_u16());
        }
        serde_json::from_slice(&bytes)
            .with_context(|| format!("{path}: the answer is not what was expected"))
    }
}
