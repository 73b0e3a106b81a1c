//! `warren env`.

use warren_director_client::info::Info;
use warren_director_client::rest::Certificate;

use super::common::set;
use crate::output::Listing;

/// What a director says of itself.
pub fn table(info: &Info) -> Listing {
    let mut table = Listing::new(
        "",
        &["Name", "UUID", "Version", "Director Stemcell", "CPI", "Features", "User"],
    );
    table.is_facts = true;
    let features: Vec<String> = info
        .features
        .iter()
        .map(|(name, feature)| {
            format!("{name}: {}", if feature.status { "enabled" } else { "disabled" })
        })
        .collect();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    table.rows.push(vec![
        info.name.clone(),
        info.uuid.clone(),
        info.version.clone(),
        format!("{}/{}", text(&info.stemcell_os), text(&info.stemcell_version)),
        text(&info.cpi),
        features.join("\n"),
        info.user.clone().unwrap_or_else(|| "(not logged in)".to_owned()),
    ]);
    table
}

/// When certificates run out.
pub fn certificates(all: Vec<Certificate>) -> Listing {
    let mut table = Listing::new("", &["Certificate", "Expiry Date (UTC)", "Days Left"]);
    table.title = "CERTIFICATE EXPIRY DATE INFORMATION".to_owned();
    for one in all {
        table.rows.push(vec![one.certificate_path, one.expiry, one.days_left.to_string()]);
    }
    table
}

fn export(session: &mut Session<'_>) -> Result<u8, Problem> {
    let found = session.environment(None)?;
    let common = session.common;
    let client = common.client.clone().or_else(|| set("CLIENT")).or(found.username);
    let secret = common.client_secret.clone().or_else(|| set("CLIENT_SECRET")).or(found.password);
    let lines = [
        ("BOSH_ENVIRONMENT", Some(found.url)),
        ("BOSH_CA_CERT", found.ca_cert),
        ("BOSH_CLIENT", client),
        ("BOSH_CLIENT_SECRET", secret),
        ("BOSH_DEPLOYMENT", session.deployment_name()),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        if let Some(value) = value {
            let value = shlex::try_quote(&value)?;
            text.push_str(&format!("export {name}={value}\n"));
        }
    }
    // A shell evaluates it: nothing else may be in it.
    session.console.raw(text.as_bytes());
    session.console.hush();
    Ok(0)
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Show when the director's certificates run out
    #[arg(long)]
    details: bool,

    /// Print what a shell must export to mean this director; secrets are in it
    #[arg(long)]
    export: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.export {
            return export(session);
        }
        // This machine's own environment, for a shell to evaluate, unless a director is named.
        if let (None, false, Some(access)) =
            (&session.common.environment, self.details, crate::verb::nested::local())
        {
            let text = crate::verb::nested::exports(&access)
                .map_err(|failure| Problem::text(failure.message))?;
            session.console.raw(text.as_bytes());
            session.console.hush();
            return Ok(0);
        }
        let (director, _, line) = session.quiet_director()?;
        session.console.first_line(&line);
        let info = director.info()?;
        session.console.table(&table(&info));
        if self.details {
            match director.certificates() {
                Ok(all) => session.console.table(&certificates(all)),
                Err(error) if error.status() == Some(404) => {
                    let text = "Certificate expiry information not supported";
                    session.console.line(text);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(0)
    }
}
