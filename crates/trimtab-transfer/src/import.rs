//! From a source to a Trimtab server: check everything, then bring page after page, each marked when it is whole.

mod delivery;
mod trees;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use delivery::{Begun, deliver};

use trimtab_blob::S3;
use trimtab_edge_api::wire::{
    IngestCheck, IngestKey, IngestMark, IngestModel, IngestPrint, IngestPrinter, IngestPrintsOf,
    IngestReceipt, IngestRequest, IngestRoot, IngestState, List,
};
use trimtab_types::{LoggedModelId, RunId};

use crate::{
    ArtifactRoot, Artifacts, ImportReport, LeftInPlace, Peer, Progress, Source, TransferError,
    place::{Moved, Places, Tree},
    source::{Cursor, SourcePoint, SourceRun, series},
};

/// Points that one request brings.
const POINTS: usize = 10_000;
/// Versions that one request brings.
const VERSIONS: usize = 200;
/// Records that one question names.
const KEYS: usize = 5_000;
/// The mark of a run whose points are not in yet.
const PARTIAL: &str = "partial";
/// The mark of a record that began at the server and went on elsewhere: what comes is added to what is there.
const BEGUN: &str = "begun";
/// How many places one report names.
const NAMED: usize = 1_000;

/// How to import.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// What becomes of artifacts.
    pub artifacts: Artifacts,
    /// Places whose artifacts may be read; the first is what is behind `mlflow-artifacts:/`.
    pub artifact_roots: Vec<ArtifactRoot>,
    /// How this process reads places in S3, to copy what is there.
    pub s3: S3,
    /// Only check, and say what would come.
    pub dry_run: bool,
    /// Read back what was brought, and compare.
    pub verify: bool,
}

/// Brings everything of a source that the server does not have yet.
pub async fn import(
    source: &mut Source,
    target: &Peer,
    options: &ImportOptions,
    progress: Progress<'_>,
) -> Result<ImportReport, TransferError> {
    let mut import = Import::new(source, target, options, progress);
    import.run(source).await?;
    let mut report = import.report;
    report.left_in_place = import
        .left
        .into_iter()
        .take(NAMED)
        .map(|(location, why)| LeftInPlace { location, why })
        .collect();
    Ok(report)
}

struct Import<'i> {
    target: &'i Peer,
    options: &'i ImportOptions,
    progress: Progress<'i>,
    places: Places,
    report: ImportReport,
    left: BTreeMap<String, String>,
    /// Experiments that have another number at the server.
    numbers: HashMap<i64, i64>,
    /// Runs that began at the server.
    begun: HashSet<String>,
}

fn key(kind: &str, id: &str) -> IngestKey {
    IngestKey {
        kind: kind.to_owned(),
        id: id.to_owned(),
        origin: String::new(),
        name: None,
    }
}

fn is_run_id(id: &str) -> bool {
    id.len() == 32
        && id
            .parse::<RunId>()
            .is_ok_and(|known| known.to_string() == id)
}

fn is_model_id(id: &str) -> bool {
    id.len() == 32
        && id
            .parse::<LoggedModelId>()
            .is_ok_and(|known| known.to_string() == id)
}

impl<'i> Import<'i> {
    fn new(
        source: &Source,
        target: &'i Peer,
        options: &'i ImportOptions,
        progress: Progress<'i>,
    ) -> Self {
        let places = Places::new(
            options.artifacts,
            options.artifact_roots.clone(),
            source.folder(),
            source.is_server(),
        );
        Self {
            target,
            options,
            progress,
            places,
            report: ImportReport::default(),
            left: BTreeMap::new(),
            numbers: HashMap::new(),
            begun: HashSet::new(),
        }
    }

    /// The number at the server of an experiment.
    fn number(&self, experiment: i64) -> i64 {
        self.numbers.get(&experiment).copied().unwrap_or(experiment)
    }

