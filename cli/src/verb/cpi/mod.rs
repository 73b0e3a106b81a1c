//! `warren cpi`, also called as `cpi`: one call of a director.
//!
//! The exit code is 0 whenever an answer was written, also one that tells of an error: a caller that
//! looks at the code would not look at the answer.

mod flags;

use std::io::{Read, Write};
use std::path::PathBuf;

use warren_cpi::{Config, ConfigError, answer};

pub use flags::from_stock;

use crate::failure::{Failure, exit};
use crate::output::Format;

/// The longest request that is read, in bytes; any is a small fraction of it.
const LONGEST: u64 = 64 << 20;

/// Make machines and disks of a director, as containers of a Garden server
///
/// Reads one request of the CPI contract from standard input and writes one answer to standard
/// output. The configuration is that of the stock Warden CPI.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: echo '{\"method\":\"info\",\"arguments\":[]}' | warren cpi --config \
                  /var/vcap/jobs/warden_cpi/config/cpi.json"
)]
pub struct Arguments {
    /// The configuration; also as -configPath=FILE
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let mut request = Vec::new();
        let input = std::io::stdin().lock();
        input
            .take(LONGEST)
            .read_to_end(&mut request)
            .map_err(|error| Failure::text(format!("cannot read the request: {error}")))?;
        let config = std::fs::read(&self.config)
            .map_err(|source| ConfigError::Read {
                path: self.config.clone(),
                source,
            })
            .and_then(|bytes| Config::parse(&bytes));
        let answer = answer(config, &request);
        let unsaid =
            |error: std::io::Error| Failure::text(format!("cannot write the answer: {error}"));
        let mut line = serde_json::to_vec(&answer).map_err(|error| unsaid(error.into()))?;
        line.push(b'\n');
        let mut output = std::io::stdout().lock();
        output
            .write_all(&line)
            .and_then(|()| output.flush())
            .map_err(unsaid)?;
        Ok(exit::GOOD)
    }
}
