//! trimtab-events
