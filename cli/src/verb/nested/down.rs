//! `warren down`.

use std::io::{self, Write};

use rustix::termios::isatty;
use serde::Serialize;
use warren_environment::{Loss, down, loss};

use super::home::Home;
use super::own::hand_over;
use super::progress::{Step, Steps};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};
use crate::verb::director::is_on;

/// Remove the environment that 'up' made, with its director and all of its machines and disks
///
/// Images are kept for the next 'up', unless --all is given. On a terminal it asks first if there are deployments,
/// or if the director cannot tell.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren down --all")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,

    /// Remove images as well: nothing is left
    #[arg(long)]
    all: bool,

    /// Ask nothing [default: whether $WARREN_NON_INTERACTIVE or $BOSH_NON_INTERACTIVE is set]
    #[arg(short, long)]
    non_interactive: bool,
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
        if !self.non_interactive
            && !is_on("NON_INTERACTIVE")
            && format == Format::Human
            && isatty(io::stdin())
        {
            ask(loss(&self.home.home)?)?;
        }
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

/// Goes on if nothing is lost, or if the user agrees.
fn ask(loss: Loss) -> Result<(), Failure> {
    let lost = match loss {
        Loss::Nothing => return Ok(()),
        Loss::Deployments(names) => format!(
            "These deployments go, with their disks: {}",
            names.join(", ")
        ),
        Loss::Unknown(why) => {
            format!(
                "Deployments that there may be go, with their disks; the director cannot tell which: {why}"
            )
        }
    };
    let mut err = io::stderr().lock();
    write!(err, "{lost}.\n\nContinue? [yN]: ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::text("Stopped")),
    }
}
