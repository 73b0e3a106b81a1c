//! `warren rootfs probe`.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;
use warren_container_rootfs::driver::{self, Outcome, Rung};

use super::arguments::StoreArguments;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Try all ways to make a root file system in a store, and tell which is taken and why
///
/// Every way is tried with real mounts, in a mount namespace that nobody else sees.
///
/// Exit code 0: root file systems can be made without copying. 1: only by copying all files.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren rootfs probe --store /var/vcap/data/warren")]
pub struct Arguments {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Serialize)]
struct Probe {
    store: PathBuf,
    report: driver::Report,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let store = self.store.open()?;
        let tmp = store.root().join("tmp");
        // All of them, not just those down to the first that works.
        let report = driver::probe(&tmp, &self.store.upper_dir, true)
            .map_err(|error| Failure::text(format!("probing {}: {error}", tmp.display())))?;
        let is_layered = report.chosen.is_layered();
        let probe = Probe {
            store: store.root().to_owned(),
            report,
        };
        show(&probe, format)?;
        Ok(if is_layered { exit::GOOD } else { exit::BAD })
    }
}

/// A rung's name, as in the JSON.
pub fn rung_name(rung: &Rung) -> String {
    match rung {
        Rung::Overlay => "overlay".to_owned(),
        Rung::OverlayElsewhere(path) => format!("overlay, upper in {}", path.display()),
        Rung::OverlayTmpfs => "overlay, upper in memory".to_owned(),
        Rung::FuseOverlay => "fuse-overlayfs".to_owned(),
        Rung::Reflink => "reflink copy".to_owned(),
        Rung::Copy => "copy".to_owned(),
    }
}

fn outcome(outcome: &Outcome) -> (String, String) {
    match outcome {
        Outcome::Works { evidence } => ("works".to_owned(), evidence.join("\n")),
        Outcome::Fails { message, .. } => ("fails".to_owned(), message.clone()),
        Outcome::NotTried => ("not tried".to_owned(), String::new()),
    }
}

impl Report for Probe {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let report = &self.report;
        let yes = |is: bool| if is { "yes" } else { "no" }.to_owned();
        let (mapped, why) = outcome(&report.mapped_ids);
        let mut facts = Table::facts();
        facts.row(["Store".to_owned(), self.store.display().to_string()]);
        facts.row(["File system".to_owned(), report.filesystem.clone()]);
        facts.row(["Taken".to_owned(), rung_name(&report.chosen)]);
        facts.row(["Option userxattr".to_owned(), yes(report.userxattr)]);
        facts.row(["Option redirect_dir".to_owned(), yes(report.redirect_dir)]);
        let (limits, how) = outcome(&report.limits);
        let limits = match limits.as_str() {
            "works" => how,
            _ => format!("counted, not kept by the kernel\n{how}"),
        };
        facts.row(["Disk limits".to_owned(), limits]);
        facts.row([
            "Mapped owners".to_owned(),
            [mapped, why].join("\n").trim().to_owned(),
        ]);
        facts.write(to)?;
        writeln!(to)?;
        let mut rungs = Table::new(&["Way", "Outcome", "Evidence"]);
        for tried in &report.rungs {
            let (word, evidence) = outcome(&tried.outcome);
            rungs.row([rung_name(&tried.rung), word, evidence]);
        }
        rungs.write(to)
    }
}
