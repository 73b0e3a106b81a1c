//! Which environment is meant, and how a shell gets into it.

use std::path::PathBuf;

use warren_environment::{Access, Record};

use crate::failure::Failure;

/// Where an environment is kept if nobody says.
const USUAL: &str = "/var/lib/warren/up";

/// Which environment.
#[derive(clap::Args, Debug, Clone)]
pub struct Home {
    /// Where the environment is kept
    #[arg(long, value_name = "DIR", env = "WARREN_HOME", default_value = USUAL,
          value_parser = absolute)]
    pub home: PathBuf,
}

/// Where this machine's own environment is, where a verb has no flag for it.
pub fn usual() -> PathBuf {
    let home = std::env::var_os("WARREN_HOME").filter(|home| !home.is_empty());
    let home = home.map_or_else(|| PathBuf::from(USUAL), PathBuf::from);
    std::path::absolute(&home).unwrap_or(home)
}

/// Its servers have another working directory than whoever gives the verb.
fn absolute(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

/// Whether this machine has an environment of its own, be it half made: its record can be read.
pub fn is_made() -> bool {
    Record::read(&usual()).is_ok_and(|record| record.is_some())
}

/// Refuses this machine's own environment if it rests, with words that say what to do.
pub fn awake() -> Result<(), Failure> {
    Ok(warren_environment::awake(&usual())?)
}

/// How to get into this machine's own environment, if it has one and we may read it.
pub fn local() -> Option<Access> {
    let home = usual();
    let record = Record::read(&home).ok().flatten()?;
    Access::of(&home, &record).ok()
}

/// What a shell evaluates to mean a director.
pub fn exports(access: &Access) -> Result<String, Failure> {
    let mut text = String::new();
    for (name, value) in [
        ("BOSH_ENVIRONMENT", &access.url),
        ("BOSH_CLIENT", &access.user),
        ("BOSH_CLIENT_SECRET", &access.password),
        ("BOSH_CA_CERT", &access.authority),
    ] {
        let value = shlex::try_quote(value)?;
        text.push_str(&format!("export {name}={value}\n"));
    }
    Ok(text)
}
