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
    #[arg(long, value_name = "DIR", env = "WARREN_HOME", default_value = USUAL)]
    pub home: PathBuf,
}

/// Where this machine's own environment is, where a verb has no flag for it.
pub fn usual() -> PathBuf {
    let home = std::env::var_os("WARREN_HOME").filter(|home| !home.is_empty());
    home.map_or_else(|| PathBuf::from(USUAL), PathBuf::from)
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
