//! trimtab-serving
