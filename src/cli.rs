//! Every command and flag.
