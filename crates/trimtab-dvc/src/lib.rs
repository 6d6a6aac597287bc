//! trimtab-dvc
