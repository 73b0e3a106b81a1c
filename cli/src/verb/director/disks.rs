//! `warren disks`.

use warren_director_client::clock;

use crate::output::Listing;

/// `1.0 GiB`, of MiB.
fn size(mib: u64) -> String {
    let mut size = mib as f64;
    let mut unit = "MiB";
    for larger in ["GiB", "TiB"] {
        if size >= 1024.0 {
            size /= 1024.0;
            unit = larger;
        }
    }
    match size < 10.0 {
        true => format!("{size:.1} {unit}"),
        false => format!("{size:.0} {unit}"),
    }
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Those that no instance has; there is no other list
    #[arg(short, long)]
    orphaned: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if !self.orphaned {
            return Err(Problem::text("Only --orphaned is supported"));
        }
        let director = session.director()?;
        let mut table = Listing::new(
            "disks",
            &["Disk CID", "Size", "Deployment", "Instance", "AZ", "Orphaned At"],
        );
        for disk in director.orphaned_disks()? {
            table.rows.push(vec![
                disk.disk_cid,
                size(disk.size),
                disk.deployment_name.unwrap_or_default(),
                disk.instance_name.unwrap_or_default(),
                disk.az.unwrap_or_default(),
                disk.orphaned_at.as_deref().map(clock::shown).unwrap_or_default(),
            ]);
        }
        session.console.table(&table);
        Ok(0)
    }
}
