//! How the firewall verbs show what they found.

use std::io::{self, Write};

use serde::Serialize;
use warren_firewall::identity::{Admitted, Identified};
use warren_firewall::plan::Change;
use warren_firewall::proof::{Check, Seen, Sender};
use warren_firewall::resolve::Origin;
use warren_firewall::setup::{Agent, NatsReport, Outcome, Proof};

use crate::output::{Report, Table};

/// The result of `setup`.
#[derive(Serialize)]
pub struct Setup {
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The result of `verify`.
#[derive(Serialize)]
pub struct Verify {
    #[serde(flatten)]
    pub outcome: Outcome,
}

impl Report for Setup {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let done = match self.outcome.changes.as_slice() {
            [] => "as they were".to_owned(),
            some => changes(some),
        };
        write_outcome(&self.outcome, ("Rules", &done), to)
    }
}

impl Report for Verify {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let found = match self.outcome.changes.as_slice() {
            [] => "as asked for".to_owned(),
            some => format!("not as asked for; setup would make: {}", changes(some)),
        };
        write_outcome(&self.outcome, ("Rules", &found), to)
    }
}

fn write_outcome(outcome: &Outcome, rules: (&str, &str), to: &mut dyn Write) -> io::Result<()> {
    if let Some(reason) = &outcome.agent.degraded {
        writeln!(
            to,
            "Warning: the agent is not identified by its cgroup: {reason}\n"
        )?;
    }
    let mut facts = Table::facts();
    facts.row(["Agent".to_owned(), agent(&outcome.agent)]);
    for line in outcome.nats.iter().map(nats) {
        facts.row(["NATS".to_owned(), line]);
    }
    facts.row([rules.0.to_owned(), rules.1.to_owned()]);
    facts.row(["Proof".to_owned(), verdict(&outcome.proof)]);
    facts.write(to)?;
    writeln!(to)?;
    checks(&outcome.proof.checks).write(to)
}

/// The agent, and who passes with it.
pub fn agent(agent: &Agent) -> String {
    let whom = match &agent.admitted {
        Admitted::Cgroup { .. } => cgroup(agent.identity.as_ref()),
        Admitted::Uid(uid) => format!("every process of uid {uid}"),
    };
    match agent.sharing {
        0 => whom,
        others => format!("{whom}\nWarning: {others} other processes are in it and pass as well"),
    }
}

/// A cgroup, its id and its level.
pub fn cgroup(identity: Option<&Identified>) -> String {
    match identity {
        None => String::new(),
        Some(found) => format!(
            "cgroup {} (id {}, level {})",
            found.path.as_deref().unwrap_or("of unknown path"),
            found.id,
            found.level.level
        ),
    }
}

/// Whom the rules name.
pub fn admitted(admitted: &Admitted) -> String {
    match admitted {
        Admitted::Cgroup { id, level } => format!("the agent is cgroup id {id} at level {level}"),
        Admitted::Uid(uid) => format!("the agent is uid {uid}"),
    }
}

fn nats(report: &NatsReport) -> String {
    let addresses: Vec<String> = report.addresses.iter().map(ToString::to_string).collect();
    let addresses = addresses.join(", ");
    match &report.origin {
        Origin::Literal => report.endpoint.clone(),
        Origin::Resolved => format!("{} is {addresses}", report.endpoint),
        Origin::Kept { reason } => {
            format!(
                "{} is still {addresses}\nWarning: it does not resolve: {reason}",
                report.endpoint
            )
        }
    }
}

/// What was or would be changed.
pub fn changes(changes: &[Change]) -> String {
    let text = |change: &Change| match change {
        Change::TableAdded => "table added".to_owned(),
        Change::ChainAdded { chain } => format!("chain {chain} added"),
        Change::RulesReplaced { chain, was, now } => {
            format!("{was} rules of {chain} replaced by {now}")
        }
        Change::ChainRemoved { chain } => format!("chain {chain} removed"),
    };
    changes.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn verdict(proof: &Proof) -> String {
    if let Some(failure) = &proof.failure {
        return format!("none: {failure}");
    }
    let outsider = match &proof.no_outsider {
        Some(reason) => format!("; no outsider's packet could be sent: {reason}"),
        None => String::new(),
    };
    let is = if proof.holds() { "holds" } else { "FAILS" };
    format!("{is}{outsider}")
}

fn checks(checks: &[Check]) -> Table {
    let mut table = Table::new(&["Packet to", "From", "Was", "Due"]);
    for check in checks {
        let sender = match check.sender {
            Sender::Agent => "the agent's cgroup",
            Sender::Outsider => "another cgroup",
        };
        let seen = match &check.seen {
            Seen::LetThrough => "let through".to_owned(),
            Seen::Refused => "refused".to_owned(),
            Seen::NotSent { reason } => format!("not sent: {reason}"),
        };
        let due = match check.holds() {
            Some(true) => "as due",
            Some(false) => "WRONG",
            None => "",
        };
        table.row([
            check.destination.to_string(),
            sender.to_owned(),
            seen,
            due.to_owned(),
        ]);
    }
    table
}
