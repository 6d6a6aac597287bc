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
        let columns: Vec<(String, String)> = batches
            .first()
            .map(RecordBatch::schema)
            .iter()
            .flat_map(|schema| {
                schema
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .collect::<Vec<_>>()
            })
            .filter_map(|name| {
                name.strip_prefix("in.")
                    .map(|input| (name.clone(), input.to_owned()))
            })
            .collect();
        let report = self.data.check(&reference, batches, &columns);
        Ok(WindowChecks {
            results: report.results.into_iter().map(convert).collect(),
        })
    }
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
