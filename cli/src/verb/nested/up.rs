//! `warren up`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::ValueEnum;
use serde::Serialize;
use warren_environment::{Database, ImageOptions, Options, up};

use super::home::Home;
use super::progress::{Step, Steps};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Bring up a director in a container, with all that it needs
///
/// Makes the image of Debian packages (once), starts a Garden server on this machine and, in a
/// container of it, nats-server, the director's processes and a Garden server of its own, in which the
/// director's machines will be. The director then has a cloud config and the stemcell. What is there
/// already is left as it is, so the command may be broken off and given again; unless something is said
/// about the image, that which there is is taken.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  warren up && eval \"$(warren env)\" && warren deploy zookeeper.yml
  warren up --depth 2 --database postgres")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,

    /// At which level the director is: 1 is a container of this machine, 2 one inside that [default: 1]
    #[arg(long, value_name = "N")]
    depth: Option<usize>,

    /// Where the director keeps its rows [default: sqlite]
    #[arg(long, value_enum, value_name = "DATABASE")]
    database: Option<DatabaseFlag>,

    /// Run the director's processes in containers of bpm's
    #[arg(long)]
    bpm: bool,

    /// The director's name [default: warren]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// The first two numbers of the addresses of its machines [default: 10.244, or the next that is free]
    #[arg(long, value_name = "A.B", value_parser = pair)]
    machines: Option<[u8; 2]>,

    /// The release of Debian of the image; the machine's own if it is not given
    #[arg(long, value_name = "SUITE")]
    suite: Option<String>,

    /// Where packages come from: an address, or a file like sources.list; the machine's own sources
    /// if it is not given
    #[arg(long, value_name = "MIRROR")]
    mirror: Vec<String>,

    /// More packages for the image
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',')]
    include: Vec<String>,

    /// Make the image of the root file system in this directory; it needs nats-server and ruby
    #[arg(long, value_name = "DIR", conflicts_with_all = ["suite", "mirror", "include"])]
    directory: Option<PathBuf>,

    /// The executable of all levels; this one if it is not given
    #[arg(long, value_name = "FILE")]
    executable: Option<PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum DatabaseFlag {
    /// A file
    Sqlite,
    /// A PostgreSQL in the same container
    Postgres,
}

#[derive(Serialize)]
struct Up {
    steps: Vec<Step>,
    seconds: f64,
    director: String,
    depth: usize,
}

impl Report for Up {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(
            to,
            "\nThe director answers at {}, after {:.1} s. For a shell: eval \"$(warren env)\"",
            self.director, self.seconds
        )
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let started = Instant::now();
        let executable = match self.executable {
            Some(path) => path,
            None => std::env::current_exe().map_err(|error| {
                Failure::text(format!("finding this executable: {error}"))
                    .remedy("give --executable FILE")
            })?,
        };
        let options = Options {
            home: self.home.home,
            name: self.name,
            depth: self.depth,
            database: self.database.map(|database| match database {
                DatabaseFlag::Sqlite => Database::Sqlite,
                DatabaseFlag::Postgres => Database::Postgres,
            }),
            bpm: self.bpm.then_some(true),
            machines: self.machines,
            image: Some(ImageOptions {
                suite: self.suite,
                mirrors: self.mirror,
                include: self.include,
                directory: self.directory,
            }),
            executable: Some(executable),
        };
        let steps = Steps::new(format);
        let ready = up(&options, &steps)?;
        let report = Up {
            steps: steps.done(),
            seconds: started.elapsed().as_secs_f64(),
            director: ready.access.url,
            depth: ready.record.depth,
        };
        show(&report, format)?;
        Ok(exit::GOOD)
    }
}

fn pair(text: &str) -> Result<[u8; 2], String> {
    let wrong = || format!("'{text}' is no pair of numbers like 10.244");
    let (a, b) = text.split_once('.').ok_or_else(wrong)?;
    Ok([
        a.parse().map_err(|_| wrong())?,
        b.parse().map_err(|_| wrong())?,
    ])
}
