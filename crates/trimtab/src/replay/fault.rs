//! Faults that a replay can play into a history: `kind=unit,column=distance,from=2013-05-06,to=2013-05-13`.

use std::str::FromStr;

use trimtab_types::Time;

/// One statute mile in kilometres: what `unit` multiplies by unless `factor=` says otherwise.
const KILOMETRES_PER_MILE: f64 = 1.609_344;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FaultKind {
    /// A numeric column comes in another unit.
    Unit {
        /// What its values are multiplied by.
        factor: f64,
    },
    /// A column comes without values.
    Nulls,
    /// A column comes under another name.
    Rename {
        /// The other name.
        to: String,
    },
    /// A column repeats the first value of the span.
    Stuck,
    /// Two columns come under each other's name.
    Swap {
        /// The other column.
        with: String,
    },
    /// Labels that are 0 or 1 come flipped.
    Labels,
}

/// A fault with its span.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    /// What.
    pub(crate) kind: FaultKind,
    /// Which column (unused by `labels`).
    pub(crate) column: String,
    /// From this time on.
    pub(crate) from: Time,
    /// Before this time.
    pub(crate) to: Time,
}

impl Fault {
    /// Whether a row of this time is hit.
    pub(crate) fn hits(&self, time: Time) -> bool {
        self.from <= time && time < self.to
    }

    /// One line for the report.
    pub(crate) fn describe(&self) -> String {
        let what = match &self.kind {
            FaultKind::Unit { factor } => format!("`{}` comes multiplied by {factor}", self.column),
            FaultKind::Nulls => format!("`{}` comes without values", self.column),
            FaultKind::Rename { to } => format!("`{}` comes as `{to}`", self.column),
            FaultKind::Stuck => format!("`{}` is stuck at one value", self.column),
            FaultKind::Swap { with } => format!("`{}` and `{with}` are swapped", self.column),
            FaultKind::Labels => "labels come flipped".to_owned(),
        };
        format!("{what} from {} to {}", self.from, self.to)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const KEYS: &str = "kind, column, from, to, factor, with, name";
        let mut fields = std::collections::BTreeMap::new();
        for part in text.split(',') {
            let (key, value) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not key=value (keys: {KEYS})"))?;
            if !KEYS.split(", ").any(|known| known == key) {
                return Err(format!("unknown key `{key}` (keys: {KEYS})"));
            }
            if fields.insert(key, value).is_some() {
                return Err(format!("`{key}` is given twice"));
            }
        }
        let need = |key: &str| {
            fields
                .get(key)
                .copied()
                .ok_or_else(|| format!("`{key}=` is missing"))
        };
        let time = |key: &str| {
            need(key)?
                .parse::<Time>()
                .map_err(|error| error.to_string())
        };
        let (from, to) = (time("from")?, time("to")?);
        if from >= to {
            return Err("`from` must be before `to`".to_owned());
        }
        let kind = match need("kind")? {
            "unit" => {
                let factor = match fields.get("factor") {
                    None => KILOMETRES_PER_MILE,
                    Some(text) => text
                        .parse()
                        .map_err(|_| format!("`factor={text}` is not a number"))?,
                };
                FaultKind::Unit { factor }
            }
            "nulls" => FaultKind::Nulls,
            "rename" => {
                let column = need("column")?;
                let to = fields
                    .get("name")
                    .map_or_else(|| format!("{column}_renamed"), ToString::to_string);
                FaultKind::Rename { to }
            }
            "stuck" => FaultKind::Stuck,
            "swap" => FaultKind::Swap {
                with: need("with")?.to_owned(),
            },
            "labels" => FaultKind::Labels,
            other => {
                return Err(format!(
                    "unknown kind `{other}` (kinds: unit, nulls, rename, stuck, swap, labels)"
                ));
            }
        };
        let column = if kind == FaultKind::Labels {
            String::new()
        } else {
            need("column")?.to_owned()
        };
        Ok(Self {
            kind,
            column,
            from,
            to,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_mistakes_are_named() {
        let fault: Fault = "kind=unit,column=distance,from=2013-05-06,to=2013-05-13"
            .parse()
            .unwrap();
        assert_eq!(fault.kind, FaultKind::Unit { factor: 1.609_344 });
        assert!(fault.hits("2013-05-12T23:59:59Z".parse().unwrap()));
        assert!(!fault.hits("2013-05-13".parse().unwrap()));
        let labels = "kind=labels,from=2013-05-06,to=2013-05-13"
            .parse::<Fault>()
            .unwrap();
        assert_eq!(labels.column, "");
        for (bad, why) in [
            (
                "kind=unit,from=2013-05-06,to=2013-05-13",
                "`column=` is missing",
            ),
            (
                "kind=melt,column=a,from=2013-05-06,to=2013-05-13",
                "unknown kind `melt`",
            ),
            (
                "kind=nulls,column=a,from=2013-05-13,to=2013-05-06",
                "before",
            ),
            (
                "kind=nulls,colum=a,from=2013-05-13,to=2013-05-14",
                "unknown key `colum`",
            ),
            ("nulls", "not key=value"),
            (
                "kind=swap,column=a,from=2013-05-01,to=2013-05-06",
                "`with=` is missing",
            ),
        ] {
            let error = bad.parse::<Fault>().unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
