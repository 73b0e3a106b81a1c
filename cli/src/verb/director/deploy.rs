//! `warren deploy`.

use std::collections::VecDeque;

use warren_director_client::Director;
use warren_director_client::deployments::DeployOptions;
use warren_director_client::releases::{Remote, UploadOptions};
use warren_wire_manifest::interpolate::{Options, render};
use warren_wire_manifest::yaml::{Dialect, Value, parse};

use super::problem::Problem;
use super::session::Session;
use super::template::{Template, read_text};

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The manifest; `-` is standard input
    #[arg(value_name = "FILE")]
    path: String,

    /// Every placeholder must be found here
    #[arg(long)]
    var_errs: bool,

    /// Every variable must be used
    #[arg(long)]
    var_errs_unused: bool,

    /// Show secrets in the difference
    #[arg(long)]
    no_redact: bool,

    /// Make every VM anew
    #[arg(long)]
    recreate: bool,

    /// Make every persistent disk anew
    #[arg(long)]
    recreate_persistent_disks: bool,

    /// Make VMs anew that are older than this, RFC 3339
    #[arg(long, value_name = "TIME")]
    recreate_vms_created_before: Option<String>,

    /// Make VMs anew whose agents do not answer
    #[arg(long)]
    fix: bool,

    /// Upload releases again that are broken
    #[arg(long)]
    fix_releases: bool,

    /// Upload no releases
    #[arg(long)]
    skip_upload_releases: bool,

    /// Without draining: these groups, or all
    #[arg(long, value_name = "GROUP", num_args = 0..=1, require_equals = true, default_missing_value = "*")]
    skip_drain: Vec<String>,

    /// So many first: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    canaries: Option<String>,

    /// So many at once: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<String>,

    /// Plan and render only
    #[arg(long)]
    dry_run: bool,

    /// Use the newest versions of variables
    #[arg(long)]
    force_latest_variables: bool,

    #[command(flatten)]
    template: Template,
}

/// A document that was put together here.
pub fn parsed(text: &str) -> Result<Value, Problem> {
    Ok(parse(text, Dialect::Go)?)
}

