//! trimtab-monitor
