//! The binary: a thin user of the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gatekey::cli::run()
}