    async fn run(&mut self, source: &mut Source) -> Result<(), TransferError> {
        (self.progress)("reading the source");
        let mut experiments = source.experiments().await?;
        let mut models = source.models().await?;
        self.report.left_behind = source.left_behind().await?;
        let mut keys: Vec<IngestKey> = experiments
            .iter()
            .map(|experiment| IngestKey {
                origin: experiment.origin.clone(),
                name: (!experiment.is_deleted).then(|| experiment.name.clone()),
                ..key("experiment", &experiment.id.to_string())
            })
            .collect();
        keys.extend(models.iter().map(|model| IngestKey {
            origin: model.origin.clone(),
            ..key("model", &model.name)
        }));
        let state = self.check_all(source, keys).await?;
        if !state.collisions.is_empty() {
            return Err(TransferError::Collisions {
                collisions: state.collisions,
            });
        }
        let known: HashMap<(String, String), String> = state
            .known
            .into_iter()
            .map(|mark| ((mark.kind, mark.id), mark.mark))
            .collect();
        let is_known = |kind: &str, id: &str, mark: &str| {
            known
                .get(&(kind.to_owned(), id.to_owned()))
                .is_some_and(|known| known == mark)
        };
        for experiment in &mut experiments {
            experiment.artifact_location = self
                .places
                .experiment(experiment.id, &experiment.artifact_location);
        }
        let all = experiments.len();
        experiments.retain(|experiment| {
            !is_known("experiment", &experiment.id.to_string(), &experiment.mark)
        });
        self.report.experiments = experiments.len() as u64;
        self.report.experiments_unchanged = (all - experiments.len()) as u64;
        for part in experiments.chunks(200) {
            self.send(IngestRequest {
                experiments: part.to_vec(),
                ..IngestRequest::default()
            })
            .await?;
        }
        self.runs(source).await?;
        self.logged_models(source).await?;
        for model in &mut models {
            source.versions(model).await?;
            if is_known("model", &model.name, &model.mark) {
                self.report.models_unchanged += 1;
            } else {
                self.report.models += 1;
                self.report.versions += model.versions.len() as u64;
                self.model(std::mem::take(model)).await?;
            }
        }
        Ok(())
    }

    /// Asks about everything, before anything is written.
    async fn check_all(
        &self,
        source: &Source,
        keys: Vec<IngestKey>,
    ) -> Result<IngestState, TransferError> {
        (self.progress)("checking for collisions");
        let mut state = IngestState::default();
        for part in keys.chunks(KEYS) {
            let found = self.check(part.to_vec()).await?;
            state.known.extend(found.known);
            state.collisions.extend(found.collisions);
        }
        let mut cursor = Cursor::default();
        loop {
            let ids = source.run_ids(&mut cursor).await?;
            if ids.is_empty() {
                break;
            }
            let keys = ids
                .iter()
                .filter(|id| is_run_id(id))
                .map(|id| key("run", id))
                .collect();
            state.collisions.extend(self.check(keys).await?.collisions);
        }
        let mut cursor = Cursor::default();
        loop {
            let found = source.logged_models(&mut cursor).await?;
            if found.is_empty() {
                break;
            }
            let keys = found
                .iter()
                .filter(|model| is_model_id(&model.id))
                .map(|model| key("logged_model", &model.id))
                .collect();
            state.collisions.extend(self.check(keys).await?.collisions);
        }
        Ok(state)
    }

    async fn check(&self, keys: Vec<IngestKey>) -> Result<IngestState, TransferError> {
        self.target
            .ask("/api/v1/ingest/check", &IngestCheck { keys })
            .await
    }

    async fn marks(&self, keys: Vec<IngestKey>) -> Result<HashMap<String, String>, TransferError> {
        Ok(self
            .check(keys)
            .await?
            .known
            .into_iter()
            .map(|mark| (format!("{} {}", mark.kind, mark.id), mark.mark))
            .collect())
    }

    async fn send(&self, request: IngestRequest) -> Result<(), TransferError> {
        if self.options.dry_run {
            return Ok(());
        }
        let _receipt: IngestReceipt = self.target.ask("/api/v1/ingest", &request).await?;
        Ok(())
    }

    async fn runs(&mut self, source: &Source) -> Result<(), TransferError> {
        let mut cursor = Cursor::default();
        loop {
            let mut page = source.runs(&mut cursor).await?;
            if page.is_empty() {
                return Ok(());
            }
            page.retain(|run| {
                let is_good = is_run_id(&run.run.id);
                if !is_good {
                    self.report.skipped.push(format!(
                        "run {}: its id is not 32 hexadecimal digits",
                        run.run.id
                    ));
                }
                is_good
            });
            let mut trees = Vec::new();
            let mut keys = Vec::new();
            for run in &mut page {
                let run = &mut run.run;
                run.experiment = self.number(run.experiment);
                let moved = self.places.run(run.experiment, &run.id, &run.artifact_uri);
                keys.push(key("run", &run.id));
                self.take_tree(&run.artifact_uri, &moved, &mut keys, &mut trees);
                (run.artifact_uri, run.reference) = (moved.uri, moved.reference);
            }
            self.roots().await?;
            let marks = self.marks(keys).await?;
            let all = page.len();
            page.retain(|run| marks.get(&format!("run {}", run.run.id)) != Some(&run.run.mark));
            self.report.runs += page.len() as u64;
            self.report.runs_unchanged += (all - page.len()) as u64;
            self.page(source, page).await?;
            self.trees(source, trees, &marks).await?;
            (self.progress)(&format!(
                "{} runs brought, {} unchanged, {} points, {} files",
                self.report.runs, self.report.runs_unchanged, self.report.points, self.report.files
            ));
        }
    }

