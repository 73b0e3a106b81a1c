//! A process that a test puts somewhere, to do and report what the test asks.
//!
//! See the `warren-tests-harness` library, whose actor side this runs.

fn main() -> std::process::ExitCode {
    warren_tests_harness::serve::main()
}
