//! Jobs that may reach monit: one cgroup id each, kept in a named set. Pure.
//!
//! ```text
//! set monit_access_job_ids { type cgroupsv2; 4711 comment "bosh-monit-access:uaa", ... }
//! chain monit_access_jobs {
//!     ip daddr 127.0.0.1 tcp dport 2822 socket cgroupv2 level 3 @monit_access_job_ids log accept
//! }
//! ```
//!
//! A restarted job has a new cgroup: its element is replaced in the same transaction that adds the
//! new one, and so is a rule that the stock `enable-monit-access` made for it. Ids are unique
//! over all levels, so one set serves a lookup rule for every level in use. A job's own
//! descendants are let through with it, as the stock rule does.

use serde::Serialize;
use warren_sys_nft::{Batch, DataType, Element, Expr, Key, Rule, Set, SocketKey};

use crate::identity::Admitted;
use crate::plan::{Actual, Foreign};
use crate::policy::Policy;
use crate::ruleset::{self, FAMILY, MONIT_JOBS, TABLE};

/// Name of the set.
pub const SET: &str = "monit_access_job_ids";
/// Comment of the lookup rules.
pub const LOOKUP_COMMENT: &str = "bosh-monit-access";
const TAG: &str = "bosh-monit-access:";
/// Longest job name: a comment holds 128 bytes.
const LONGEST_JOB: usize = 100;

/// A job and what lets it through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Job {
    /// Its name.
    pub job: String,
    /// Its cgroup, or the user id it was let through by.
    pub admitted: JobAccess,
}

/// What lets a job through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobAccess {
    /// An element of our set.
    CgroupId(u64),
    /// A rule of its own, as the stock agent writes them; its text.
    Rule(String),
}

/// Why a job is not let through.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is nothing to add to.
    #[error("the table inet {TABLE} has no chain {MONIT_JOBS}: no agent firewall is set up here")]
    NoChain,
    /// Not a name that a comment can carry.
    #[error("'{0}' is no job name: 1 to {LONGEST_JOB} letters, digits, '-', '_' or '.'")]
    Name(String),
    /// The table's parts are not ours.
    #[error(transparent)]
    Foreign(#[from] Foreign),
}

/// The set.
pub fn set() -> Set {
    Set::new(FAMILY, TABLE, SET, DataType::CgroupV2)
}

/// Checks a job name.
///
/// # Errors
/// [`Error::Name`].
pub fn check_name(job: &str) -> Result<(), Error> {
    let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=LONGEST_JOB).contains(&job.len()) && job.bytes().all(ok) {
        return Ok(());
    }
    Err(Error::Name(job.to_owned()))
}

/// The job name in the path of a cgroup that bpm made: `runc-bpm-<job>.scope`,
/// `<unit>-bpm-bpm-<job>.scope` (systemd driver) or a last element `bpm-<job>`; or the name of the
/// service, in that of a group that our supervisor made for it: `warren-job-<service>`.
pub fn name_from_path(path: &str) -> Option<String> {
    path.rsplit('/').find_map(|element| {
        let unit = element.strip_suffix(".scope").unwrap_or(element);
        let job = match unit.rsplit_once("-bpm-bpm-") {
            Some((_, job)) => job,
            None => unit
                .strip_prefix("runc-bpm-")
                .or_else(|| unit.strip_prefix("bpm-"))
                .or_else(|| unit.strip_prefix("warren-job-"))?,
        };
        check_name(job).ok().map(|()| job.to_owned())
    })
}