    /// Tells the server of the places that it is to read.
    async fn roots(&mut self) -> Result<(), TransferError> {
        let roots = self.places.take_read();
        if roots.is_empty() || self.options.dry_run {
            return Ok(());
        }
        for root in roots {
            let request = IngestRoot { uri: root.clone() };
            let told: Result<IngestRoot, TransferError> =
                self.target.ask("/api/v1/ingest/roots", &request).await;
            match told {
                Ok(_) => {}
                Err(TransferError::Refused {
                    status: 400..=499,
                    message,
                    ..
                }) => {
                    self.left.insert(root, message);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Notes what is to be copied, and what is not.
    fn take_tree(
        &mut self,
        old: &str,
        moved: &Moved,
        keys: &mut Vec<IngestKey>,
        trees: &mut Vec<(String, Tree)>,
    ) {
        if let Some((path, tree)) = &moved.copy {
            keys.push(key("files", path));
            trees.push((path.clone(), tree.clone()));
        }
        if let Some(why) = &moved.left {
            self.left.insert(old.to_owned(), why.clone());
        }
    }

    /// Brings runs: first themselves, then their points, then the marks that say that they are whole.
    async fn page(
        &mut self,
        source: &Source,
        mut page: Vec<SourceRun>,
    ) -> Result<(), TransferError> {
        if page.is_empty() || self.options.dry_run {
            return Ok(());
        }
        source.complete(&mut page).await?;
        let marks: Vec<IngestMark> = page
            .iter()
            .map(|run| IngestMark {
                kind: "run".to_owned(),
                id: run.run.id.clone(),
                origin: String::new(),
                mark: run.run.mark.clone(),
            })
            .collect();
        let mut printers: HashMap<String, IngestPrinter> = HashMap::new();
        // Of a run that began there, the server holds more than comes.
        for run in page.iter().filter(|run| !self.begun.contains(&run.run.id)) {
            let printer = printers.entry(run.run.id.clone()).or_default();
            for pair in &run.run.params {
                printer.param(&pair.key, &pair.value);
            }
            for pair in &run.run.tags {
                printer.tag(&pair.key, &pair.value);
            }
        }
        let runs = page
            .iter()
            .map(|run| {
                let mut run = run.run.clone();
                let is_begun = self.begun.contains(&run.id);
                if is_begun { BEGUN } else { PARTIAL }.clone_into(&mut run.mark);
                run
            })
            .collect();
        self.send(IngestRequest {
            runs,
            ..IngestRequest::default()
        })
        .await?;
        let mut points = source.points(&page);
        let mut waiting: Vec<SourcePoint> = Vec::new();
        while let Some(part) = points.next().await? {
            for point in &part {
                if let Some(printer) = printers.get_mut(&point.run) {
                    printer.point(&point.key, point.at_ms, point.step, point.value);
                }
            }
            self.report.points += part.len() as u64;
            waiting.extend(part);
            if waiting.len() >= POINTS {
                self.points(std::mem::take(&mut waiting)).await?;
            }
        }
        self.points(waiting).await?;
        if self.options.verify {
            self.verify(printers).await?;
        }
        self.send(IngestRequest {
            marks,
            ..IngestRequest::default()
        })
        .await
    }

    async fn points(&self, points: Vec<SourcePoint>) -> Result<(), TransferError> {
        if points.is_empty() {
            return Ok(());
        }
        self.send(IngestRequest {
            series: series(points),
            ..IngestRequest::default()
        })
        .await
    }

    /// Compares what the server holds with what was read.
    async fn verify(
        &mut self,
        printers: HashMap<String, IngestPrinter>,
    ) -> Result<(), TransferError> {
        let request = IngestPrintsOf {
            runs: printers.keys().cloned().collect(),
        };
        let found: List<IngestPrint> = self.target.ask("/api/v1/ingest/prints", &request).await?;
        let found: HashMap<String, IngestPrint> = found
            .items
            .into_iter()
            .map(|print| (print.run.clone(), print))
            .collect();
        for (id, printer) in printers {
            let wanted = printer.finish(id.clone());
            let Some(got) = found.get(&id) else {
                return Err(TransferError::Mismatch {
                    what: format!("run {id}"),
                    detail: "the server does not have it".to_owned(),
                });
            };
            if *got != wanted {
                return Err(TransferError::Mismatch {
                    what: format!("run {id}"),
                    detail: format!(
                        "the source has {} params, {} tags, {} points ({}), the server {}, {}, {} ({})",
                        wanted.params,
                        wanted.tags,
                        wanted.points,
                        wanted.sum,
                        got.params,
                        got.tags,
                        got.points,
                        got.sum
                    ),
                });
            }
            self.report.runs_verified += 1;
        }
        Ok(())
    }

    async fn logged_models(&mut self, source: &Source) -> Result<(), TransferError> {
        let mut cursor = Cursor::default();
        loop {
            let mut page = source.logged_models(&mut cursor).await?;
            if page.is_empty() {
                return Ok(());
            }
            let mut trees = Vec::new();
            let mut keys = Vec::new();
            page.retain(|model| {
                let is_good = is_model_id(&model.id);
                if !is_good {
                    self.report.skipped.push(format!(
                        "logged model m-{}: its id is not m- and 32 hexadecimal digits",
                        model.id
                    ));
                }
                is_good
            });
            for model in &mut page {
                model.experiment = self.number(model.experiment);
                let moved = self
                    .places
                    .model(model.experiment, &model.id, &model.artifact_uri);
                keys.push(key("logged_model", &model.id));
                self.take_tree(&model.artifact_uri, &moved, &mut keys, &mut trees);
                (model.artifact_uri, model.reference) = (moved.uri, moved.reference);
            }
            self.roots().await?;
            let marks = self.marks(keys).await?;
            let all = page.len();
            page.retain(|model| {
                marks.get(&format!("logged_model {}", model.id)) != Some(&model.mark)
            });
            self.report.logged_models += page.len() as u64;
            self.report.logged_models_unchanged += (all - page.len()) as u64;
            if !page.is_empty() {
                self.send(IngestRequest {
                    logged_models: page,
                    ..IngestRequest::default()
                })
                .await?;
            }
            self.trees(source, trees, &marks).await?;
        }
    }

    /// Brings a model in parts; only the last has the aliases, and the mark that says that it is whole.
    async fn model(&mut self, mut model: IngestModel) -> Result<(), TransferError> {
        for version in &mut model.versions {
            version.source = self.places.source(&version.source);
            // Where the files are is told by the source, unless that names another version.
            let names_version =
                version.source.starts_with("models:/") && !version.source.starts_with("models:/m-");
            version.storage = version
                .storage
                .take()
                .filter(|_| names_version)
                .map(|storage| self.places.source(&storage));
            if version.run_id.as_deref().is_some_and(|id| !is_run_id(id)) {
                version.run_id = None;
            }
        }
        let versions = std::mem::take(&mut model.versions);
        let (aliases, mark) = (
            std::mem::take(&mut model.aliases),
            std::mem::take(&mut model.mark),
        );
        let parts = versions.chunks(VERSIONS).count().max(1);
        let mut chunks = versions.chunks(VERSIONS);
        for part in 1..=parts {
            let is_last = part == parts;
            let mut one = IngestModel {
                versions: chunks.next().unwrap_or_default().to_vec(),
                mark: PARTIAL.to_owned(),
                ..model.clone()
            };
            if is_last {
                one.aliases.clone_from(&aliases);
                one.mark.clone_from(&mark);
            }
            self.send(IngestRequest {
                models: vec![one],
                ..IngestRequest::default()
            })
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_that_come_back_as_they_are() {
        assert!(is_run_id("0123456789abcdef0123456789abcdef"));
        for bad in [
            "",
            "run-1",
            "0123456789ABCDEF0123456789ABCDEF",
            "01234567-89ab-cdef-0123-456789abcdef",
        ] {
            assert!(!is_run_id(bad), "{bad}");
        }
    }
}
