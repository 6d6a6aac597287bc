//! trimtab-wiring
