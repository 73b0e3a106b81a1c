//! `warren container list`.

use std::io::{self, Write};

use serde::Serialize;
use warren_wire_garden::container::Properties;

use super::pair;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// List containers, one handle a line
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container list --properties garden.state=all --verbose")]
pub(super) struct Arguments {
    /// Only those with this property; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE", value_parser = pair)]
    properties: Vec<(String, String)>,

    /// Tell their properties as well
    #[arg(short, long)]
    verbose: bool,

    /// A text between containers, with --verbose
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    separator: String,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let filter: Properties = self.properties.into_iter().collect();
        let handles = garden.client.list(&filter);
        let handles = handles.map_err(failed("list containers"))?;
        let mut view = View {
            containers: Vec::new(),
            separator: self.separator,
        };
        for handle in handles {
            let mut properties = None;
            if self.verbose {
                match garden.client.properties(&handle) {
                    Ok(found) => properties = Some(found),
                    // Destroyed since it was listed.
                    Err(error) if error.is_unknown_container() => continue,
                    Err(error) => {
                        let step = format!("ask for the properties of container {handle}");
                        return Err(failed(step)(error));
                    }
                }
            }
            view.containers.push(Container { handle, properties });
        }
        show(&view, format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
struct View {
    containers: Vec<Container>,
    #[serde(skip)]
    separator: String,
}

#[derive(Serialize)]
struct Container {
    handle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Properties>,
}

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        for container in &self.containers {
            writeln!(to, "{}", container.handle)?;
            if let Some(properties) = &container.properties {
                for (name, value) in properties {
                    writeln!(to, "  {name}={value}")?;
                }
                write!(to, "{}", self.separator)?;
            }
        }
        Ok(())
    }
}
