//! The score of a row: one number that guardrails, gates and monitors look at.

use trimtab_infer::{DataType, Signature, Tensor};

/// Names that exporters give to class probabilities.
const PROBABILITIES: [&str; 2] = ["probabilities", "output_probability"];

/// Which element of which output is the score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ScoreRule {
    output: usize,
    /// The column; the last when not given.
    column: Option<usize>,
}

impl ScoreRule {
    /// The rule for a model: the named output (`name` or `name.column`), else the last column of the class
    /// probabilities, else that of the first floating-point output. An unknown name is an error that lists outputs.
    pub(crate) fn of(signature: &Signature, named: Option<&str>) -> Result<Option<Self>, String> {
        let output = |name: &str| {
            signature
                .outputs
                .iter()
                .position(|output| output.name == name)
        };
        if let Some(named) = named {
            if let Some(output) = output(named) {
                return Ok(Some(Self {
                    output,
                    column: None,
                }));
            }
            let split = named.rsplit_once('.').and_then(|(name, column)| {
                Some(Self {
                    output: output(name)?,
                    column: Some(column.parse().ok()?),
                })
            });
            return split.map(Some).ok_or_else(|| {
                let known: Vec<&str> = signature.outputs.iter().map(|o| o.name.as_str()).collect();
                format!(
                    "the model has no output `{named}`; it has {}",
                    known.join(", ")
                )
            });
        }
        let is_float = |datatype| {
            matches!(
                datatype,
                DataType::Fp16 | DataType::Bf16 | DataType::Fp32 | DataType::Fp64
            )
        };
        let found = PROBABILITIES
            .iter()
            .find_map(|name| output(name))
            .or_else(|| {
                signature
                    .outputs
                    .iter()
                    .position(|output| is_float(output.datatype))
            });
        Ok(found.map(|output| Self {
            output,
            column: None,
        }))
    }

    /// The scores of `rows` rows; none where the output is not there or not finite.
    pub(crate) fn scores(rule: Option<&Self>, outputs: &[Tensor], rows: usize) -> Vec<Option<f64>> {
        let of = rule.and_then(|rule| Some((outputs.get(rule.output)?, rule.column)));
        let Some((tensor, column)) = of.filter(|(tensor, _)| tensor.rows() == rows) else {
            return vec![None; rows];
        };
        let width = tensor.width();
        let column = column.unwrap_or(width.saturating_sub(1));
        (0..rows)
            .map(|row| {
                (column < width)
                    .then(|| tensor.data().as_f64(row * width + column))
                    .flatten()
                    .filter(|score| score.is_finite())
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use trimtab_infer::TensorSpec;

    use super::*;

    #[test]
    fn the_score_is_found_by_name_then_by_custom() {
        let spec = |name: &str, datatype, shape: &[i64]| TensorSpec {
            name: name.to_owned(),
            datatype,
            shape: shape.to_vec(),
        };
        let signature = Signature {
            is_open: false,
            inputs: Vec::new(),
            outputs: vec![
                spec("label", DataType::Int64, &[-1]),
                spec("margin", DataType::Fp32, &[-1, 1]),
                spec("probabilities", DataType::Fp32, &[-1, 2]),
            ],
        };
        let outputs = [
            Tensor::new("label", vec![2], vec![0_i64, 1]).unwrap(),
            Tensor::new("margin", vec![2, 1], vec![-1.0_f32, f32::NAN]).unwrap(),
            Tensor::new("probabilities", vec![2, 2], vec![0.75_f32, 0.25, 0.5, 0.5]).unwrap(),
        ];
        let scores = |named| {
            ScoreRule::of(&signature, named)
                .map(|rule| ScoreRule::scores(rule.as_ref(), &outputs, 2))
        };
        assert_eq!(scores(None), Ok(vec![Some(0.25), Some(0.5)]));
        assert_eq!(scores(Some("margin")), Ok(vec![Some(-1.0), None]));
        assert_eq!(
            scores(Some("probabilities.0")),
            Ok(vec![Some(0.75), Some(0.5)])
        );
        assert_eq!(scores(Some("probabilities.9")), Ok(vec![None, None]));
        assert_eq!(
            scores(Some("proba")).unwrap_err(),
            "the model has no output `proba`; it has label, margin, probabilities"
        );
    }
}
