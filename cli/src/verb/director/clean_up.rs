//! `warren clean-up`.

use warren_director_client::rest::Unused;

use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// All that nothing uses, disks too
    #[arg(long)]
    all: bool,

    /// Only show what would be removed
    #[arg(long)]
    dry_run: bool,

    /// But not disks
    #[arg(long)]
    keep_orphaned_disks: bool,
}

/// What would be removed.
pub fn tables(unused: Unused) -> Vec<Listing> {
    let mut tables = Vec::new();
    let mut table = |title: &str, header: &[&'static str], mut rows: Vec<Vec<String>>| {
        let mut table = Listing::new("", header);
        table.title = title.to_owned();
        rows.sort();
        table.rows = rows;
        tables.push(table);
    };
    let text = Option::unwrap_or_default;
    let releases = unused.releases.into_iter().flat_map(|one| {
        let name = one.name;
        let rows = one.versions.into_iter().map(move |version| vec![name.clone(), version]);
        rows.collect::<Vec<_>>()
    });
    table("Unused Releases", &["Name", "Version"], releases.collect());
    let stemcells = unused.stemcells.into_iter().map(|one| vec![one.name, one.version]);
    table("Unused Stemcells", &["Name", "Version"], stemcells.collect());
    let packages = unused.compiled_packages.into_iter().map(|one| {
        vec![one.package_name, text(one.stemcell_os), text(one.stemcell_version)]
    });
    let header = ["Name", "Stemcell OS", "Stemcell Version"];
    table("Unused Compiled Packages", &header, packages.collect());
    let blobs = |all: Vec<String>| all.into_iter().map(|id| vec![id]).collect();
    table("Exported Releases", &["Blob ID"], blobs(unused.exported_releases));
    table("Stale DNS Record Blobs", &["Blob ID"], blobs(unused.dns_blobs));
    let disks = unused.orphaned_disks.into_iter().map(|one| {
        let size = one.size.to_string();
        vec![one.disk_cid, text(one.deployment_name), text(one.instance_name), size]
    });
    let header = ["Disk CID", "Deployment", "Instance", "Size (mb)"];
    table("Orphaned Disks", &header, disks.collect());
    let vms = unused.orphaned_vms.into_iter();
    let vms = vms.map(|one| vec![one.cid, text(one.deployment_name), text(one.instance_name)]);
    table("Orphaned VMs", &["VM CID", "Deployment", "Instance"], vms.collect());
    tables
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        if self.dry_run {
            for table in tables(director.unused(self.all, self.keep_orphaned_disks)?) {
                session.console.table(&table);
            }
            return Ok(0);
        }
        session.console.confirms(session.common.is_asked())?;
        let id = director.clean_up(self.all, self.keep_orphaned_disks)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
