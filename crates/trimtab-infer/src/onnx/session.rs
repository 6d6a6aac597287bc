//! A model in ONNX Runtime: a pool of sessions, because one session runs one request at a time.

use std::{
    borrow::Cow,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, PoisonError},
};

use ort::{
    environment::Environment,
    session::{Session, SessionInputValue, builder::GraphOptimizationLevel},
};

use super::convert;
use crate::{Engine, InferError, Signature, Tensor};

/// A loaded model.
pub(super) struct OnnxEngine {
    path: PathBuf,
    environment: Environment,
    signature: Signature,
    pool: Mutex<Pool>,
    returned: Condvar,
}

/// Sessions of one model; grows on demand to one per core.
struct Pool {
    idle: Vec<Session>,
    open: usize,
    limit: usize,
}

impl OnnxEngine {
    pub(super) fn open(environment: &Environment, path: &Path) -> Result<Self, InferError> {
        if !path.is_file() {
            return Err(InferError::Model {
                path: path.to_owned(),
                source: "no such file".into(),
            });
        }
        let session = session(environment, path)?;
        let specs = |outlets: &[ort::value::Outlet]| {
            outlets
                .iter()
                .map(|outlet| convert::spec(outlet.name(), outlet.dtype()))
                .collect::<Result<Vec<_>, _>>()
        };
        let signature = specs(session.inputs())
            .and_then(|inputs| {
                let outputs = specs(session.outputs())?;
                Ok(Signature {
                    inputs,
                    outputs,
                    is_open: false,
                })
            })
            .map_err(|reason| InferError::Unsupported {
                path: path.to_owned(),
                reason,
                hint: "export the model so that every input and output is a tensor (skl2onnx: `options={'zipmap': False}`)".to_owned(),
            })?;
        let limit = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Ok(Self {
            path: path.to_owned(),
            environment: environment.clone(),
            signature,
            pool: Mutex::new(Pool {
                idle: vec![session],
                open: 1,
                limit,
            }),
            returned: Condvar::new(),
        })
    }

    /// An idle session, or a new one while there are fewer than cores, or the next that comes back.
    fn take(&self) -> Result<Session, InferError> {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(session) = pool.idle.pop() {
                return Ok(session);
            }
            if pool.open < pool.limit {
                pool.open += 1;
                break;
            }
            pool = self
                .returned
                .wait(pool)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(pool);
        session(&self.environment, &self.path).inspect_err(|_| self.forget())
    }

    fn give_back(&self, session: Session) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.idle.push(session);
        drop(pool);
        self.returned.notify_one();
    }

    /// A session that was counted will not come back: another may be opened in its place.
    fn forget(&self) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        pool.open -= 1;
        drop(pool);
        self.returned.notify_one();
    }
}

impl Engine for OnnxEngine {
    fn platform(&self) -> &'static str {
        "onnxruntime_onnx"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, InferError> {
        self.signature.check(inputs)?;
        let values: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = inputs
            .iter()
            .map(|tensor| Ok((Cow::Borrowed(tensor.name()), convert::input(tensor)?)))
            .collect::<Result<_, InferError>>()?;
        let mut session = self.take()?;
        let outputs = catch_unwind(AssertUnwindSafe(|| {
            let outputs = session.run(values).map_err(convert::run)?;
            self.signature
                .outputs
                .iter()
                .zip(outputs.values())
                .map(|(spec, value)| convert::output(&spec.name, &value))
                .collect::<Result<Vec<Tensor>, InferError>>()
        }));
        if let Ok(outputs) = outputs {
            self.give_back(session);
            outputs
        } else {
            // A session in an unknown state serves no one.
            self.forget();
            Err(InferError::Run {
                source: "the binding to ONNX Runtime panicked".into(),
            })
        }
    }
}

impl fmt::Debug for OnnxEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxEngine")
            .field("path", &self.path)
            .field("signature", &self.signature)
            .finish_non_exhaustive()
    }
}

fn session(environment: &Environment, path: &Path) -> Result<Session, InferError> {
    let open = || -> ort::Result<Session> {
        Session::builder(environment)?
            // One core per request: throughput comes from the pool, and spinning threads starve neighbours.
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(false)?
            .with_inter_op_spinning(false)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .commit_from_file(path)
    };
    // The binding asserts on types that it does not know.
    let opened = catch_unwind(AssertUnwindSafe(open));
    let source = match opened {
        Ok(Ok(session)) => return Ok(session),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "the model has an input or output of a type that is not known".to_owned(),
    };
    Err(InferError::Model {
        path: path.to_owned(),
        source: source.into(),
    })
}
