//! trimtab-table
