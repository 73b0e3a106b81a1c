//! The state machine of all services: facts in, effects out, nothing done.
//!
//! Time is milliseconds of any clock that never goes back. Whoever drives it calls
//! [`command`](Fleet::command) for what people ask, [`tick`](Fleet::tick) once a cycle,
//! [`observe`](Fleet::observe) whenever the process or the programs of a service may have changed,
//! [`measured`](Fleet::measured) with the readings that an [`Effect::Check`] asked for, then
//! [`advance`](Fleet::advance), and carries out what [`take_effects`](Fleet::take_effects) gives.
//!
//! | phase | ends when | then |
//! |---|---|---|
//! | idle | a goal's turn has come | starting, stopping |
//! | starting | the process lives | idle, initializing |
//! | | the program's timeout is over | idle, "execution failed" |
//! | stopping | the process is gone and the stop program has ended | idle; starting if it was a restart |
//! | | the timeout is over and the process lives | idle, "execution failed" |
//!
//! A goal to stop has its turn when no service that depends on this one has still to stop; a goal to
//! start, when no service that this one depends on has anything to do. Both kinds are set on whole
//! chains by [`command`](Fleet::command), and dependencies have no circles, so each goal gets its
//! turn.

mod advance;
mod command;
mod event;
mod judge;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};

use crate::monitrc::model::{Action, Kind, Mode, Program, Rule, Service, Test, Window};

pub use self::command::{Busy, Command};
pub use self::event::{Event, EventKind, Outcome};
pub use self::record::Record;

/// Milliseconds.
pub type Millis = u64;

/// Readiness tests and the first look after a start come this often.
pub const QUICK: Millis = 1000;

/// Whether a service is looked after. The numbers are monit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Monitor {
    /// It is not.
    No = 0,
    /// It is.
    Yes = 1,
    /// It will be, when it has been found good once.
    Initializing = 2,
}

/// A process: a number alone can come to mean another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Live {
    /// Its id.
    pub pid: i32,
    /// When it began, in the kernel's clock ticks since boot.
    pub started: u64,
}

/// What is there of a service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// The process that its pidfile or pattern means, if it lives.
    pub live: Option<Live>,
    /// How long that has run.
    pub age: Millis,
    /// Its start program runs.
    pub starting: bool,
    /// Its stop program runs.
    pub stopping: bool,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing.
    Idle,
    /// Waiting for the process to live.
    Starting {
        /// When the waiting ends.
        until: Millis,
    },
    /// Waiting for the process to end.
    Stopping {
        /// When the waiting ends.
        until: Millis,
    },
}

/// What is still to be begun.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Goal {
    /// To stop.
    pub stop: bool,
    /// To start, after that.
    pub start: bool,
}

/// Where an error comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// Starting.
    Start,
    /// Stopping.
    Stop,
    /// A rule, by its place.
    Rule(usize),
}

/// Something wrong with a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What kind.
    pub kind: EventKind,
    /// In words.
    pub text: String,
}

/// The recent readings of one rule.
#[derive(Debug, Clone, Copy, Default)]
struct History {
    /// One bit for each, newest lowest, set if bad.
    bits: u64,
    /// It counts as failed.
    failed: bool,
    /// It has been good since the last start.
    passed: bool,
}

/// One service at work.
#[derive(Debug, Clone)]
pub struct Unit {
    /// What its file says, with the rules that monit adds by itself.
    pub spec: Service,
    /// Whether it is looked after.
    pub monitor: Monitor,
    /// What is being done.
    pub phase: Phase,
    /// What is still to be done.
    pub goal: Goal,
    /// What somebody has asked for and is not done yet.
    pub asked: Option<Command>,
    /// What was seen last.
    pub facts: Facts,
    /// What is wrong.
    pub faults: BTreeMap<Slot, Fault>,
    history: Vec<History>,
    /// Cycles in which it was started by itself.
    restarts: VecDeque<u64>,
    /// Cycles it has been through.
    cycle: u64,
    /// When it is looked at out of turn.
    look: Option<Millis>,
    /// Before this it does not count as running.
    settled: Millis,
    /// It has not been checked since it was loaded or somebody asked for it to be monitored.
    fresh: bool,
    /// When the facts were seen.
    seen: Millis,
    /// A check is under way; whether it counts as a cycle's.
    checking: Option<bool>,
}

/// What is to be done in the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Run a program of a service.
    Run {
        /// The service's place.
        service: usize,
        /// Why.
        purpose: Purpose,
        /// Which.
        program: Program,
        /// What the program is told in its environment: event and description.
        cause: (String, String),
    },
    /// End the start or stop program that still runs.
    EndPrograms(usize),
    /// Take readings for all rules.
    Check(usize),
    /// Tell it.
    Event(Event),
}

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// To start the service.
    Start,
    /// To stop it.
    Stop,
    /// What a rule says.
    Exec,
}

/// What a test showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// As it should be.
    Good,
    /// Not so, in words.
    Bad(String),
    /// It could not be made.
    Unknown,
}

/// All services.
#[derive(Debug, Default)]
pub struct Fleet {
    units: Vec<Unit>,
    interval: Millis,
    settle: Millis,
    effects: Vec<Effect>,
}

impl Fleet {
    /// A fleet without services. `settle` is how long a process must live after its start before
    /// its service counts as running.
    #[must_use]
    pub fn new(interval: Millis, settle: Millis) -> Self {
        Fleet {
            interval,
            settle,
            ..Fleet::default()
        }
    }

