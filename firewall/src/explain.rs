//! Who gets through, and what each decision rests on: the rules in force, read back from the
//! kernel, each with the evidence found now.

use rustix::io::Errno;
use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_cgroup::{Cgroup, CgroupId};
use warren_sys_mount::{DetachedCgroup2, detached_cgroup2};
use warren_sys_nft::{CmpOp, Expr, Field, Register, Rule, SocketKey};

use crate::identity::{self, AgentRef, Identified};
use crate::jobs;
use crate::plan::Actual;
use crate::proof::{self, Check, Sender};
use crate::ruleset::{
    self, COMMENT_AGENT, COMMENT_UNDER_WAY, COMMENT_UNPROTECTED, Destination, MONIT, MONIT_JOBS,
    NATS,
};
use crate::setup::Error;
use crate::table::Kernel;

/// One rule's or element's decision.
#[derive(Debug, Serialize)]
pub struct Decision {
    /// Chain it stands in.
    pub chain: &'static str,
    /// Where packets are going, as `ADDRESS:PORT`; `None` if the rule names no place.
    pub destination: Option<String>,
    /// Whom it is about.
    pub who: Who,
    /// Whether they get through.
    pub passes: bool,
    /// Packets so far, where the rule counts them.
    pub packets: Option<u64>,
    /// What supports that `who` is whom the operator means.
    pub evidence: Vec<String>,
}

/// Whom a rule is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Who {
    /// A cgroup, by id and level.
    Cgroup {
        /// Its role: `agent`, `below the agent`, or `job NAME`.
        role: String,
        /// The id.
        id: u64,
        /// The level compared at; `None` for an element of the jobs' set.
        level: Option<u32>,
        /// Where it is now, seen from here.
        path: Option<String>,
    },
    /// A user.
    Uid {
        /// The number.
        uid: u32,
        /// The rule's comment: which job it is for, if any.
        comment: Option<String>,
    },
    /// Whoever was let through when the connection began.
    UnderWay,
    /// Everyone whom no rule before is about.
    Others,
    /// A rule this program did not write, in nft's language.
    Foreign {
        /// Its text.
        rule: String,
    },
}

/// Who gets through in this network namespace.
#[derive(Debug, Serialize)]
pub struct Explanation {
    /// Decisions in the order the kernel takes them.
    pub decisions: Vec<Decision>,
    /// The process asked about, if it was identified.
    pub subject: Option<Identified>,
    /// Why it was not.
    pub subject_unknown: Option<String>,
    /// What became of a packet from the subject to each protected place.
    pub packets: Vec<Check>,
    /// Why there was no such packet.
    pub no_packets: Option<String>,
    /// The table in nft's language.
    pub rules: String,
}

/// Explains the rules in force, and what they mean for `subject`. `None`: there are none.
///
/// # Errors
/// The table cannot be read.
pub fn explain(kernel: &mut Kernel, subject: &AgentRef) -> Result<Option<Explanation>, Error> {
    let actual = kernel.read()?;
    let Some(table) = &actual.table else {
        return Ok(None);
    };
    let tree = detached_cgroup2();
    let identified = identity::identify(kernel.nft(), subject);
    let subject = identified.as_ref().ok();
    let mut decisions = Vec::new();
    for (name, rules) in [
        (MONIT, actual.rules_of(MONIT)),
        (NATS, actual.rules_of(NATS)),
    ] {
        for listed in rules {
            if matches!(listed.rule.exprs.last(), Some(Expr::Verdict(verdict))
                if *verdict == warren_sys_nft::Verdict::Jump(MONIT_JOBS.to_owned()))
            {
                decisions.extend(job_decisions(&actual, tree.as_ref().ok()));
            } else if let Some(decision) = decision(name, &listed.rule, tree.as_ref().ok(), subject)
            {
                decisions.push(decision);
            }
        }
    }
    let places = places(&actual);
    let (packets, no_packets) = match subject.map(|subject| send(kernel, &places, subject)) {
        Some(Ok(checks)) => (checks, None),
        Some(Err(error)) => (Vec::new(), Some(chain(&error))),
        None => (Vec::new(), Some("the process is not identified".to_owned())),
    };
    let rules = table.to_string();
    let (subject, subject_unknown) = match identified {
        Ok(found) => (Some(found), None),
        Err(error) => (None, Some(chain(&error))),
    };
    Ok(Some(Explanation {
        decisions,
        subject,
        subject_unknown,
        packets,
        no_packets,
        rules,
    }))
}

fn send(
    kernel: &mut Kernel,
    places: &[Destination],
    subject: &Identified,
) -> Result<Vec<Check>, proof::Error> {
    let from = proof::From {
        sender: Sender::Agent,
        cgroup: subject.sender(),
        due: true,
    };
    proof::run(kernel.nft(), places, &[from])
}

/// Every place that a rule of ours refuses others.
fn places(actual: &Actual) -> Vec<Destination> {
    let mut places = Vec::new();
    for listed in actual.rules_of(MONIT).iter().chain(actual.rules_of(NATS)) {
        let place = ruleset::destination(&listed.rule);
        places.extend(place.filter(|place| !places.contains(place)));
    }
    places
}