/// The transaction that lets a job through; empty if it is let through already.
///
/// # Errors
/// [`Error`].
pub fn plan(
    job: &str,
    admitted: &Admitted,
    policy: &Policy,
    actual: &Actual,
) -> Result<Batch, Error> {
    check_name(job)?;
    let chain = actual.chain(MONIT_JOBS).ok_or(Error::NoChain)?;
    let tag = format!("{TAG}{job}");
    let mut batch = Batch::new();
    let elements = elements(actual)?;
    let wanted = match admitted {
        Admitted::Cgroup { id, .. } => Some(Key::cgroup(*id)),
        Admitted::Uid(_) => None,
    };
    for listed in actual.rules_of(MONIT_JOBS) {
        let is_wanted = |rule: &Rule| match admitted {
            Admitted::Uid(uid) => uid_rules(*uid, policy, &tag)
                .iter()
                .any(|own| own.same_as(rule)),
            Admitted::Cgroup { .. } => false,
        };
        if listed.rule.comment.as_deref() == Some(&tag) && !is_wanted(&listed.rule) {
            batch.delete_rule(chain, listed.handle);
        }
    }
    if elements.is_none() && wanted.is_some() {
        batch.add_set(&set());
    }
    let elements = elements.unwrap_or_default();
    let of_job = |element: &&Element| element.comment.as_deref() == Some(&tag);
    let stale: Vec<Element> = elements
        .iter()
        .filter(of_job)
        .filter(|element| Some(&element.key) != wanted.as_ref())
        .cloned()
        .collect();
    if !stale.is_empty() {
        batch.delete_elements(&set(), stale);
    }
    let is_there = |key: &Key| elements.iter().any(|element| element.key == *key);
    if let Some(key) = wanted.filter(|key| !is_there(key)) {
        batch.add_elements(&set(), [Element::new(key).with_comment(&tag)]);
    }
    let rules = match admitted {
        Admitted::Cgroup { level, .. } => lookup_rules(*level, policy),
        Admitted::Uid(uid) => uid_rules(*uid, policy, &tag),
    };
    for rule in rules {
        if !actual
            .rules_of(MONIT_JOBS)
            .iter()
            .any(|listed| listed.rule.same_as(&rule))
        {
            batch.add_rule(chain, rule);
        }
    }
    Ok(batch)
}

/// The jobs that are let through now, by us or by the stock agent.
pub fn listed(actual: &Actual) -> Vec<Job> {
    let tagged = |comment: &Option<String>| {
        comment
            .as_deref()
            .and_then(|text| text.strip_prefix(TAG))
            .map(str::to_owned)
    };
    let mut jobs = Vec::new();
    for element in elements(actual).ok().flatten().unwrap_or_default() {
        if let (Some(job), Some(id)) = (tagged(&element.comment), cgroup_id(&element.key)) {
            jobs.push(Job {
                job,
                admitted: JobAccess::CgroupId(id),
            });
        }
    }
    for rule in actual.rules_of(MONIT_JOBS) {
        if let Some(job) = tagged(&rule.rule.comment) {
            jobs.push(Job {
                job,
                admitted: JobAccess::Rule(rule.rule.to_string()),
            });
        }
    }
    jobs
}

/// The levels that our lookup rules cover.
pub fn covered_levels(actual: &Actual) -> Vec<u32> {
    let level = |expr: &Expr| match expr {
        Expr::Socket {
            key: SocketKey::CgroupV2,
            level,
            ..
        } => *level,
        _ => None,
    };
    let lookups = actual
        .rules_of(MONIT_JOBS)
        .iter()
        .filter(|listed| listed.rule.comment.as_deref() == Some(LOOKUP_COMMENT));
    let mut levels: Vec<u32> = lookups
        .filter_map(|listed| listed.rule.exprs.iter().find_map(level))
        .collect();
    levels.dedup();
    levels
}

fn cgroup_id(key: &Key) -> Option<u64> {
    <[u8; 8]>::try_from(key.0.as_slice())
        .ok()
        .map(u64::from_ne_bytes)
}

fn elements(actual: &Actual) -> Result<Option<&[Element]>, Foreign> {
    match actual.set(SET) {
        None => Ok(None),
        Some((set, elements)) if set.key_type == DataType::CgroupV2 => Ok(Some(elements)),
        Some(_) => Err(Foreign::Set {
            set: SET.to_owned(),
        }),
    }
}

fn lookup_rules(level: u32, policy: &Policy) -> Vec<Rule> {
    let rule = |place: ruleset::Destination| {
        let matched = place.rule().socket_cgroupv2_in(level, SET);
        matched
            .log("bosh-monit-access ")
            .accept()
            .with_comment(LOOKUP_COMMENT)
    };
    ruleset::monit_destinations(policy)
        .into_iter()
        .map(rule)
        .collect()
}

fn uid_rules(uid: u32, policy: &Policy, tag: &str) -> Vec<Rule> {
    let rule = |place: ruleset::Destination| {
        place
            .rule()
            .meta_skuid(uid)
            .log("bosh-monit-access ")
            .accept()
            .with_comment(tag)
    };
    ruleset::monit_destinations(policy)
        .into_iter()
        .map(rule)
        .collect()
}
