//! The drover program: parse, dispatch, exit code.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    drover::cli::run().unwrap_or_else(|error| {
        // Without standard error nobody can be told.
        let _ = writeln!(std::io::stderr(), "drover: {error:#}");
        ExitCode::FAILURE
    })
}
