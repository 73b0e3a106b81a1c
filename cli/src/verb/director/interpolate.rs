//! `warren interpolate`.

use warren_wire_manifest::interpolate::{Options, render};
use warren_wire_manifest::yaml::{Dialect, parse};

use super::console::Mode;
use super::template::{Template, read_text};

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The document; `-` is standard input
    #[arg(value_name = "FILE")]
    path_of_document: String,

    /// Only this part of the result
    #[arg(long, value_name = "PATH")]
    path: Option<String>,

    /// Every placeholder must be found
    #[arg(long)]
    var_errs: bool,

    /// Every variable must be used
    #[arg(long)]
    var_errs_unused: bool,

    #[command(flatten)]
    template: Template,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let options = Options {
            expect_all: self.var_errs,
            expect_used: self.var_errs_unused,
            path: self.path.as_deref().map(str::parse).transpose()?,
        };
        // Of a text that is none the stock command line says the line alone.
        let document = parse(&read_text(&self.path_of_document)?, Dialect::Go)?;
        let text = render(&self.template.evaluate(document, &options)?, &options);
        session.console.raw(text.as_bytes());
        // The document alone, so that it can be given on.
        if session.console.mode() == Mode::Terminal {
            session.console.line("Succeeded");
            session.console.hush();
        }
        Ok(0)
    }
}
