//! `warren man-pages`: manual pages, made of the verbs themselves.
//!
//! `man` alone is the stock command line's short name of `manifest`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use serde::Serialize;

use crate::CommandLine;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Write manual pages, one for each verb
///
/// They are warren.1, warren-deploy.1, ... in section 1.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren man-pages --output /usr/local/share/man/man1")]
pub struct Arguments {
    /// Where to: a directory, made if there is none
    #[arg(long, value_name = "DIR")]
    output: PathBuf,
}

#[derive(Serialize)]
struct Written {
    directory: PathBuf,
    pages: usize,
}

impl Report for Written {
    fn write_human(&self, to: &mut dyn std::io::Write) -> std::io::Result<()> {
        let directory = self.directory.display();
        writeln!(to, "Wrote {} pages to {directory}", self.pages)
    }
}

/// A page for a verb and for each below it; how many.
fn pages(verb: &clap::Command, name: &str, directory: &Path) -> Result<usize, Failure> {
    let of = |error: std::io::Error, path: &Path| {
        Failure::text(format!("writing {}: {error}", path.display()))
    };
    let path = directory.join(format!("{name}.1"));
    let mut page = Vec::new();
    clap_mangen::Man::new(verb.clone())
        .title(name.to_uppercase())
        .source(concat!("warren ", env!("CARGO_PKG_VERSION")))
        .render(&mut page)
        .and_then(|()| fs::write(&path, &page))
        .map_err(|error| of(error, &path))?;
    let mut written = 1;
    for below in verb.get_subcommands() {
        if below.get_name() != "help" && !below.is_hide_set() {
            written += pages(below, &format!("{name}-{}", below.get_name()), directory)?;
        }
    }
    Ok(written)
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        fs::create_dir_all(&self.output)
            .map_err(|error| Failure::text(format!("making {}: {error}", self.output.display())))?;
        let mut command = CommandLine::command();
        // Arguments of verbs are put together late; all are wanted here.
        command.build();
        let pages = pages(&command, "warren", &self.output)?;
        show(
            &Written {
                directory: self.output,
                pages,
            },
            format,
        )?;
        Ok(exit::GOOD)
    }
}
