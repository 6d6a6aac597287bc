//! trimtab-edge-api
