//! `trimtab cost`: what recorded runs cost, by a file of prices.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Context;
use crate::{
    output,
    told::{Exit, Told},
};

/// Where prices are when nobody says otherwise.
const PRICES: &str = ".trimtab/prices.yaml";
/// Runs of one request.
const PAGE: u32 = 1_000;
const HOUR: f64 = 3_600.0;

/// Options of `trimtab cost`.
#[derive(Debug, Args)]
pub(crate) struct CostArgs {
    /// Only these runs.
    #[arg(value_name = "RUN", conflicts_with_all = ["experiment", "filter"])]
    pub(crate) runs: Vec<String>,
    /// Only runs of these experiments; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Vec<String>,
    /// Only runs that this filter finds, in the grammar of `mlflow.search_runs`.
    #[arg(long, value_name = "FILTER", default_value = "")]
    pub(crate) filter: String,
    /// The prices: currency, cpu_hour, memory_gibibyte_hour, gpu_hour by the GPU's name, hosts by their names.
    #[arg(long, value_name = "FILE", default_value = PRICES)]
    pub(crate) prices: PathBuf,
}

/// What an hour costs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Prices {
    currency: String,
    cpu_hour: Option<f64>,
    memory_gibibyte_hour: Option<f64>,
    gpu_hour: HashMap<String, f64>,
    /// Prices of single machines, by name; what they leave out is as for all.
    hosts: HashMap<String, Rates>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rates {
    cpu_hour: Option<f64>,
    memory_gibibyte_hour: Option<f64>,
    /// By the GPU's name; `default` is for all others.
    gpu_hour: HashMap<String, f64>,
}

/// What one run, or several, used, and what that cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
struct Cost {
    cpu_hours: f64,
    gpu_hours: f64,
    memory_gibibyte_hours: f64,
    cost: f64,
}

#[derive(Debug, Serialize)]
struct RunCost {
    run_id: String,
    name: String,
    experiment: String,
    host: Option<String>,
    gpu: Option<String>,
    /// `None`: nobody recorded what it used.
    #[serde(flatten)]
    cost: Option<Cost>,
}

#[derive(Debug, Default, Serialize)]
struct Total {
    runs: u64,
    /// Runs of which nobody knows what they used.
    runs_without_usage: u64,
    #[serde(flatten)]
    cost: Cost,
}

#[derive(Debug, Serialize)]
struct Answer {
    currency: String,
    runs: Vec<RunCost>,
    experiments: BTreeMap<String, Total>,
    total: Total,
}

pub(super) async fn run(context: &Context, args: CostArgs) -> anyhow::Result<()> {
    let prices = read(&args.prices)?;
    let experiments = experiments(context, &args.experiment).await?;
    let found = if args.runs.is_empty() {
        search(context, &experiments, &args.filter).await?
    } else {
        get(context, &args.runs).await?
    };
    let mut answer = Answer {
        currency: prices.currency.clone(),
        runs: Vec::new(),
        experiments: BTreeMap::new(),
        total: Total::default(),
    };
    for run in &found {
        let run = of_run(run, &experiments, &prices)?;
        let of_experiment = answer
            .experiments
            .entry(run.experiment.clone())
            .or_default();
        of_experiment.add(run.cost.as_ref());
        answer.total.add(run.cost.as_ref());
        answer.runs.push(run);
    }
    context.output.answer(&answer, || describe(&answer))
}

impl Total {
    fn add(&mut self, cost: Option<&Cost>) {
        self.runs += 1;
        let Some(cost) = cost else {
            self.runs_without_usage += 1;
            return;
        };
        self.cost.cpu_hours += cost.cpu_hours;
        self.cost.gpu_hours += cost.gpu_hours;
        self.cost.memory_gibibyte_hours += cost.memory_gibibyte_hours;
        self.cost.cost += cost.cost;
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Prices> {
    const EXAMPLE: &str =
        "currency: EUR, cpu_hour: 0.04, memory_gibibyte_hour: 0.005, gpu_hour: {default: 1.5}";
    let text = fs::read_to_string(path).map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("cannot read the prices in {}: {error}", path.display()),
        )
        .hint(format!(
            "name the file with `--prices FILE`; its lines are like {EXAMPLE}"
        ))
    })?;
    let prices: Prices = serde_saphyr::from_str(&text).map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("{} is no file of prices: {error}", path.display()),
        )
        .hint(format!("its lines are like {EXAMPLE}"))
    })?;
    let all = prices.all();
    let mut rates: Vec<&Rates> = prices.hosts.values().collect();
    rates.push(&all);
    let is_wrong = rates
        .iter()
        .flat_map(|rates| {
            rates
                .gpu_hour
                .values()
                .chain(&rates.cpu_hour)
                .chain(&rates.memory_gibibyte_hour)
        })
        .any(|price| !price.is_finite() || *price < 0.0);
    if is_wrong {
        return Err(Told::new(
            Exit::Refused,
            format!("a price in {} is below zero or no number", path.display()),
        )
        .into());
    }
    Ok(prices)
}

