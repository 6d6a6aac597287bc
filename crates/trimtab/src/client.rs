//! How commands talk to a server.

use std::{env, fs, path::Path};

use anyhow::Context as _;
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use trimtab_edge_api::{desired::Desired, wire::ErrorBody};

use crate::told::{Exit, Told};

/// Where a server is when nobody says otherwise.
const DEFAULT: &str = "http://127.0.0.1:5000";

/// A client of one server.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
    workspace: Option<String>,
}

impl Client {
    /// A client of the server at [`address`].
    pub(crate) fn new(server: Option<&str>, workspace: Option<&str>) -> anyhow::Result<Self> {
        let url = address(server)?;
        let builder = reqwest::Client::builder();
        // No proxy leads to this machine; one that the environment names for the world would be asked all the same.
        let builder = if is_loopback(&url) {
            builder.no_proxy()
        } else {
            builder
        };
        let http = builder
            .tcp_nodelay(true)
            .connect_timeout(std::time::Duration::from_secs(10))
            .user_agent(concat!("trimtab/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("the HTTP client cannot be set up")?;
        Ok(Self {
            http,
            url,
            workspace: workspace.map(str::to_owned),
        })
    }

    /// The server's address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A GET below `/api/v1`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.json(self.request(Method::GET, path)).await
    }

    /// A POST of JSON below `/api/v1`.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        self.json(self.request(Method::POST, path).json(body)).await
    }

    /// A POST of bytes below `/api/v1`.
    pub(crate) async fn post_bytes<T: DeserializeOwned>(
        &self,
        path: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<T> {
        self.json(self.request(Method::POST, path).body(body)).await
    }

    /// A DELETE below `/api/v1`.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.json(self.request(Method::DELETE, path)).await
    }

    /// The bytes of a GET below `/api/v1`.
    pub(crate) async fn bytes(&self, path: &str) -> anyhow::Result<bytes::Bytes> {
        let response = self.send(self.request(Method::GET, path)).await?;
        response
            .bytes()
            .await
            .with_context(|| format!("the answer of {} broke off", self.url))
    }

    /// The answer of a GET below `/api/v1`, its body still to be read.
    pub(crate) async fn response(&self, path: &str) -> anyhow::Result<Response> {
        self.send(self.request(Method::GET, path)).await
    }

    /// A POST of JSON below MLflow's `/api/2.0/mlflow`.
    pub(crate) async fn mlflow(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<serde_json::Value> {
        let path = format!("api/2.0/mlflow/{path}");
        self.json(self.request_at(Method::POST, &path).json(body))
            .await
    }

    /// A GET below MLflow's `/api/2.0/mlflow`.
    pub(crate) async fn mlflow_get(&self, path: &str) -> anyhow::Result<serde_json::Value> {
        self.json(self.request_at(Method::GET, &format!("api/2.0/mlflow/{path}")))
            .await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_at(method, &format!("api/v1/{path}"))
    }

    fn request_at(&self, method: Method, path: &str) -> RequestBuilder {
        let mut request = self.http.request(method, format!("{}/{path}", self.url));
        if let Some(token) = token() {
            request = request.bearer_auth(token);
        }
        if let Some(workspace) = &self.workspace {
            request = request.header("x-trimtab-workspace", workspace);
        }
        request
    }

    async fn json<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        let response = self.send(request).await?;
        response
            .json()
            .await
            .with_context(|| format!("{} does not answer as a Trimtab server does", self.url))
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        let response = request.send().await.map_err(|error| {
            let cause = std::error::Error::source(&error).map_or_else(
                || error.to_string(),
                |source| {
                    let mut source = source;
                    while let Some(inner) = source.source() {
                        source = inner;
                    }
                    source.to_string()
                },
            );
            Told::new(
                Exit::Unreachable,
                format!("the server at {} cannot be reached: {cause}", self.url),
            )
            .hint("start one with `trimtab server`, or name another with `--server URL`")
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(refusal(&self.url, response).await)
    }
}

async fn refusal(url: &str, response: Response) -> anyhow::Error {
    let status = response.status();
    let text = response.text().await.unwrap_or_default();
    let exit = if status.is_server_error() {
        Exit::Failed
    } else {
        Exit::Refused
    };
    match serde_json::from_str::<ErrorBody>(&text) {
        Ok(body) => {
            let told = Told::new(exit, body.error.message);
            match body.error.hint {
                Some(hint) => told.hint(hint).into(),
                None => told.into(),
            }
        }
        Err(_) if text.contains("\"error_code\"") => {
            let said: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            let message = said["message"].as_str().unwrap_or(&text);
            Told::new(exit, message).into()
        }
        Err(_) if status == StatusCode::NOT_FOUND => Told::new(
            exit,
            format!("{url} does not answer as a Trimtab server does (404)"),
        )
        .hint("name the right server with `--server URL`")
        .into(),
        Err(_) => Told::new(exit, format!("the server at {url} answered {status}")).into(),
    }
}

/// The server that a command talks to, or that a recorded one logs to.
pub(crate) fn address(server: Option<&str>) -> anyhow::Result<String> {
    let url = named(server).unwrap_or_else(|| DEFAULT.to_owned());
    if url.starts_with("http://") || url.starts_with("https://") {
        return Ok(url);
    }
    let scheme = url.split("://").next().unwrap_or_default();
    Err(Told::new(
        Exit::Usage,
        format!("a server is not reached by `{scheme}://`"),
    )
    .hint("its address begins with http:// or https://, such as http://127.0.0.1:5000")
    .into())
}

/// The server that `--server`, TRIMTAB_SERVER, MLFLOW_TRACKING_URI or `server:` of trimtab.yaml names, in this order.
pub(crate) fn named(server: Option<&str>) -> Option<String> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let of_mlflow = || variable("MLFLOW_TRACKING_URI").filter(|uri| uri.starts_with("http"));
    let url = server
        .map(str::to_owned)
        .or_else(|| variable("TRIMTAB_SERVER"))
        .or_else(of_mlflow)
        .or_else(of_project)?;
    Some(with_scheme(url).trim_end_matches('/').to_owned())
}

/// `localhost:5000` is an address that people type.
fn with_scheme(url: String) -> String {
    if url.contains("://") {
        url
    } else {
        format!("http://{url}")
    }
}

fn of_project() -> Option<String> {
    let file = Path::new("trimtab.yaml");
    let text = fs::read_to_string(file).ok()?;
    Desired::parse("trimtab.yaml", &text).ok()?.server
}

pub(crate) fn is_loopback(url: &str) -> bool {
    let Ok(url) = url::Url::parse(url) else {
        return false;
    };
    match url.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

pub(crate) fn token() -> Option<String> {
    ["TRIMTAB_TOKEN", "MLFLOW_TRACKING_TOKEN"]
        .iter()
        .find_map(|name| env::var(name).ok())
        .filter(|token| !token.is_empty())
}

/// A piece of a path, with everything odd encoded.
pub(crate) fn segment(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
