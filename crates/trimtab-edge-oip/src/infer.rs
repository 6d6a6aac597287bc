//! An inference request, whatever protocol it came in: what serving is asked, and which outputs go back.

use std::borrow::Cow;

use http::HeaderMap;
use trimtab_edge::Failure;
use trimtab_infer::Tensor;
use trimtab_serving::{PredictRequest, Prediction};
use trimtab_types::{Name, Scope, Time};

use crate::{
    Inference, binary, classify, context,
    memory::{Memory, Place},
};

/// More dimensions than any engine takes.
pub(crate) const MAX_RANK: usize = 64;

/// A decoded request.
#[derive(Debug, Default)]
pub(crate) struct InferRequest {
    pub(crate) id: Option<String>,
    pub(crate) inputs: Vec<Tensor>,
    pub(crate) row_keys: Option<Vec<String>>,
    pub(crate) event_time: Option<Time>,
    pub(crate) outputs: Outputs,
}

/// Which outputs the caller wants, and how.
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// In this order; all of them when it is empty.
    pub(crate) named: Vec<Output>,
    /// Whether outputs that say nothing else come in binary form.
    pub(crate) is_binary: bool,
}

/// One output that the caller wants.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) is_binary: Option<bool>,
    /// The caller wants so many of its largest values, as texts, in place of the tensor.
    pub(crate) classes: Option<usize>,
    /// The caller reads it in shared memory.
    pub(crate) place: Option<Place>,
}

/// An output as it goes back.
#[derive(Debug)]
pub(crate) struct Chosen<'p> {
    pub(crate) tensor: Cow<'p, Tensor>,
    pub(crate) form: Form<'p>,
}

/// How an output's values go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form<'p> {
    /// As JSON.
    Text,
    /// As bytes.
    Binary,
    /// They are in shared memory already.
    Shared(&'p Place),
}

impl Form<'_> {
    fn of(is_binary: bool) -> Self {
        if is_binary { Self::Binary } else { Self::Text }
    }
}

impl InferRequest {
    /// Asks serving; `headers` may carry what V2 has no field for. What to answer with stays with the caller.
    pub(crate) async fn predict(
        self,
        state: &Inference,
        scope: &Scope,
        name: &Name,
        version: Option<i64>,
        headers: &HeaderMap,
    ) -> Result<(Option<String>, Prediction, Outputs), Failure> {
        let mut request = PredictRequest {
            inputs: self.inputs,
            row_keys: self.row_keys,
            client_request_id: self.id.clone(),
            assignment_key: None,
            event_time: self.event_time,
            version,
        };
        context::take_headers(headers, &mut request)?;
        let prediction = state.serving.predict(scope, name, request).await?;
        state
            .traces
            .tell(scope, name, self.id.as_deref(), &prediction);
        self.outputs
            .share(&state.memory, scope, &prediction.outputs)?;
        Ok((self.id, prediction, self.outputs))
    }
}

impl Outputs {
    /// The outputs that the caller wants, in the caller's order.
    pub(crate) fn choose<'p>(&'p self, outputs: &'p [Tensor]) -> Result<Vec<Chosen<'p>>, Failure> {
        if self.named.is_empty() {
            return Ok(outputs
                .iter()
                .map(|tensor| Chosen {
                    tensor: Cow::Borrowed(tensor),
                    form: Form::of(self.is_binary),
                })
                .collect());
        }
        self.named
            .iter()
            .map(|output| {
                let tensor = output.find(outputs)?;
                Ok(Chosen {
                    tensor: match output.classes {
                        Some(classes) => Cow::Owned(classify::largest(tensor, classes)?),
                        None => Cow::Borrowed(tensor),
                    },
                    form: match &output.place {
                        Some(place) => Form::Shared(place),
                        None => Form::of(output.is_binary.unwrap_or(self.is_binary)),
                    },
                })
            })
            .collect()
    }
}

impl Outputs {
    /// Puts the outputs in place that the caller reads in shared memory.
    fn share(&self, memory: &Memory, scope: &Scope, outputs: &[Tensor]) -> Result<(), Failure> {
        for output in &self.named {
            if let Some(place) = &output.place {
                let data = output.find(outputs)?.data();
                let mut bytes = Vec::with_capacity(binary::length(data));
                binary::encode(data, &mut bytes);
                memory.write(scope, place, &bytes)?;
            }
        }
        Ok(())
    }
}

impl Output {
    /// Refuses what cannot be had together.
    pub(crate) fn check(self) -> Result<Self, Failure> {
        if self.classes.is_some() && self.place.is_some() {
            return Err(Failure::invalid(
                format!("outputs.{}", self.name),
                format!(
                    "output `{}`: classes cannot be put into shared memory",
                    self.name
                ),
            ));
        }
        Ok(self)
    }

    fn find<'p>(&self, outputs: &'p [Tensor]) -> Result<&'p Tensor, Failure> {
        let found = outputs.iter().find(|tensor| tensor.name() == self.name);
        found.ok_or_else(|| {
            let known: Vec<&str> = outputs.iter().map(Tensor::name).collect();
            Failure::invalid(
                "outputs",
                format!(
                    "the model has no output `{}`; it has {}",
                    self.name,
                    known.join(", ")
                ),
            )
        })
    }
}

/// A shape as protocols write it: every dimension 0 or more, and not too many of them.
pub(crate) fn shape(name: &str, dims: &[i64]) -> Result<Vec<usize>, Failure> {
    let refused = |reason: String| {
        Failure::invalid(
            format!("inputs.{name}"),
            format!("input `{name}`: {reason}"),
        )
    };
    if dims.len() > MAX_RANK {
        return Err(refused(format!(
            "it has {} dimensions, more than {MAX_RANK}",
            dims.len()
        )));
    }
    dims.iter()
        .map(|dim| {
            usize::try_from(*dim).map_err(|_| refused(format!("{dim} is no size of a dimension")))
        })
        .collect()
}