/// Names of experiments by id: of those named, or of all.
async fn experiments(
    context: &Context,
    names: &[String],
) -> anyhow::Result<HashMap<String, String>> {
    let client = context.client()?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = HashMap::new();
    let mut token: Option<String> = None;
    loop {
        let body =
            json!({ "max_results": PAGE, "page_token": token.as_deref().unwrap_or_default() });
        let said = client.mlflow("experiments/search", &body).await?;
        for one in said["experiments"].as_array().into_iter().flatten() {
            found.insert(text(&one["experiment_id"]), text(&one["name"]));
        }
        token = said["next_page_token"]
            .as_str()
            .filter(|next| !next.is_empty())
            .map(str::to_owned);
        if token.is_none() {
            break;
        }
    }
    if let Some(missing) = names
        .iter()
        .find(|name| !found.values().any(|known| known == *name))
    {
        return Err(
            Told::new(Exit::Refused, format!("there is no experiment `{missing}`"))
                .hint("`mlflow experiments search` lists them")
                .into(),
        );
    }
    if !names.is_empty() {
        found.retain(|_, name| names.contains(name));
    }
    Ok(found)
}

async fn search(
    context: &Context,
    experiments: &HashMap<String, String>,
    filter: &str,
) -> anyhow::Result<Vec<Value>> {
    let client = context.client()?;
    let ids: Vec<&String> = experiments.keys().collect();
    let mut runs = Vec::new();
    let mut token = String::new();
    loop {
        let body = json!({
            "experiment_ids": ids, "filter": filter, "max_results": PAGE, "page_token": token,
        });
        let mut said = client.mlflow("runs/search", &body).await?;
        if let Value::Array(page) = said["runs"].take() {
            runs.extend(page);
        }
        match said["next_page_token"].as_str() {
            Some(next) if !next.is_empty() => next.clone_into(&mut token),
            Some(_) | None => return Ok(runs),
        }
    }
}

async fn get(context: &Context, ids: &[String]) -> anyhow::Result<Vec<Value>> {
    let client = context.client()?;
    let mut runs = Vec::new();
    for id in ids {
        let mut said = client
            .mlflow_get(&format!("runs/get?run_id={}", crate::client::segment(id)))
            .await
            .with_context(|| format!("run {id}"))?;
        runs.push(said["run"].take());
    }
    Ok(runs)
}

