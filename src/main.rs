//! The drover program: parse, dispatch, exit code.

fn main() {}
