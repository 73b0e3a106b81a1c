//! Set up, verify, extend and tear down: each reads, plans, acts once and reports.

use rustix::process::geteuid;
use serde::Serialize;
use warren_lib_errchain::chain;

use crate::identity::{self, Admitted, AgentRef, Identified};
use crate::jobs;
use crate::outsider::Outsider;
use crate::plan::{self, Change, Foreign};
use crate::policy::{Matching, Policy};
use crate::proof::{self, Check, Sender};
use crate::resolve::{Origin, Resolve, Target, Unresolved, targets};
use crate::ruleset;
use crate::table::{self, Kernel};

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// What to protect.
    pub policy: Policy,
    /// Whom to let through.
    pub agent: AgentRef,
    /// Whether an agent that cannot be identified is let through by its user id.
    pub may_degrade: bool,
}

/// The request could not be carried out; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// nftables.
    #[error(transparent)]
    Table(#[from] table::Error),
    /// Somebody else's table.
    #[error(transparent)]
    Foreign(#[from] Foreign),
    /// The agent.
    #[error("the agent cannot be identified")]
    Identity(#[from] identity::Error),
    /// A NATS host.
    #[error(transparent)]
    Resolve(#[from] Unresolved),
    /// A job.
    #[error(transparent)]
    Job(#[from] jobs::Error),
    /// A job whose cgroup holds everything.
    #[error(
        "the job's cgroup is the root of this cgroup namespace: all processes here would get access with it"
    )]
    JobAtRoot,
    /// The guard table.
    #[error("cannot change the guard table; does another watcher run in this network namespace?")]
    Guard(#[source] warren_sys_nft::Error),
    /// Change events of nftables.
    #[error("cannot follow the changes of the ruleset")]
    Follow(#[source] warren_sys_nft::Error),
    /// poll(2).
    #[error("cannot wait for changes: {0}")]
    Wait(#[source] rustix::io::Errno),
    /// A job that has no name to be known by.
    #[error("the cgroup {0} names no job")]
    JobUnnamed(String),
}

/// Whom the rules let through, and why.
#[derive(Debug, Serialize)]
pub struct Agent {
    /// What the rules name.
    pub admitted: Admitted,
    /// The cgroup, where it was identified.
    pub identity: Option<Identified>,
    /// Why it was not, where the fallback was used.
    pub degraded: Option<String>,
    /// Other processes in the agent's cgroup, which pass as the agent.
    pub sharing: usize,
}

/// A NATS endpoint and its addresses.
#[derive(Debug, Serialize)]
pub struct NatsReport {
    /// `HOST:PORT`.
    pub endpoint: String,
    /// Its addresses.
    pub addresses: Vec<std::net::IpAddr>,
    /// How they are known.
    #[serde(flatten)]
    pub origin: Origin,
}

/// What packets showed.
#[derive(Debug, Serialize)]
pub struct Proof {
    /// Packet by packet.
    pub checks: Vec<Check>,
    /// Why there was no packet of an outsider, where there was none.
    pub no_outsider: Option<String>,
    /// Why there was none at all.
    pub failure: Option<String>,
}

impl Proof {
    /// Whether the agent was seen to pass and nothing went otherwise than due.
    pub fn holds(&self) -> bool {
        let agent_passed =
            |check: &Check| check.sender == Sender::Agent && check.holds() == Some(true);
        self.failure.is_none()
            && self.checks.iter().any(agent_passed)
            && self.checks.iter().all(|check| check.holds() != Some(false))
    }
}

/// The state after a set-up, or found by a verification.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// Whom the rules let through.
    pub agent: Agent,
    /// What is protected besides monit.
    pub nats: Vec<NatsReport>,
    /// What was changed, or differs.
    pub changes: Vec<Change>,
    /// What packets showed.
    pub proof: Proof,
}

/// Rules that are in force and not proved yet.
#[derive(Debug)]
pub struct InForce {
    /// Whom they let through.
    pub agent: Agent,
    /// What was changed.
    pub changes: Vec<Change>,
    targets: Vec<Target>,
    policy: Policy,
}

impl InForce {
    /// Proves them with packets.
    #[must_use]
    pub fn prove(self, kernel: &mut Kernel) -> Outcome {
        let proof = prove(kernel, &self.policy, &self.agent, &self.targets);
        Outcome {
            agent: self.agent,
            nats: nats_report(self.targets),
            changes: self.changes,
            proof,
        }
    }
}

/// Puts the rules in force, in one transaction, and proves them.
///
/// # Errors
/// [`Error`]; nothing is changed then.
pub fn setup(
    kernel: &mut Kernel,
    request: &Request,
    resolver: &mut dyn Resolve,
) -> Result<Outcome, Error> {
    Ok(enforce(kernel, request, resolver)?.prove(kernel))
}

/// Puts the rules in force, in one transaction.
///
/// # Errors
/// [`Error`]; nothing is changed then.
pub fn enforce(
    kernel: &mut Kernel,
    request: &Request,
    resolver: &mut dyn Resolve,
) -> Result<InForce, Error> {
    let known = kernel.read()?.known_addresses();
    let agent = agent(kernel, request)?;
    let targets = targets(&request.policy.nats, &known, resolver)?;
    let desired = ruleset::desired(&request.policy, &agent.admitted, &targets);
    let changes = kernel.update(|actual| plan::plan(&desired, actual).map_err(Error::from))?;
    Ok(InForce {
        agent,
        changes,
        targets,
        policy: request.policy.clone(),
    })
}

/// Compares the rules in force with those asked for, and proves them; changes nothing.
///
/// # Errors
/// [`Error`].
pub fn verify(
    kernel: &mut Kernel,
    request: &Request,
    resolver: &mut dyn Resolve,
) -> Result<Outcome, Error> {
    let actual = kernel.read()?;
    let agent = agent(kernel, request)?;
    let targets = targets(&request.policy.nats, &actual.known_addresses(), resolver)?;
    let desired = ruleset::desired(&request.policy, &agent.admitted, &targets);
    let (_, changes) = plan::plan(&desired, &actual)?;
    let proof = prove(kernel, &request.policy, &agent, &targets);
    Ok(Outcome {
        agent,
        nats: nats_report(targets),
        changes,
        proof,
    })
}

/// Removes the table; tells whether there was one.
///
/// # Errors
/// [`Error`].
pub fn teardown(kernel: &mut Kernel) -> Result<bool, Error> {
    kernel.update(|actual| Ok((plan::teardown(actual), actual.table.is_some())))
}

/// A job that was let through.
#[derive(Debug, Serialize)]
pub struct JobOutcome {
    /// Its name.
    pub job: String,
    /// What its rules name.
    pub admitted: Admitted,
    /// The cgroup, where it was identified.
    pub identity: Option<Identified>,
    /// Why it was not, where the fallback was used.
    pub degraded: Option<String>,
    /// Whether anything had to be changed.
    pub changed: bool,
}

/// Lets a job reach monit: the caller's, or the one the request names. Without `job` the
/// name is taken from the cgroup that bpm made for it.
///
/// # Errors
/// [`Error`]; nothing is changed then.
pub fn enable_monit_access(
    kernel: &mut Kernel,
    job: Option<&str>,
    request: &Request,
    fallback_uid: u32,
) -> Result<JobOutcome, Error> {
    if let Some(job) = job {
        jobs::check_name(job)?;
    }
    kernel
        .read()?
        .chain(ruleset::MONIT_JOBS)
        .ok_or(jobs::Error::NoChain)?;
    let (identity, degraded) = match identify_job(kernel, request) {
        Ok(identity) => (Some(identity), None),
        Err(error) if request.may_degrade => (None, Some(chain(&error))),
        Err(error) => return Err(error),
    };
    let path = identity
        .as_ref()
        .and_then(|identity| identity.path.clone())
        .unwrap_or_default();
    let job = match job {
        Some(job) => job.to_owned(),
        None => jobs::name_from_path(&path).ok_or(Error::JobUnnamed(path))?,
    };
    let admitted = identity
        .as_ref()
        .map_or(Admitted::Uid(fallback_uid), Identified::admitted);
    let changed = kernel.update(|actual| {
        let batch = jobs::plan(&job, &admitted, &request.policy, actual)?;
        let changed = !batch.is_empty();
        Ok::<_, Error>((batch, changed))
    })?;
    Ok(JobOutcome {
        job,
        admitted,
        identity,
        degraded,
        changed,
    })
}

/// The namespace root would let through everything below it, which is everything.
fn identify_job(kernel: &mut Kernel, request: &Request) -> Result<Identified, Error> {
    let identity = identity::identify(kernel.nft(), &request.agent)?;
    if identity.path.as_deref() == Some("/") {
        return Err(Error::JobAtRoot);
    }
    Ok(identity)
}

/// Identifies the agent, or falls back to its user id where the request allows it.
pub(crate) fn agent(kernel: &mut Kernel, request: &Request) -> Result<Agent, Error> {
    match identity::identify(kernel.nft(), &request.agent) {
        Ok(identity) => Ok(Agent {
            admitted: identity.admitted(),
            sharing: sharing(&identity),
            identity: Some(identity),
            degraded: None,
        }),
        Err(error) if request.may_degrade => Ok(Agent {
            admitted: Admitted::Uid(0),
            identity: None,
            degraded: Some(chain(&error)),
            sharing: 0,
        }),
        Err(error) => Err(error.into()),
    }
}

/// Processes in the cgroup but the caller and the agent itself.
fn sharing(identity: &Identified) -> usize {
    let own = std::process::id().cast_signed();
    let procs = identity
        .group
        .as_ref()
        .and_then(|group| group.procs().ok())
        .unwrap_or_default();
    // One of the others is the agent: the caller's parent, or the process named.
    procs
        .iter()
        .filter(|pid| **pid != own)
        .count()
        .saturating_sub(1)
}

fn prove(kernel: &mut Kernel, policy: &Policy, agent: &Agent, targets: &[Target]) -> Proof {
    let mut places = ruleset::monit_destinations(policy);
    places.extend(ruleset::nats_destinations(targets).map(|(place, _)| place));
    let agents_packet = proof::From {
        sender: Sender::Agent,
        cgroup: agent.identity.as_ref().and_then(Identified::sender),
        due: true,
    };
    let everything_below = policy.matching == Matching::Subtree
        && agent
            .identity
            .as_ref()
            .is_some_and(|found| found.path.as_deref() == Some("/"));
    let (outsider, no_outsider) = match Outsider::create() {
        _ if everything_below => (
            None,
            Some("every cgroup here is below the agent's".to_owned()),
        ),
        Ok(outsider) => (Some(outsider), None),
        Err(error) => (None, Some(chain(&error))),
    };
    let uid = geteuid().as_raw();
    let passes_by_uid = policy.allow_uids.contains(&uid) || agent.admitted == Admitted::Uid(uid);
    let outsiders_packet = outsider.as_ref().map(|outsider| proof::From {
        sender: Sender::Outsider,
        cgroup: Some(outsider.directory()),
        due: passes_by_uid,
    });
    let senders: Vec<_> = outsiders_packet
        .into_iter()
        .chain([agents_packet])
        .collect();
    match proof::run(kernel.nft(), &places, &senders) {
        Ok(checks) => Proof {
            checks,
            no_outsider,
            failure: None,
        },
        Err(error) => Proof {
            checks: Vec::new(),
            no_outsider,
            failure: Some(chain(&error)),
        },
    }
}

fn nats_report(targets: Vec<Target>) -> Vec<NatsReport> {
    let report = |target: Target| NatsReport {
        endpoint: target.endpoint.to_string(),
        addresses: target.addresses.into_iter().collect(),
        origin: target.origin,
    };
    targets.into_iter().map(report).collect()
}