fn field(value: &Value, key: &str) -> String {
    match value.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Int(number)) => number.to_string(),
        Some(Value::Float(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// Brings the releases of a manifest or config that have a URL. One of version `create` is made of
/// the directory at its URL, and named in the document by the version that it got; whether there was
/// such a one. Of those that the director fetches itself, as many at once as `--parallel` says.
pub fn upload_listed_releases(
    session: &mut Session<'_>,
    director: &Director,
    document: &mut Value,
    fix: bool,
) -> Result<bool, Problem> {
    let releases = document.as_map_mut().and_then(|map| map.get_mut("releases"));
    let releases = releases.and_then(Value::as_seq_mut).into_iter().flatten();
    let mut is_changed = false;
    let mut begun = VecDeque::new();
    for release in releases {
        let (name, version) = (field(release, "name"), field(release, "version"));
        let (url, sha1) = (field(release, "url"), field(release, "sha1"));
        if url.is_empty() {
            continue;
        }
        if version.is_empty() {
            return Err(Problem::text(format!(
                "Expected release '{name}' with a URL to have a version"
            )));
        }
        if version == "create" {
            let path = url.strip_prefix("file://").unwrap_or(&url);
            let (packed, made) = super::release_directory::created(session, path, &name)?;
            let path = packed.path().display().to_string();
            let options = UploadOptions { rebase: false, fix };
            super::upload_release::upload_file(session, director, &path, options)?;
            if let Some(release) = release.as_map_mut() {
                release.insert("version", made);
                is_changed = true;
            }
            continue;
        }
        let stemcell = release.get("stemcell").map(|stemcell| {
            format!("{}/{}", field(stemcell, "os"), field(stemcell, "version"))
        });
        if !fix && director.has_release(&name, &version, stemcell.as_deref())? {
            let text = format!("Release '{name}/{version}' already exists.");
            session.console.line(&text);
            continue;
        }
        let options = UploadOptions { rebase: false, fix };
        match url.strip_prefix("file://") {
            Some(path) => super::upload_release::upload_file(session, director, path, options)?,
            None => {
                let remote = Remote { url: &url, sha1: &sha1 };
                if begun.len() == session.common.parallel.get()
                    && let Some(first) = begun.pop_front()
                {
                    session.wait(director, first)?;
                }
                begun.push_back(director.fetch_release(remote, options)?);
            }
        }
    }
    for id in begun {
        session.wait(director, id)?;
    }
    Ok(is_changed)
}

impl Arguments {
    /// Sets what the director's configs want of all deploys of this deployment.
    fn take(&mut self, session: &mut Session<'_>, flags: Vec<String>) {
        for flag in flags {
            let field = match flag.as_str() {
                "dry-run" => &mut self.dry_run,
                "fix" => &mut self.fix,
                "fix-releases" => &mut self.fix_releases,
                "force-latest-variables" => &mut self.force_latest_variables,
                "no-redact" => &mut self.no_redact,
                "recreate" => &mut self.recreate,
                "recreate-persistent-disks" => &mut self.recreate_persistent_disks,
                "skip-upload-releases" => &mut self.skip_upload_releases,
                "skip-drain" => {
                    self.skip_drain.push("*".to_owned());
                    continue;
                }
                other => {
                    let text = format!("A deploy config has '{other}', which is no flag for all");
                    session.console.line(&text);
                    continue;
                }
            };
            *field = true;
            session.console.line(&format!("Using flag '--{flag}' of a deploy config"));
        }
    }

    /// Runs the verb.
    pub fn run(mut self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let deployment = session.deployment()?;
        let flags = super::deploy_config::flags_of(&director, &deployment);
        self.take(session, flags);
        let options = Options {
            expect_all: self.var_errs,
            expect_used: self.var_errs_unused,
            path: None,
        };
        let text = read_text(&self.path)?;
        let mut manifest = self.template.value(&text, &self.path, &options)?;
        let name = field(&manifest, "name");
        if name != deployment {
            return Err(Problem::text(format!(
                "Expected manifest to specify deployment name '{deployment}' but was '{name}'"
            )));
        }
        let is_changed = match self.skip_upload_releases {
            true => false,
            false => {
                let fix = self.fix_releases;
                upload_listed_releases(session, &director, &mut manifest, fix)?
            }
        };
        // What nobody changes is sent as it was written, comments and all.
        let text = match self.template.is_empty() && !is_changed {
            true => text,
            false => render(&manifest, &options),
        };
        let diff = director.diff(&deployment, &text, !self.no_redact)?;
        if let Some(error) = &diff.error {
            // The stock command line hides it; the deploy says more if it is serious.
            let first = error.lines().next().unwrap_or_default();
            session.console.line(&format!("The director cannot show what changes: {first}"));
        }
        session.console.diff(&diff.diff);
        let is_asked = session.common.is_asked();
        if !diff.diff.is_empty() && !is_asked {
            session.keep_close();
        }
        session.console.confirms(is_asked)?;
        let skip_drain = match self.skip_drain.iter().any(|group| group == "*") {
            true => Some("*".to_owned()),
            false => Some(self.skip_drain.join(",")),
        };
        let options = DeployOptions {
            recreate: self.recreate || self.recreate_vms_created_before.is_some(),
            recreate_persistent_disks: self.recreate_persistent_disks,
            fix: self.fix,
            dry_run: self.dry_run,
            force_latest_variables: self.force_latest_variables,
            recreate_vms_created_before: self.recreate_vms_created_before,
            skip_drain,
            canaries: self.canaries,
            max_in_flight: self.max_in_flight,
            context: diff.context,
        };
        let id = director.deploy(&text, &options)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