fn of_run(
    run: &Value,
    experiments: &HashMap<String, String>,
    prices: &Prices,
) -> anyhow::Result<RunCost> {
    let info = &run["info"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let find = |list: &str, key: &str| -> Option<Value> {
        let list = run["data"][list].as_array()?;
        let found = list.iter().find(|one| one["key"] == key)?;
        Some(found["value"].clone())
    };
    let tag = |key: &str| find("tags", key).map(|value| text(&value));
    let metric = |key: &str| find("metrics", key).and_then(|value| value.as_f64());
    let (host, gpu) = (tag("trimtab.host"), tag("trimtab.gpu"));
    let id = text(&info["experiment_id"]);
    let mut cost = None;
    if let Some(cpu_s) = metric("usage/cpu_seconds") {
        let used = Cost {
            cpu_hours: cpu_s / HOUR,
            // What is held is paid for, whether it computes or not.
            gpu_hours: metric("usage/gpu_held_seconds").unwrap_or(0.0) / HOUR,
            memory_gibibyte_hours: metric("usage/memory_gibibyte_seconds").unwrap_or(0.0) / HOUR,
            cost: 0.0,
        };
        cost = Some(prices.of(used, host.as_deref(), gpu.as_deref())?);
    }
    Ok(RunCost {
        run_id: text(&info["run_id"]),
        name: text(&info["run_name"]),
        experiment: experiments.get(&id).cloned().unwrap_or(id),
        host,
        gpu,
        cost,
    })
}

impl Prices {
    /// Prices of machines that have none of their own.
    fn all(&self) -> Rates {
        Rates {
            cpu_hour: self.cpu_hour,
            memory_gibibyte_hour: self.memory_gibibyte_hour,
            gpu_hour: self.gpu_hour.clone(),
        }
    }

    /// Usage with its cost. What was used and has no price is an error: a bill without it would be wrong.
    fn of(&self, used: Cost, host: Option<&str>, gpu: Option<&str>) -> anyhow::Result<Cost> {
        let all = self.all();
        let own = host.and_then(|host| self.hosts.get(host));
        let missing = |what: &str| {
            Told::new(Exit::Refused, format!("the prices say nothing of `{what}`")).hint(format!(
                "add `{what}` to the file of prices; 0 is a price too"
            ))
        };
        let price = |what: &str, of: fn(&Rates) -> Option<f64>, hours: f64| match own
            .and_then(of)
            .or_else(|| of(&all))
        {
            Some(price) => Ok(price * hours),
            None if hours == 0.0 => Ok(0.0),
            None => Err(missing(what)),
        };
        let cpu = price("cpu_hour", |rates| rates.cpu_hour, used.cpu_hours)?;
        let memory = price(
            "memory_gibibyte_hour",
            |rates| rates.memory_gibibyte_hour,
            used.memory_gibibyte_hours,
        )?;
        let mut gpus = 0.0;
        if used.gpu_hours > 0.0 {
            // A machine's GPUs are of one kind, or priced by the first's.
            let name = gpu
                .and_then(|names| names.split(", ").next())
                .unwrap_or("default");
            let of = |rates: &Rates| {
                rates
                    .gpu_hour
                    .get(name)
                    .or_else(|| rates.gpu_hour.get("default"))
                    .copied()
            };
            let price = own.and_then(of).or_else(|| of(&all));
            gpus =
                price.ok_or_else(|| missing(&format!("gpu_hour: {{{name}: …}}")))? * used.gpu_hours;
        }
        Ok(Cost {
            cost: cpu + memory + gpus,
            ..used
        })
    }
}

fn describe(answer: &Answer) -> String {
    let line = |name: &str, total: &Total| {
        vec![
            name.to_owned(),
            total.runs.to_string(),
            format!("{:.3}", total.cost.cpu_hours),
            format!("{:.3}", total.cost.gpu_hours),
            format!("{:.3}", total.cost.memory_gibibyte_hours),
            format!("{:.4}", total.cost.cost),
        ]
    };
    let mut rows: Vec<Vec<String>> = answer
        .experiments
        .iter()
        .map(|(name, total)| line(name, total))
        .collect();
    rows.push(line("total", &answer.total));
    let header = format!("COST {}", answer.currency);
    let mut text = output::table(
        &[
            "EXPERIMENT",
            "RUNS",
            "CPU H",
            "GPU H",
            "MEMORY GIB H",
            header.trim(),
        ],
        &rows,
    );
    if answer.total.runs_without_usage > 0 {
        let _ = writeln!(
            text,
            "{} of these runs were not recorded by `trimtab run` or a pipeline: what they used is not known, and not counted",
            answer.total.runs_without_usage
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prices(text: &str) -> Prices {
        serde_saphyr::from_str(text).unwrap()
    }

    const USED: Cost = Cost {
        cpu_hours: 10.0,
        gpu_hours: 2.0,
        memory_gibibyte_hours: 100.0,
        cost: 0.0,
    };

    #[test]
    fn hours_times_prices() {
        let prices = prices(
            "currency: EUR\ncpu_hour: 0.04\nmemory_gibibyte_hour: 0.005\ngpu_hour:\n  default: 1.5\n  H100: 3\nhosts:\n  big:\n    cpu_hour: 0.02\n    gpu_hour: {H100: 2}\n",
        );
        let cost = |host, gpu| prices.of(USED, host, gpu).unwrap().cost;
        assert!((cost(None, None) - (0.4 + 0.5 + 3.0)).abs() < 1e-9);
        assert!((cost(None, Some("H100, H100")) - (0.4 + 0.5 + 6.0)).abs() < 1e-9);
        assert!((cost(Some("big"), Some("H100")) - (0.2 + 0.5 + 4.0)).abs() < 1e-9);
        assert!((cost(Some("big"), Some("A10")) - (0.2 + 0.5 + 3.0)).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_price_is_told() {
        let some = prices("currency: EUR\ncpu_hour: 1\nmemory_gibibyte_hour: 0\n");
        let error = some.of(USED, None, Some("H100")).unwrap_err();
        assert!(error.to_string().contains("gpu_hour: {H100"), "{error}");
        let without = Cost {
            gpu_hours: 0.0,
            ..USED
        };
        assert!((some.of(without, None, None).unwrap().cost - 10.0).abs() < 1e-9);
        assert!(serde_saphyr::from_str::<Prices>("cpu_hours: 1\n").is_err());
    }
}
