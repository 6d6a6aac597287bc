//! trimtab-access
