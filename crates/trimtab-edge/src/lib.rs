//! trimtab-edge
