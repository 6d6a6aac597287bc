//! What monitors check with: the schema and profile of a dataset version.

use arrow::array::RecordBatch;
use async_trait::async_trait;
use trimtab_data::{CheckResult, Data, Severity};
use trimtab_monitor::{
    CheckSource, PortError, Severity as WindowSeverity, WindowCheck, WindowChecks,
};
use trimtab_types::{DatasetVersionId, Name, Scope, WorkspaceId};

/// Checks a window's inputs against the champion's training data.
#[derive(Debug)]
pub struct DatasetChecks {
    data: Data,
}

impl DatasetChecks {
    /// An adapter over the data service.
    pub fn new(data: Data) -> Self {
        Self { data }
    }
}

#[async_trait]
impl CheckSource for DatasetChecks {
    async fn check(
        &self,
        workspace: &WorkspaceId,
        _endpoint: &Name,
        dataset: DatasetVersionId,
        batches: &[RecordBatch],
    ) -> Result<WindowChecks, PortError> {
        let scope = Scope::controller(workspace.clone());
        let reference = self.data.get(&scope, dataset).await?;
        let columns = inputs(batches);
        let report = self.data.check(&reference, batches, &columns);
        Ok(WindowChecks {
            results: report.results.into_iter().map(convert).collect(),
        })
    }
}

/// The inputs among the columns, with the model's names for them.
fn inputs(batches: &[RecordBatch]) -> Vec<(String, String)> {
    let mut columns: Vec<(String, String)> = Vec::new();
    for batch in batches {
        for field in batch.schema_ref().fields() {
            let Some(input) = field.name().strip_prefix("in.") else {
                continue;
            };
            if !columns.iter().any(|(known, _)| known == field.name()) {
                columns.push((field.name().clone(), input.to_owned()));
            }
        }
    }
    columns
}

fn convert(result: CheckResult) -> WindowCheck {
    WindowCheck {
        check: result.check.as_str().to_owned(),
        column: result.column,
        severity: match result.severity {
            Severity::Error => WindowSeverity::Error,
            Severity::Warning => WindowSeverity::Warning,
        },
        passed: result.passed,
        observed: result.observed,
        expected: result.expected,
        message: result.message,
    }
}
