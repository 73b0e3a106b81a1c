//! `warren stop` and `warren start` without a deployment: the whole environment.

use std::path::Path;

use warren_environment::{Options, start, stop};

use super::own::hand_over;
use super::progress::Steps;
use crate::failure::{Failure, exit};
use crate::output::Format;
use crate::umask;

/// Ends all that runs; what was kept stays.
pub fn run_stop(home: &Path, format: Format) -> Result<u8, Failure> {
    umask::usual();
    hand_over(home, &["stop", "--non-interactive"], format)?;
    stop(home, &Steps::new(format))?;
    Ok(exit::GOOD)
}

/// Brings it up again, and its deployments with it.
pub fn run_start(home: &Path, format: Format) -> Result<u8, Failure> {
    umask::usual();
    hand_over(home, &["start"], format)?;
    let options = Options {
        home: home.to_owned(),
        name: None,
        depth: None,
        database: None,
        bpm: None,
        machines: None,
        image: None,
        executable: None,
    };
    start(&options, &Steps::new(format))?;
    Ok(exit::GOOD)
}
