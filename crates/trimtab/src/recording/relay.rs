//! The relay: a server of MLflow's protocol on loopback that passes every request on to the real one, sees which runs
//! are made, and, when the real one cannot be reached, passes them to a spool.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, mpsc};
use trimtab_edge::Server;
use trimtab_record::Console;
use trimtab_telemetry::Tasks;
use trimtab_transfer::Begun;

use super::{Spool, permission};
use crate::{
    client,
    output::Output,
    told::{self, told},
};

/// The header of what we write ourselves, which is no doing of the process.
pub(super) const OURS: &str = "x-trimtab-recording";
/// Bodies up to here are held, so that they can be sent again; larger ones are files, and stream.
const HELD: usize = 16 << 20;
/// How long the relay waits between two tries.
const PAUSE: Duration = Duration::from_millis(250);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long requests in flight may take at the end.
const LAST: Duration = Duration::from_secs(10);
/// How many sightings may wait.
const SIGHTINGS: usize = 1_000;

/// How a relay works.
#[derive(Debug, Clone)]
pub(crate) struct RelayOptions {
    /// The server's address.
    pub(crate) server: String,
    /// The workspace, where one was said.
    pub(crate) workspace: Option<String>,
    /// The folder that has the spools.
    pub(crate) root: PathBuf,
    /// The session's id, which a spool is named by.
    pub(crate) id: String,
    /// How long a server may be away before the spool takes over.
    pub(crate) patience: Duration,
    /// What the process writes.
    pub(crate) console: Arc<Mutex<Console>>,
    /// Where people are told.
    pub(crate) output: Output,
}

/// What a client did with a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RunSeen {
    /// It began, or was resumed.
    Began {
        /// Its id.
        run: String,
        /// Its experiment.
        experiment: String,
        /// The run that it is part of.
        parent: Option<String>,
        /// How much the process had written to its console by then.
        console: u64,
    },
    /// It ended.
    Ended {
        /// Its id.
        run: String,
    },
}

/// A relay that runs.
#[derive(Debug)]
pub(crate) struct Relay {
    url: String,
    state: Arc<Relayed>,
    server: Server,
    tasks: Tasks,
}

