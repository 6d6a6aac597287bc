//! trimtab-tracking
