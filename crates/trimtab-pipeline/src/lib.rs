//! trimtab-pipeline
