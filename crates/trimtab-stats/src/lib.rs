//! trimtab-stats
