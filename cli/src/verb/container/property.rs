//! `warren container property`.

use serde_json::json;

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Tell, set or remove one property of a container
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container property web owner team-a")]
pub(super) struct Arguments {
    /// Which container
    handle: String,

    /// Which property
    name: String,

    /// Set it to this
    value: Option<String>,

    /// Remove it
    #[arg(long, conflicts_with = "value")]
    remove: bool,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let (handle, name) = (&self.handle, &self.name);
        let step = |verb: &str| failed(format!("{verb} property {name} of container {handle}"));
        if self.remove {
            let removed = garden.client.remove_property(handle, name);
            removed.map_err(step("remove"))?;
            say(json!({"removed": name}), "", format)?;
        } else if let Some(value) = &self.value {
            let set = garden.client.set_property(handle, name, value);
            set.map_err(step("set"))?;
            say(json!({"value": value}), "", format)?;
        } else {
            let value = garden.client.property(handle, name);
            let value = value.map_err(step("ask for"))?;
            say(json!({"value": value}), value.as_str(), format)?;
        }
        Ok(exit::GOOD)
    }
}
