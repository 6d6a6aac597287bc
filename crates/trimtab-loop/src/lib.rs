//! trimtab-loop
