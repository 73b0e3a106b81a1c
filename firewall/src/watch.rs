//! Keeps the rules as they should be: when somebody changes the table, when the agent's cgroup
//! is made anew, when a NATS host moves.
//!
//! ```text
//!            ┌──────── nft event, cgroup event, or timer ────────┐
//!            ▼                                                   │
//!  identify ──► resolve (timer only) ──► plan ──► commit if it differs ──► guard
//! ```
//!
//! An event carries no data that is acted upon: each turn compares the whole table with
//! what it should be. So a lost event, reported as an overrun, costs nothing but a turn, and
//! the turn itself may fail and be tried again.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_cgroup::{self as cgroup, Cgroup, NsPath};
use warren_sys_mount::detached_cgroup2;
use warren_sys_nft::Monitor;

use crate::guard::Guard;
use crate::identity::{self, Admitted, AgentRef, Identified};
use crate::plan::{self, Change};
use crate::resolve::{Resolve, Target, targets};
use crate::ruleset;
use crate::setup::{self, Error, Request};
use crate::table::{self, Kernel};

/// How long a failed turn waits for the next.
const RETRY: Duration = Duration::from_millis(200);
/// Events come in bursts; one turn answers those of a burst.
const SETTLE: Duration = Duration::from_millis(2);
/// How often to look where no event tells: a safety net, not the way changes are found.
const LOOK: Duration = Duration::from_secs(1);

/// What a watcher does, for its log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// The rules are in force and watched.
    Watching {
        /// Whom they let through.
        admitted: Admitted,
    },
    /// The rules were not as they should be, and are again.
    Restored {
        /// What differed.
        changes: Vec<Change>,
        /// Whom they let through.
        admitted: Admitted,
    },
    /// The agent's cgroup is gone; nobody is let through until there is one again.
    AgentLost {
        /// What looking for it came to.
        reason: String,
    },
    /// A turn failed; the rules in force stay, and it is tried again.
    Failed {
        /// Why.
        reason: String,
    },
}

/// The watcher.
pub struct Watcher<'a> {
    request: Request,
    resolver: &'a mut dyn Resolve,
    resolve_every: Duration,
    monitor: Monitor,
    guard: Guard,
    kernel: Kernel,
    follower: Option<Follower>,
    /// The identity that the rules were last made for.
    admitted: Admitted,
    targets: Vec<Target>,
    next_resolve: Instant,
    is_agent_lost: bool,
}

impl<'a> Watcher<'a> {
    /// Puts the rules in force and begins to watch them.
    ///
    /// # Errors
    /// As [`setup::setup`]; also if another watcher runs in this network namespace.
    pub fn start(
        request: Request,
        resolver: &'a mut dyn Resolve,
        resolve_every: Duration,
    ) -> Result<(Self, setup::Outcome), Error> {
        let open = |error| Error::Table(table::Error::Open(error));
        // Follow first, so that no change between set-up and watching is missed.
        let monitor = Monitor::open().map_err(open)?;
        let guard = Guard::stand().map_err(Error::Guard)?;
        let mut kernel = Kernel::open()?;
        let outcome = setup::setup(&mut kernel, &request, resolver)?;
        // A pid names a process that may be restarted; its cgroup's path outlives it.
        let path = outcome
            .agent
            .identity
            .as_ref()
            .and_then(|identity| identity.path.clone());
        let request = match (&request.agent, path) {
            (AgentRef::Pid(_), Some(path)) => Request {
                agent: AgentRef::Path(path),
                ..request
            },
            _ => request,
        };
        let follower = Follower::of(&request.agent, outcome.agent.identity.as_ref());
        let known = kernel.read()?.known_addresses();
        let targets = targets(&request.policy.nats, &known, resolver)?;
        let admitted = outcome.agent.admitted;
        let next_resolve = Instant::now() + resolve_every;
        let mut watcher = Watcher {
            request,
            resolver,
            resolve_every,
            monitor,
            guard,
            kernel,
            follower,
            admitted,
            targets,
            next_resolve,
            is_agent_lost: false,
        };
        watcher.turn(&mut |_| {})?;
        Ok((watcher, outcome))
    }