fn decision(
    chain: &'static str,
    rule: &Rule,
    tree: Option<&DetachedCgroup2>,
    subject: Option<&Identified>,
) -> Option<Decision> {
    let passes = match rule.exprs.last() {
        Some(Expr::Verdict(warren_sys_nft::Verdict::Accept)) => true,
        Some(Expr::Verdict(warren_sys_nft::Verdict::Drop) | Expr::Reject(_)) => false,
        // Marking a packet decides nothing.
        Some(Expr::MetaSet { .. }) => return None,
        _ => return Some(foreign(chain, rule)),
    };
    let mut evidence = Vec::new();
    let who = if let Some((id, level)) = cgroup_of(rule) {
        let role = rule.comment.clone().unwrap_or_default();
        let path = describe(id, tree, &mut evidence);
        if role == COMMENT_AGENT {
            compare(id, level, subject, &mut evidence);
        }
        Who::Cgroup {
            role,
            id,
            level: Some(level),
            path,
        }
    } else if let Some(uid) = uid_of(rule) {
        evidence.push("the kernel's record of who made the socket".to_owned());
        Who::Uid {
            uid,
            comment: rule.comment.clone(),
        }
    } else if rule.comment.as_deref() == Some(COMMENT_UNPROTECTED) {
        return None;
    } else if rule.comment.as_deref() == Some(COMMENT_UNDER_WAY) {
        evidence.push("TCP: no connection without its first packet, which is judged".to_owned());
        Who::UnderWay
    } else {
        Who::Others
    };
    let destination = ruleset::destination(rule).map(|place| place.to_string());
    let packets = rule.counted().map(|(packets, _)| packets);
    Some(Decision {
        chain,
        destination,
        who,
        passes,
        packets,
        evidence,
    })
}

fn job_decisions(actual: &Actual, tree: Option<&DetachedCgroup2>) -> Vec<Decision> {
    let covered = jobs::covered_levels(actual);
    let mut decisions = Vec::new();
    for job in jobs::listed(actual) {
        let mut evidence = Vec::new();
        let who = match job.admitted {
            jobs::JobAccess::CgroupId(id) => {
                let path = describe(id, tree, &mut evidence);
                evidence.push(format!("looked up at levels {covered:?}"));
                Who::Cgroup {
                    role: format!("job {}", job.job),
                    id,
                    level: None,
                    path,
                }
            }
            jobs::JobAccess::Rule(rule) => Who::Foreign { rule },
        };
        decisions.push(Decision {
            chain: MONIT_JOBS,
            destination: None,
            who,
            passes: true,
            packets: None,
            evidence,
        });
    }
    for listed in actual.rules_of(MONIT_JOBS) {
        if listed.rule.comment.is_none() {
            decisions.push(foreign(MONIT_JOBS, &listed.rule));
        }
    }
    decisions
}

fn foreign(chain: &'static str, rule: &Rule) -> Decision {
    let passes = matches!(
        rule.exprs.last(),
        Some(Expr::Verdict(warren_sys_nft::Verdict::Accept))
    );
    Decision {
        chain,
        destination: ruleset::destination(rule).map(|place| place.to_string()),
        who: Who::Foreign {
            rule: rule.to_string(),
        },
        passes,
        packets: rule.counted().map(|(packets, _)| packets),
        evidence: Vec::new(),
    }
}

/// Where the cgroup is now, through the kernel's own lookup by id.
fn describe(id: u64, tree: Option<&DetachedCgroup2>, evidence: &mut Vec<String>) -> Option<String> {
    let Some(tree) = tree else {
        evidence.push("the cgroup tree cannot be looked at from here".to_owned());
        return None;
    };
    match Cgroup::open_by_id(&tree.root, CgroupId(id)) {
        Ok(group) => {
            let processes = group.procs().map_or(0, |procs| procs.len());
            let path = path_of(&group).ok();
            evidence.push(format!("the cgroup exists and holds {processes} processes"));
            path
        }
        Err(_) => {
            evidence.push("no such cgroup within sight: it was removed, or is above us".to_owned());
            None
        }
    }
}

/// The kernel's name for the directory behind a descriptor.
fn path_of(group: &Cgroup) -> Result<String, Errno> {
    use std::os::fd::{AsFd, AsRawFd};
    let link = format!("/proc/self/fd/{}", group.as_fd().as_raw_fd());
    let target = std::fs::read_link(link)
        .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    Ok(target.to_string_lossy().into_owned())
}

/// Whether what the rule names is what the subject is found to be now.
fn compare(id: u64, level: u32, subject: Option<&Identified>, evidence: &mut Vec<String>) {
    let Some(subject) = subject.filter(|subject| subject.id == id) else {
        return;
    };
    for way in &subject.evidence {
        match (&way.id, &way.failure) {
            (Some(found), _) => evidence.push(format!("{}: id {found}", way.way)),
            (None, Some(why)) => evidence.push(format!("{}: {why}", way.way)),
            (None, None) => {}
        }
    }
    let same = if subject.level.level == level {
        "the same"
    } else {
        "ANOTHER: run setup again"
    };
    evidence.push(format!(
        "level measured with a packet: {}, {same}",
        subject.level.level
    ));
}

/// The id and level a rule compares the socket's cgroup with.
fn cgroup_of(rule: &Rule) -> Option<(u64, u32)> {
    let pairs = rule.exprs.iter().zip(rule.exprs.iter().skip(1));
    pairs.into_iter().find_map(|pair| match pair {
        (
            Expr::Socket {
                key: SocketKey::CgroupV2,
                level: Some(level),
                ..
            },
            Expr::Cmp {
                op: CmpOp::Eq,
                value,
                ..
            },
        ) => Some((
            u64::from_ne_bytes(value.as_slice().try_into().ok()?),
            *level,
        )),
        _ => None,
    })
}

fn uid_of(rule: &Rule) -> Option<u32> {
    let load = Field::SkUid.load(Register::R1);
    let pairs = rule.exprs.iter().zip(rule.exprs.iter().skip(1));
    pairs.into_iter().find_map(|pair| match pair {
        (
            first,
            Expr::Cmp {
                op: CmpOp::Eq,
                value,
                ..
            },
        ) if *first == load => Some(u32::from_ne_bytes(value.as_slice().try_into().ok()?)),
        _ => None,
    })
}
