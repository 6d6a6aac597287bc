//! trimtab-blob
