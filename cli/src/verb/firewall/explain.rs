//! `warren firewall explain`.

use std::io::{self, Write};

use serde::Serialize;
use warren_firewall::explain::{self, Decision, Explanation, Who};
use warren_firewall::proof::Seen;

use super::arguments::Agent;
use super::{report, with_kernel};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Tell who gets through, and on which evidence
///
/// Lists every decision in the order the kernel takes it, with the evidence it rests on, and sends
/// a packet from the process in question to each protected place to see what becomes of it.
///
/// Exit code 0: there are rules. 1: there are none.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall explain --agent-pid 4711")]
pub struct Arguments {
    #[command(flatten)]
    subject: Agent,

    /// Also print the table in nft's language
    #[arg(long)]
    rules: bool,
}

#[derive(Serialize)]
struct Explained {
    #[serde(flatten)]
    explanation: Explanation,
    #[serde(skip)]
    with_rules: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let subject = self.subject.reference();
        let found = with_kernel("explaining the firewall", |kernel| {
            explain::explain(kernel, &subject)
        })?;
        let Some(explanation) = found else {
            return Err(Failure::text(
                "there is no table inet bosh_agent in this network namespace",
            )
            .remedy("'warren firewall setup' makes one"));
        };
        show(
            &Explained {
                explanation,
                with_rules: self.rules,
            },
            format,
        )?;
        Ok(exit::GOOD)
    }
}

impl Report for Explained {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Chain", "To", "Who", "Verdict", "Packets", "Evidence"]);
        for decision in &self.explanation.decisions {
            table.row(cells(decision));
        }
        table.write(to)?;
        writeln!(to)?;
        match (&self.explanation.subject, &self.explanation.subject_unknown) {
            (Some(found), _) => writeln!(to, "A process of {}:", report::cgroup(Some(found)))?,
            (None, Some(why)) => writeln!(to, "The process is not identified: {why}")?,
            (None, None) => {}
        }
        for check in &self.explanation.packets {
            let seen = match &check.seen {
                Seen::LetThrough => "is let through".to_owned(),
                Seen::Refused => "is refused".to_owned(),
                Seen::NotSent { reason } => format!("cannot be sent: {reason}"),
            };
            writeln!(to, "  its packet to {} {seen}", check.destination)?;
        }
        if let Some(why) = &self.explanation.no_packets {
            writeln!(to, "  no packet was sent: {why}")?;
        }
        if self.with_rules {
            writeln!(to, "\n{}", self.explanation.rules)?;
        }
        Ok(())
    }
}

fn cells(decision: &Decision) -> [String; 6] {
    let who = match &decision.who {
        Who::Cgroup {
            role,
            id,
            level,
            path,
        } => {
            let level = level.map_or_else(String::new, |level| format!(" level {level}"));
            let path = path
                .as_ref()
                .map_or_else(String::new, |path| format!("\n{path}"));
            format!("{role}: cgroup id {id}{level}{path}")
        }
        Who::Uid { uid, comment } => {
            format!("uid {uid} ({})", comment.as_deref().unwrap_or("no comment"))
        }
        Who::UnderWay => "connections under way".to_owned(),
        Who::Others => "everyone else".to_owned(),
        Who::Foreign { rule } => rule.clone(),
    };
    [
        decision.chain.to_owned(),
        decision.destination.clone().unwrap_or_default(),
        who,
        if decision.passes {
            "let through"
        } else {
            "refused"
        }
        .to_owned(),
        decision
            .packets
            .map_or_else(String::new, |packets| packets.to_string()),
        decision.evidence.join("\n"),
    ]
}