#[derive(Debug)]
struct Relayed {
    http: reqwest::Client,
    options: RelayOptions,
    begun: Mutex<Begun>,
    spool: OnceCell<Spool>,
    seen: mpsc::Sender<RunSeen>,
    authority: String,
    /// What paths begin with. Other users of this machine reach loopback too, and must not act with our token.
    secret: String,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Relay {
    /// Starts a relay; what is seen of runs comes through the channel.
    pub(crate) async fn start(
        options: RelayOptions,
    ) -> anyhow::Result<(Self, mpsc::Receiver<RunSeen>)> {
        let listeners = trimtab_edge::bind("127.0.0.1:0")
            .await
            .map_err(|error| told(&error))?;
        let authority = listeners
            .first()
            .map(|listener| listener.address.to_string())
            .unwrap_or_default();
        let (sender, seen) = mpsc::channel(SIGHTINGS);
        let secret = format!("/{:032x}", rand::random::<u128>());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        // No proxy leads to this machine.
        let http = if client::is_loopback(&options.server) {
            http.no_proxy()
        } else {
            http
        };
        let state = Arc::new(Relayed {
            http: http.build()?,
            options,
            begun: Mutex::default(),
            spool: OnceCell::new(),
            seen: sender,
            authority: authority.clone(),
            secret: secret.clone(),
        });
        let tasks = Tasks::new();
        let router = Router::new().fallback(pass).with_state(Arc::clone(&state));
        let server = Server::start(listeners, router, &tasks);
        let relay = Self {
            url: format!("http://{authority}{secret}"),
            state,
            server,
            tasks,
        };
        Ok((relay, seen))
    }

    /// Its address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Whether the server answers; when not, the spool takes over at once. One that answers and would not let the caller
    /// record is an error: what the command does would be lost.
    pub(crate) async fn look(&self) -> anyhow::Result<()> {
        let options = &self.state.options;
        let url = format!("{}/api/v1/server", options.server);
        let mut request = self.state.http.get(url).timeout(CONNECT);
        if let Some(token) = client::token() {
            request = request.bearer_auth(token);
        }
        if let Some(workspace) = &options.workspace {
            request = request.header("x-trimtab-workspace", workspace);
        }
        let answer = match request.send().await {
            Ok(answer) if !is_away(answer.status()) => answer,
            Ok(_) | Err(_) => return self.state.spool().await.map(|_| ()),
        };
        let status = answer.status();
        let said: Value = answer.json().await.unwrap_or_default();
        Ok(permission::check(&options.server, status, &said)?)
    }

    /// The spool's folder, where it took over.
    pub(crate) fn spooled(&self) -> Option<PathBuf> {
        Some(self.state.spool.get()?.folder().to_owned())
    }

    /// Answers what is in flight, and ends.
    pub(crate) async fn close(self) {
        self.server.shutdown(LAST).await;
        self.tasks.shutdown(LAST).await;
        if let Some(state) = Arc::into_inner(self.state)
            && let Some(spool) = state.spool.into_inner()
        {
            spool.close().await;
        }
    }
}

/// What a proxy before a server that is away answers.
fn is_away(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// Headers that belong to one connection.
fn is_hop(name: &HeaderName) -> bool {
    *name == header::CONNECTION
        || *name == header::TRANSFER_ENCODING
        || *name == header::HOST
        || *name == header::TE
        || *name == header::UPGRADE
        || name.as_str() == "keep-alive"
        || name.as_str().starts_with("proxy-")
}

/// An error as MLflow's clients read it.
fn refusal(status: StatusCode, code: &str, message: &str) -> Response {
    let body = json!({ "error_code": code, "message": message });
    (status, axum::Json(body)).into_response()
}

fn unavailable(message: &str) -> Response {
    refusal(
        StatusCode::SERVICE_UNAVAILABLE,
        "TEMPORARILY_UNAVAILABLE",
        message,
    )
}

async fn pass(State(relay): State<Arc<Relayed>>, request: Request) -> Response {
    // A page in a browser can reach loopback too.
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    let port = relay.authority.rsplit(':').next().unwrap_or_default();
    let is_ours =
        host.is_some_and(|host| host == relay.authority || host == format!("localhost:{port}"));
    let path = request
        .uri()
        .path_and_query()
        .and_then(|path| path.as_str().strip_prefix(&relay.secret))
        .and_then(|path| path.parse::<http::uri::PathAndQuery>().ok());
    let Some(path) = path.filter(|_| is_ours && !request.headers().contains_key(header::ORIGIN))
    else {
        return refusal(
            StatusCode::FORBIDDEN,
            "PERMISSION_DENIED",
            "this address is for the process that `trimtab run` started",
        );
    };
    let (mut head, body) = request.into_parts();
    head.uri = path.into();
    let length = head
        .headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let is_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/json"));
    let is_small = length.map_or(is_json || head.method == Method::GET, |length| {
        length <= HELD
    });
    if is_small {
        let Ok(body) = axum::body::to_bytes(body, HELD).await else {
            return refusal(
                StatusCode::PAYLOAD_TOO_LARGE,
                "BAD_REQUEST",
                "the request is too large",
            );
        };
        relay.held(&head, body).await
    } else {
        relay.streamed(&head, body).await
    }
}

impl Relayed {
    /// The spool, which takes over for good when it is first asked for.
    async fn spool(&self) -> anyhow::Result<&Spool> {
        self.spool
            .get_or_try_init(|| async {
                let options = &self.options;
                let begun = locked(&self.begun).clone();
                let spool = Spool::begin(
                    &options.root,
                    &options.id,
                    &options.server,
                    options.workspace.as_deref(),
                    &begun,
                )
                .await?;
                options.output.note(&format!(
                    "trimtab: the server at {} cannot be reached; this run is spooled in {}",
                    options.server,
                    spool.folder().display()
                ));
                Ok(spool)
            })
            .await
    }

    fn request(&self, base: &str, head: &http::request::Parts) -> reqwest::RequestBuilder {
        let path = head
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        let is_server = base == self.options.server;
        let headers: HeaderMap = head
            .headers
            .iter()
            .filter(|(name, _)| {
                // A spool knows no token.
                let is_for_it = is_server || **name != header::AUTHORIZATION;
                !is_hop(name) && name.as_str() != OURS && is_for_it
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut request = self
            .http
            .request(head.method.clone(), format!("{base}{path}"))
            .headers(headers);
        if let Some(workspace) = self.options.workspace.as_ref().filter(|_| is_server) {
            request = request.header("x-trimtab-workspace", workspace);
        }
        if !head.headers.contains_key(header::AUTHORIZATION)
            && is_server
            && let Some(token) = crate::client::token()
        {
            request = request.bearer_auth(token);
        }
        request
    }

    /// A request that can be sent again.
    async fn held(&self, head: &http::request::Parts, body: Bytes) -> Response {
        let mut until = None;
        while self.spool.get().is_none() {
            let sent = self
                .request(&self.options.server, head)
                .body(body.clone())
                .send()
                .await;
            match sent {
                Ok(answer) if !is_away(answer.status()) => {
                    return self.answer(head, &body, answer, true).await;
                }
                // What was sent may have arrived, so only what changes nothing the second time is sent again.
                Err(error) if !error.is_connect() && !is_repeatable(head) => {
                    return unavailable(&format!(
                        "the server at {} broke off: {error}",
                        self.options.server
                    ));
                }
                Ok(_) | Err(_) => {}
            }
            let now = tokio::time::Instant::now();
            if now >= *until.get_or_insert(now + self.options.patience) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        let spool = match self.spool().await {
            Ok(spool) => spool,
            Err(error) => return unavailable(&told::explain(&error).0),
        };
        match self
            .request(spool.url(), head)
            .body(body.clone())
            .send()
            .await
        {
            Ok(answer) => self.answer(head, &body, answer, false).await,
            Err(error) => unavailable(&format!("the spool does not answer: {error}")),
        }
    }

    /// A file on its way. When the server goes away, the client sends it again.
    async fn streamed(&self, head: &http::request::Parts, body: Body) -> Response {
        let base = match self.spool.get() {
            Some(spool) => spool.url(),
            None => &self.options.server,
        };
        let body = reqwest::Body::wrap_stream(body.into_data_stream());
        let sent = self.request(base, head).body(body).send().await;
        match sent {
            Ok(answer) if !is_away(answer.status()) => stream(answer),
            Ok(_) | Err(_) => {
                let until = tokio::time::Instant::now() + self.options.patience;
                while self.spool.get().is_none() && !self.is_there().await {
                    if tokio::time::Instant::now() >= until {
                        if let Err(error) = self.spool().await {
                            return unavailable(&told::explain(&error).0);
                        }
                        break;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                unavailable("the server was away while the file was sent; send it again")
            }
        }
    }

    async fn is_there(&self) -> bool {
        let url = format!("{}/version", self.options.server);
        let answer = self.http.get(url).timeout(CONNECT).send().await;
        answer.is_ok_and(|answer| !is_away(answer.status()))
    }

    /// Passes an answer back, after a look at those that tell of runs.
    async fn answer(
        &self,
        head: &http::request::Parts,
        body: &Bytes,
        answer: reqwest::Response,
        is_server: bool,
    ) -> Response {
        let Some(told) = Tells::of(head) else {
            return stream(answer);
        };
        let (status, headers) = (answer.status(), answer.headers().clone());
        let content = match answer.bytes().await {
            Ok(content) => content,
            Err(error) => return unavailable(&format!("the answer broke off: {error}")),
        };
        if status.is_success()
            && let Ok(said) = serde_json::from_slice::<Value>(&content)
        {
            let asked = serde_json::from_slice(body).unwrap_or_default();
            self.look_at(head, told, &asked, &said, is_server).await;
        }
        let mut response = Response::new(Body::from(content));
        *response.status_mut() = status;
        copy_headers(&headers, response.headers_mut());
        response
    }

    async fn look_at(
        &self,
        head: &http::request::Parts,
        told: Tells,
        asked: &Value,
        said: &Value,
        is_server: bool,
    ) {
        let run = &said["run"];
        let is_ours = head.headers.contains_key(OURS);
        if is_server {
            let resumed = json!({ "info": said["run_info"] });
            let run = if told == Tells::RunUpdated {
                &resumed
            } else {
                run
            };
            // A run that is over is only looked at.
            if run["info"]["status"] == "RUNNING" {
                self.note_experiment(&run["info"]["experiment_id"]).await;
                locked(&self.begun).run(run);
            } else if told == Tells::LoggedModel {
                locked(&self.begun).logged_model(&said["model"]);
            }
        }
        if is_ours {
            return;
        }
        let console = locked(&self.options.console).written();
        let sighting = match told {
            Tells::RunCreated => RunSeen::Began {
                run: text(&run["info"]["run_id"]),
                experiment: text(&run["info"]["experiment_id"]),
                console,
                parent: run["data"]["tags"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .find(|tag| tag["key"] == "mlflow.parentRunId")
                    .map(|tag| text(&tag["value"])),
            },
            Tells::RunUpdated if asked["status"] == "RUNNING" => RunSeen::Began {
                run: text(&said["run_info"]["run_id"]),
                experiment: text(&said["run_info"]["experiment_id"]),
                console,
                parent: None,
            },
            Tells::RunUpdated if asked["end_time"].is_number() || asked["end_time"].is_string() => {
                RunSeen::Ended {
                    run: text(&said["run_info"]["run_id"]),
                }
            }
            Tells::RunUpdated | Tells::RunGot | Tells::LoggedModel => return,
        };
        // Whoever listened has ended: nobody is left to tell.
        let _ = self.seen.send(sighting).await;
    }

    /// A spool that takes over must know the run's experiment.
    async fn note_experiment(&self, id: &Value) {
        let id = text(id);
        let is_known = id
            .parse()
            .is_ok_and(|number| locked(&self.begun).has_experiment(number));
        if is_known {
            return;
        }
        let url = format!(
            "{}/api/2.0/mlflow/experiments/get?experiment_id={id}",
            self.options.server
        );
        let mut request = self.http.get(url).timeout(CONNECT);
        if let Some(token) = crate::client::token() {
            request = request.bearer_auth(token);
        }
        if let Some(workspace) = &self.options.workspace {
            request = request.header("x-trimtab-workspace", workspace);
        }
        let answer = match request.send().await {
            Ok(answer) => answer.json::<Value>().await,
            Err(error) => Err(error),
        };
        if let Ok(answer) = answer
            && answer["experiment"].is_object()
        {
            locked(&self.begun).experiment(&answer["experiment"]);
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Answers that tell of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tells {
    RunCreated,
    RunGot,
    RunUpdated,
    LoggedModel,
}

impl Tells {
    fn of(head: &http::request::Parts) -> Option<Self> {
        let path = head.uri.path();
        let rest = path
            .strip_prefix("/api/2.0/mlflow/")
            .or_else(|| path.strip_prefix("/ajax-api/2.0/mlflow/"))?;
        match (head.method.as_str(), rest) {
            ("POST", "runs/create") => Some(Self::RunCreated),
            ("GET", "runs/get") => Some(Self::RunGot),
            ("POST", "runs/update") => Some(Self::RunUpdated),
            ("POST", "logged-models") => Some(Self::LoggedModel),
            ("PATCH", rest) if rest.starts_with("logged-models/") => Some(Self::LoggedModel),
            _ => None,
        }
    }
}

/// Whether a request does the same once and twice.
fn is_repeatable(head: &http::request::Parts) -> bool {
    let path = head.uri.path();
    let makes = head.method == Method::POST
        && (path.ends_with("/create") || path.ends_with("/logged-models"));
    !makes
}

fn stream(answer: reqwest::Response) -> Response {
    let (status, headers) = (answer.status(), answer.headers().clone());
    let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
    *response.status_mut() = status;
    copy_headers(&headers, response.headers_mut());
    response
}

fn copy_headers(from: &HeaderMap, to: &mut HeaderMap) {
    for (name, value) in from {
        if !is_hop(name) {
            to.append(name.clone(), value.clone());
        }
    }
}
