//! `warren inspect-release`.

use warren_director_client::releases::{Contents, ReleaseLink};

use super::export_release::name_and_version;
use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// NAME/VERSION
    #[arg(value_name = "RELEASE")]
    slug: String,
}

/// Links as a YAML list, as the stock command line shows them.
fn links(all: Option<Vec<ReleaseLink>>) -> String {
    let all = all.unwrap_or_default();
    let shown = all.iter().map(|link| {
        let optional = if link.optional { "\n  optional: true" } else { "" };
        format!("- name: {}\n  type: {}{optional}", link.name, link.kind)
    });
    shown.collect::<Vec<_>>().join("\n")
}

fn slug(name: &str, fingerprint: Option<String>) -> String {
    format!("{name}/{}", fingerprint.unwrap_or_default())
}

/// Jobs and packages.
pub fn tables(contents: Contents) -> [Listing; 2] {
    let columns = ["Job", "Blobstore ID", "Digest", "Links Consumed", "Links Provided"];
    let mut jobs = Listing::new("jobs", &columns);
    for one in contents.jobs {
        jobs.rows.push(vec![
            slug(&one.name, one.fingerprint),
            one.blobstore_id.unwrap_or_default(),
            one.sha1.unwrap_or_default(),
            links(one.consumes),
            links(one.provides),
        ]);
    }
    let columns = ["Package", "Compiled for", "Blobstore ID", "Digest"];
    let mut packages = Listing::new("packages", &columns);
    packages.is_continued = true;
    packages.count = Some(contents.packages.len());
    let mut all = contents.packages;
    all.sort_by(|a, b| (&a.name, &a.fingerprint).cmp(&(&b.name, &b.fingerprint)));
    for one in all {
        packages.rows.push(vec![
            slug(&one.name, one.fingerprint),
            "(source)".to_owned(),
            one.blobstore_id.unwrap_or_default(),
            one.sha1.unwrap_or_default(),
        ]);
        for compiled in one.compiled_packages {
            packages.rows.push(vec![
                String::new(),
                compiled.stemcell,
                compiled.blobstore_id.unwrap_or_default(),
                compiled.sha1.unwrap_or_default(),
            ]);
        }
    }
    jobs.rows.sort();
    [jobs, packages]
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let (name, version) = name_and_version(&self.slug, "release")?;
        let director = session.director()?;
        for table in tables(director.release(name, version)?) {
            session.console.table(&table);
        }
        Ok(0)
    }
}
