//! trimtab-infer
