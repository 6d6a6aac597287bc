//! trimtab-edge-oip
