//! Flags and environment of all verbs of a director.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

#[derive(Args, Debug)]
#[command(next_help_heading = "Director")]
pub struct Common {
    /// The director: HOST, HOST:PORT, https://HOST:PORT or an alias [default: $WARREN_ENVIRONMENT or
    /// $BOSH_ENVIRONMENT]
    #[arg(short, long, value_name = "ENVIRONMENT")]
    pub environment: Option<String>,

    /// Trust the director by these authorities: a file, or the PEM text itself [default:
    /// $WARREN_CA_CERT, $BOSH_CA_CERT, the alias's or the system's]
    #[arg(long, value_name = "FILE")]
    pub ca_cert: Option<String>,

    /// User, or client of the token server [default: $WARREN_CLIENT, $BOSH_CLIENT or who logged in]
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,

    /// Its password or secret [default: $WARREN_CLIENT_SECRET or $BOSH_CLIENT_SECRET]
    #[arg(long, value_name = "SECRET")]
    pub client_secret: Option<String>,

    /// The deployment [default: $WARREN_DEPLOYMENT or $BOSH_DEPLOYMENT]
    #[arg(short, long, value_name = "NAME")]
    pub deployment: Option<String>,

    /// Where aliases are kept [default: $WARREN_CONFIG, $BOSH_CONFIG or ~/.bosh/config]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Ask nothing [default: whether $WARREN_NON_INTERACTIVE or $BOSH_NON_INTERACTIVE is set]
    #[arg(short, long)]
    pub non_interactive: bool,

    /// Write as on a terminal [default: whether $WARREN_TTY or $BOSH_TTY is set]
    #[arg(long)]
    pub tty: bool,

    /// Only this column of tables; may be given more than once
    #[arg(long, value_name = "COLUMN")]
    pub column: Vec<String>,

    /// As the stock command line has it; digests are SHA-256 with and without
    #[arg(long, hide = true)]
    pub sha2: bool,

    /// So many tasks at once where a verb needs several: vms and instances of all deployments,
    /// releases that a manifest or config has by URL
    #[arg(long, value_name = "NUMBER", default_value = "5")]
    pub parallel: NonZeroUsize,

    /// Without colours
    #[arg(long)]
    pub no_color: bool,
}

/// A variable of the environment, ours before the stock one; an empty one is none.
pub fn set(name: &str) -> Option<String> {
    let of = |prefix| std::env::var(format!("{prefix}_{name}")).ok();
    let some = |value: &String| !value.is_empty();
    of("WARREN")
        .filter(some)
        .or_else(|| of("BOSH").filter(some))
}

/// Whether a variable of the environment is set, and not to no.
pub fn is_on(name: &str) -> bool {
    set(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false"))
}

impl Common {
    pub fn is_asked(&self) -> bool {
        !self.non_interactive && !is_on("NON_INTERACTIVE")
    }

    pub fn is_tty(&self) -> bool {
        self.tty || is_on("TTY")
    }

    pub fn config_path(&self) -> PathBuf {
        let by_environment = || set("CONFIG").map(PathBuf::from);
        let path = self.config.clone().or_else(by_environment);
        path.unwrap_or_else(|| {
            let home = std::env::var_os("HOME").unwrap_or_else(|| "/root".into());
            PathBuf::from(home).join(".bosh/config")
        })
    }
}
