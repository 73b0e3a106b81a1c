//! What an environment's own executable does, where that is another than this one.
//!
//! Its servers and containers were started by it: another one has flags that they may not know. So `start`,
//! `stop` and `down` are handed over, in words that any of them knows, and this process becomes that one.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use warren_environment::another_executable;

use crate::failure::Failure;
use crate::output::Format;

/// Flags of the environment that may name another director.
const OTHERS: [&str; 4] = [
    "WARREN_ENVIRONMENT",
    "BOSH_ENVIRONMENT",
    "WARREN_DEPLOYMENT",
    "BOSH_DEPLOYMENT",
];

/// Comes back where this executable is the one to do it.
pub fn hand_over(home: &Path, words: &[&str], format: Format) -> Result<(), Failure> {
    let Some(executable) = another_executable(home) else {
        return Ok(());
    };
    let mut command = Command::new(&executable);
    command.args(words).env("WARREN_HOME", home);
    // Who was asked here is not asked again.
    command.env("WARREN_NON_INTERACTIVE", "true");
    for name in OTHERS {
        command.env_remove(name);
    }
    match format {
        Format::Json => {
            command.arg("--json");
        }
        Format::Human => eprintln!(
            "{} does it, the environment's own executable, which is another than this one.",
            executable.display()
        ),
    }
    let error = command.exec();
    let failure = Failure::text(format!(
        "cannot run {}, the environment's own executable: {error}",
        executable.display()
    ));
    Err(failure
        .remedy("put that one back, or this one in its place if nothing of the environment runs"))
}