    /// Watches for ever, telling `tell` what happens.
    pub fn run(mut self, tell: &mut dyn FnMut(&Event)) -> ! {
        tell(&Event::Watching {
            admitted: self.admitted,
        });
        loop {
            if let Err(error) = self.wait().and_then(|()| self.turn(tell)) {
                tell(&Event::Failed {
                    reason: chain(&error),
                });
                std::thread::sleep(RETRY);
            }
        }
    }

    /// Waits for an event or the next look.
    fn wait(&mut self) -> Result<(), Error> {
        let limit = LOOK.min(self.next_resolve.saturating_duration_since(Instant::now()));
        let timeout = Timespec::try_from(limit).unwrap_or_default();
        let mut polled = vec![PollFd::new(&self.monitor, PollFlags::IN)];
        polled.extend(
            self.follower
                .iter()
                .map(|it| PollFd::new(&it.watcher, PollFlags::IN)),
        );
        match poll(&mut polled, Some(&timeout)) {
            Ok(0) | Err(Errno::INTR) => return Ok(()),
            Ok(_) => {}
            Err(errno) => return Err(Error::Wait(errno)),
        }
        let is_table_changed = !polled[0].revents().is_empty();
        if is_table_changed {
            // Take what there is; which events they were does not matter.
            while self
                .monitor
                .next(Some(SETTLE))
                .map_err(Error::Follow)?
                .is_some()
            {}
        }
        Ok(())
    }

    /// Compares and, where needed, restores.
    fn turn(&mut self, tell: &mut dyn FnMut(&Event)) -> Result<(), Error> {
        self.follow_agent(tell);
        if Instant::now() >= self.next_resolve {
            // The next attempt is due after the same time, whatever this one comes to.
            self.next_resolve = Instant::now() + self.resolve_every;
            let known = self.kernel.read()?.known_addresses();
            self.targets = targets(&self.request.policy.nats, &known, self.resolver)?;
        }
        let desired = ruleset::desired(&self.request.policy, &self.admitted, &self.targets);
        let changes = self
            .kernel
            .update(|actual| plan::plan(&desired, actual).map_err(Error::from))?;
        self.guard
            .cover(&self.request.policy, &self.targets)
            .map_err(Error::Guard)?;
        if !changes.is_empty() {
            tell(&Event::Restored {
                changes,
                admitted: self.admitted,
            });
        }
        Ok(())
    }

    /// Measures again if the agent's cgroup is another one than before. While there is none,
    /// the rules keep naming the old one, which no socket can be in any more.
    fn follow_agent(&mut self, tell: &mut dyn FnMut(&Event)) {
        let Admitted::Cgroup { id, .. } = self.admitted else {
            return;
        };
        let found = match self.current_id() {
            Ok(found) if found == id => Ok(self.admitted),
            Ok(_) => identity::identify(self.kernel.nft(), &self.request.agent)
                .map(|found| found.admitted()),
            Err(error) => Err(error),
        };
        match found {
            Ok(admitted) => {
                self.admitted = admitted;
                self.is_agent_lost = false;
            }
            Err(error) if !self.is_agent_lost => {
                self.is_agent_lost = true;
                tell(&Event::AgentLost {
                    reason: chain(&error),
                });
            }
            Err(_) => {}
        }
    }

    /// The id of the agent's cgroup now, as cheaply as it can be known.
    fn current_id(&mut self) -> Result<u64, identity::Error> {
        if let Some(follower) = &mut self.follower {
            // What changed does not matter; a failed look falls through to the slow way.
            if follower.watcher.changes().is_ok()
                && let Some(present) = follower.watcher.present()
            {
                return Ok(present.id.0);
            }
        }
        identity::find(&self.request.agent).map(|found| found.id)
    }
}

/// Follows the agent's cgroup by its path below our namespace root.
struct Follower {
    watcher: cgroup::Watcher,
}

impl Follower {
    /// `None` where the agent is the caller itself, whose cgroup has no path to be made anew
    /// under, or where the path cannot be followed; the regular look serves then.
    fn of(agent: &AgentRef, identity: Option<&Identified>) -> Option<Self> {
        if *agent == AgentRef::Current {
            return None;
        }
        let path = NsPath::parse(identity?.path.as_ref()?.as_bytes())?.inside()?;
        let tree = detached_cgroup2().ok()?;
        let root = Cgroup::from_fd(tree.root, "(cgroup2)".into()).ok()?;
        cgroup::Watcher::new(root, &path)
            .ok()
            .map(|watcher| Follower { watcher })
    }
}
