//! `warren down`.

use std::io::{self, Write};

use serde::Serialize;
use warren_environment::down;

use super::home::Home;
use super::own::hand_over;
use super::progress::{Step, Steps};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Remove the environment that 'up' made, with its director and all of its machines and disks
///
/// Images are kept for the next 'up', unless --all is given.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren down --all")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,

    /// Remove images as well: nothing is left
    #[arg(long)]
    all: bool,
}

#[derive(Serialize)]
struct Down {
    steps: Vec<Step>,
}

impl Report for Down {
    fn write_human(&self, _: &mut dyn Write) -> io::Result<()> {
        Ok(())
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let words: &[&str] = match self.all {
            true => &["down", "--all"],
            false => &["down"],
        };
        hand_over(&self.home.home, words, format)?;
        let steps = Steps::new(format);
        down(&self.home.home, self.all, &steps)?;
        let steps = steps.done();
        show(&Down { steps }, format)?;
        Ok(exit::GOOD)
    }
}
