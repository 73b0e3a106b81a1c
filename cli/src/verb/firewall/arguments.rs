//! Flags that several firewall verbs share, turned into a policy and an agent.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use warren_firewall::endpoint::{Endpoint, Mbus};
use warren_firewall::identity::AgentRef;
use warren_firewall::policy::{Deny, Forwarded, MONIT_PORT, Matching, Policy};
use warren_firewall::settings;
use warren_firewall::setup::Request;

use crate::failure::{Failure, exit};

/// Where an agent keeps its settings.
const AGENT_SETTINGS: &str = "/var/vcap/bosh/settings.json";

/// What to protect and how.
#[derive(Args, Debug)]
struct Protection {
    /// NATS server to protect, as HOST:PORT or nats:// URL (repeatable) [default: from the
    /// agent's settings]
    #[arg(long = "nats", visible_alias = "mbus", value_name = "HOST:PORT")]
    nats: Vec<String>,

    /// Agent settings file that names the NATS servers [default: /var/vcap/bosh/settings.json
    /// if it is there]
    #[arg(long, value_name = "FILE", conflicts_with = "nats")]
    settings: Option<PathBuf>,

    /// Port that monit listens on
    #[arg(long, value_name = "PORT", default_value_t = MONIT_PORT,
          value_parser = clap::value_parser!(u16).range(1..))]
    monit_port: u16,

    /// Leave monit alone
    #[arg(long, conflicts_with = "monit_port")]
    no_monit: bool,

    /// Let this user id through whatever its cgroup, for a stock monit's own client or an
    /// operator's shell (repeatable)
    #[arg(long = "allow-uid", value_name = "UID")]
    allow_uids: Vec<u32>,

    /// How a refused local caller learns of it
    #[arg(long, value_enum, default_value_t = DenyFlag::Reject)]
    deny: DenyFlag,

    /// What happens to traffic forwarded to NATS for nested containers
    #[arg(long, value_enum, default_value_t = ForwardedFlag::Deny)]
    forwarded: ForwardedFlag,

    /// Whether cgroups below the agent's count as the agent
    #[arg(long = "match", value_enum, default_value_t = MatchFlag::Exact)]
    matching: MatchFlag,
}

/// Whom to let through.
#[derive(Args, Debug)]
pub struct Agent {
    /// The agent's process [default: the caller's own cgroup]
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    agent_pid: Option<u32>,

    /// The agent's cgroup, as /proc/PID/cgroup shows it from here
    #[arg(long, value_name = "PATH", conflicts_with = "agent_pid")]
    agent_cgroup: Option<String>,

    /// What to do when the cgroup cannot be identified
    #[arg(long, value_enum, default_value_t = UnresolvedFlag::Fail)]
    on_unresolved: UnresolvedFlag,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum DenyFlag {
    /// `connection refused`, at once
    Reject,
    /// Silence until the caller's time-out
    Drop,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum ForwardedFlag {
    /// Refused: what is nested here is not the agent
    Deny,
    /// Let through, where nested containers have agents of their own
    Allow,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum MatchFlag {
    /// The agent's cgroup and nothing below it
    Exact,
    /// The agent's cgroup and everything below it
    Subtree,
}

/// What to protect and whom to let through: what set-up, verification and watching take alike.
#[derive(Args, Debug)]
pub struct Wanted {
    #[command(flatten)]
    protection: Protection,
    #[command(flatten)]
    agent: Agent,
}

/// What to do when a cgroup cannot be identified.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnresolvedFlag {
    /// Change nothing and say why
    Fail,
    /// Let the user id through instead, with a warning
    Uid,
}

impl Wanted {
    /// The request that the flags, and the agent's settings behind them, make.
    pub fn request(&self) -> Result<Request, Failure> {
        Ok(Request {
            policy: self.protection.policy()?,
            agent: self.agent.reference(),
            may_degrade: self.agent.may_degrade(),
        })
    }
}

impl Protection {
    /// The policy that the flags, and the agent's settings behind them, ask for.
    fn policy(&self) -> Result<Policy, Failure> {
        let nats = self.endpoints()?;
        if self.no_monit && nats.is_empty() {
            return Err(
                Failure::text("there is nothing to protect: no monit, and no NATS server")
                    .remedy("name a NATS server with --nats, or leave out --no-monit")
                    .code(exit::UNKNOWN),
            );
        }
        Ok(Policy {
            monit: (!self.no_monit).then_some(self.monit_port),
            nats,
            allow_uids: self.allow_uids.clone(),
            deny: match self.deny {
                DenyFlag::Reject => Deny::Reject,
                DenyFlag::Drop => Deny::Drop,
            },
            forwarded: match self.forwarded {
                ForwardedFlag::Deny => Forwarded::Deny,
                ForwardedFlag::Allow => Forwarded::Allow,
            },
            matching: match self.matching {
                MatchFlag::Exact => Matching::Exact,
                MatchFlag::Subtree => Matching::Subtree,
            },
        })
    }

    fn endpoints(&self) -> Result<Vec<Endpoint>, Failure> {
        if !self.nats.is_empty() {
            return from_flags(&self.nats);
        }
        match &self.settings {
            Some(path) => from_settings(path),
            None if Path::new(AGENT_SETTINGS).exists() => from_settings(Path::new(AGENT_SETTINGS)),
            None => Ok(Vec::new()),
        }
    }
}

impl Agent {
    /// Which process or cgroup the flags name.
    pub fn reference(&self) -> AgentRef {
        match (&self.agent_pid, &self.agent_cgroup) {
            (Some(pid), _) => AgentRef::Pid(*pid),
            (_, Some(path)) => AgentRef::Path(path.clone()),
            _ => AgentRef::Current,
        }
    }

    /// Whether an unidentified agent may be admitted by its user id.
    pub fn may_degrade(&self) -> bool {
        self.on_unresolved == UnresolvedFlag::Uid
    }
}

fn from_flags(flags: &[String]) -> Result<Vec<Endpoint>, Failure> {
    let mut endpoints = Vec::new();
    for flag in flags {
        // The text may hold a password: only the parser's own words are shown.
        match flag.parse::<Mbus>() {
            Ok(Mbus::Nats(endpoint)) => endpoints.push(endpoint),
            Ok(Mbus::Listener) => {}
            Err(error) => {
                return Err(Failure::text(format!("reading --nats: {error}")).code(exit::UNKNOWN));
            }
        }
    }
    Ok(endpoints)
}

fn from_settings(path: &Path) -> Result<Vec<Endpoint>, Failure> {
    let read = |path: &Path| {
        std::fs::read_to_string(path)
            .map_err(|error| Failure::text(format!("reading {}: {error}", path.display())))
    };
    let update = path.with_file_name("update_settings.json");
    let update = if update.exists() {
        Some(read(&update)?)
    } else {
        None
    };
    settings::endpoints(&read(path)?, update.as_deref()).map_err(|error| {
        let failure = Failure::new(&error);
        Failure {
            message: format!("{}: {}", path.display(), failure.message),
            ..failure
        }
    })
}
