//! trimtab-data