    /// All services, in order.
    #[must_use]
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// The place of a service, whatever the case of the name's letters.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.units
            .iter()
            .position(|unit| unit.spec.name.eq_ignore_ascii_case(name))
    }

    /// Takes these services instead of those there are. What is known of one with the same name is
    /// kept, of others taken from `records`.
    pub fn replace(
        &mut self,
        now: Millis,
        services: Vec<Service>,
        interval: Millis,
        records: &BTreeMap<String, Record>,
    ) {
        let mut old = std::mem::take(&mut self.units);
        self.interval = interval;
        for service in services {
            let same = |unit: &Unit| unit.spec.name.eq_ignore_ascii_case(&service.name);
            let known = old.iter().position(same).map(|at| old.swap_remove(at));
            let record = records.get(&service.name.to_lowercase());
            let mut unit = Unit::new(service);
            match (known, record) {
                (Some(known), _) if known.spec == unit.spec => unit = known,
                (Some(known), _) => unit.take_over(known),
                (None, Some(record)) => unit.restore(record),
                (None, None) => {}
            }
            if unit.monitor == Monitor::Initializing && unit.look.is_none() {
                unit.look = Some(now);
            }
            self.units.push(unit);
        }
    }

    /// What is to be done since the last call.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When something is due even if nothing happens.
    #[must_use]
    pub fn due(&self) -> Option<Millis> {
        let times = self.units.iter().flat_map(|unit| {
            let phase = match unit.phase {
                Phase::Idle => None,
                Phase::Starting { until } | Phase::Stopping { until } => Some(until),
            };
            [phase, unit.look]
        });
        times.flatten().min()
    }

    /// Services that depend on this one, directly.
    fn dependents(&self, service: usize) -> impl Iterator<Item = usize> + '_ {
        let name = self.units[service].spec.name.as_str();
        self.units.iter().enumerate().filter_map(move |(at, unit)| {
            let on_it = |other: &String| other.eq_ignore_ascii_case(name);
            unit.spec.depends.iter().any(on_it).then_some(at)
        })
    }

    /// Services that this one depends on, directly.
    fn prerequisites(&self, service: usize) -> impl Iterator<Item = usize> + '_ {
        let depends = &self.units[service].spec.depends;
        depends.iter().filter_map(|name| self.find(name))
    }

    /// A closure of [`dependents`](Fleet::dependents) or [`prerequisites`](Fleet::prerequisites),
    /// without the service itself.
    fn all(&self, service: usize, up: bool) -> Vec<usize> {
        let mut found = Vec::new();
        let mut next = vec![service];
        while let Some(at) = next.pop() {
            let direct: Vec<usize> = if up {
                self.dependents(at).collect()
            } else {
                self.prerequisites(at).collect()
            };
            for at in direct {
                if at != service && !found.contains(&at) {
                    found.push(at);
                    next.push(at);
                }
            }
        }
        found
    }
}

impl Unit {
    fn new(mut spec: Service) -> Self {
        add_own_rules(&mut spec);
        let manual = spec.mode == Mode::Manual;
        Unit {
            history: vec![History::default(); spec.rules.len()],
            spec,
            monitor: if manual {
                Monitor::No
            } else {
                Monitor::Initializing
            },
            phase: Phase::Idle,
            goal: Goal::default(),
            asked: None,
            facts: Facts::default(),
            faults: BTreeMap::new(),
            restarts: VecDeque::new(),
            cycle: 0,
            look: None,
            settled: 0,
            fresh: true,
            seen: 0,
            checking: None,
        }
    }

    /// Whether this is about a process.
    #[must_use]
    pub fn is_process(&self) -> bool {
        matches!(self.spec.kind, Kind::Pidfile(_) | Kind::Matching(_))
    }

    /// Whether anything is under way or still to be done.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.phase != Phase::Idle || self.goal != Goal::default()
    }

    /// Takes over what is known of the service from when its file said something else.
    fn take_over(&mut self, old: Unit) {
        self.monitor = match (self.spec.mode, old.spec.mode) {
            (Mode::Manual, other) if other != Mode::Manual => Monitor::No,
            _ if old.monitor == Monitor::Yes => Monitor::Initializing,
            _ => old.monitor,
        };
        self.phase = old.phase;
        self.goal = old.goal;
        self.asked = old.asked;
        self.facts = old.facts;
        self.restarts = old.restarts;
        self.cycle = old.cycle;
        self.settled = old.settled;
        self.fresh = old.fresh;
        self.seen = old.seen;
    }

    /// Forgets what its rules have seen.
    fn forget(&mut self) {
        self.history = vec![History::default(); self.spec.rules.len()];
        self.faults.clear();
        self.checking = None;
    }
}

/// Monit's own rules, where the file says nothing of the kind.
fn add_own_rules(spec: &mut Service) {
    let own: &[(Test, Action)] = match spec.kind {
        Kind::Pidfile(_) | Kind::Matching(_) => &[
            (Test::Nonexist, Action::Restart),
            (Test::Pid, Action::Alert),
            (Test::Ppid, Action::Alert),
        ],
        Kind::File(_) | Kind::Directory(_) | Kind::Filesystem(_) | Kind::Fifo(_) => {
            &[(Test::Nonexist, Action::Restart)]
        }
        Kind::Invalid(_) => &[(Test::Nonexist, Action::Alert)],
        Kind::Host(_) | Kind::Program(_) | Kind::System => &[],
    };
    let there = |test: &Test, rules: &[Rule]| rules.iter().any(|rule| rule.test == *test);
    let exists = there(&Test::Exist, &spec.rules);
    let mut rules = Vec::new();
    for (test, action) in own {
        let contrary = exists && *test == Test::Nonexist;
        if !contrary && !there(test, &spec.rules) {
            rules.push(Rule {
                test: test.clone(),
                window: Window::ONCE,
                action: action.clone(),
                recovered: Action::Alert,
            });
        }
    }
    // Whether it is there comes first: all else follows from it.
    rules.append(&mut spec.rules);
    spec.rules = rules;
}
