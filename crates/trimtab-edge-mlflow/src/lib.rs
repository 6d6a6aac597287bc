//! trimtab-edge-mlflow
