//! trimtab-exec
