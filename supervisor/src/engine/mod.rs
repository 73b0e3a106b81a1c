//! The engine: brings the fleet its facts and carries out its effects. See the crate's page.

mod configure;
mod connect;
mod effects;
mod look;
mod measure;
mod orders;
mod programs;
mod publish;
mod sleep;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use self::look::{Gauge, Sight};
use self::measure::Memory;
use self::programs::Running;
use crate::error::Refused;
use crate::fleet::{Command, Facts, Fleet, Millis, Phase, Purpose, Reading};
use crate::groups::{Grouping, Groups};
use crate::handle::Shared;
use crate::log::Log;
use crate::monitrc::assemble::Configuration;
use crate::monitrc::load::LoadError;
use crate::monitrc::model::Settings;
use crate::procfs::{ticks_per_second, uptime};
use crate::state::State;
use crate::teller::Teller;
use crate::view::Vitals;

/// How often what is under way is looked at.
const HOT: Millis = 50;

/// How long after the end of a process another may take its place in the pidfile.
const CONFIRM: Millis = 100;

/// How often everything is looked at where the kernel has no pidfds for us.
const BLIND: Millis = 1000;

/// Which services an order is for.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    Service(String),
    Group(String),
    All,
}

/// What the engine is told.
pub(crate) enum Input {
    Command(Target, Command, Sender<Result<(), Refused>>),
    Reload(Sender<Result<(), LoadError>>),
    Validate,
    Quit,
    Readings {
        service: String,
        serial: u64,
        quick: Vec<Reading>,
        slow: Vec<(usize, Reading)>,
    },
}

/// What one service has besides its unit.
#[derive(Default)]
struct Side {
    sight: Sight,
    memory: Memory,
    vitals: Option<Vitals>,
    collected: (u64, u32),
    confirm: Option<Millis>,
    serial: u64,
    accessible: Option<bool>,
}

/// What the engine begins with.
pub(crate) struct Start {
    pub control_file: PathBuf,
    pub state_path: PathBuf,
    pub interval: Option<Duration>,
    pub settle: Duration,
    pub grouping: Grouping,
    pub configuration: Configuration,
    pub httpd: Option<(String, u16)>,
    pub host: String,
    pub log: Log,
    pub teller: Teller,
    pub inbox: Receiver<Input>,
    pub outbox: Sender<Input>,
    pub wake: OwnedFd,
    pub waker: Arc<OwnedFd>,
    pub shared: Arc<Shared>,
}

pub(crate) struct Engine {
    start: Start,
    fleet: Fleet,
    sides: HashMap<String, Side>,
    programs: Vec<Running>,
    gauge: Gauge,
    groups: Arc<Groups>,
    settings: Arc<Settings>,
    state: State,
    origin: Instant,
    began: u64,
    next_tick: Millis,
    replies: Vec<Box<dyn FnOnce() + Send>>,
    complained: bool,
    quit: bool,
}

impl Engine {
    pub fn new(start: Start) -> Engine {
        let (state, complaint) = State::read(&start.state_path);
        if let Some(complaint) = complaint {
            start.log.error(&complaint);
        }
        let groups = Groups::new(start.grouping, &state.id, start.log.clone());
        let settle = crate::handle::millis(start.settle);
        let mut engine = Engine {
            fleet: Fleet::new(10_000, settle),
            sides: HashMap::new(),
            programs: Vec::new(),
            gauge: Gauge::default(),
            groups: Arc::new(groups),
            settings: Arc::default(),
            state,
            origin: Instant::now(),
            began: crate::teller::now(),
            next_tick: 0,
            replies: Vec::new(),
            complained: false,
            quit: false,
            start,
        };
        let configuration = engine.start.configuration.clone();
        engine.configure(configuration);
        let delay = crate::handle::millis(engine.settings.start_delay);
        engine.next_tick = delay + engine.interval();
        engine.turn();
        engine
    }

    /// Runs until it is told to quit. Processes and programs go on.
    pub fn run(mut self) {
        while !self.quit {
            self.sleep();
            while let Ok(input) = self.start.inbox.try_recv() {
                self.input(input);
            }
            self.turn();
        }
        self.start.log.info("supervisor stopped; processes go on");
    }

    fn now(&self) -> Millis {
        crate::handle::millis(self.origin.elapsed())
    }

    fn interval(&self) -> Millis {
        let interval = self.start.interval.unwrap_or(self.settings.interval);
        crate::handle::millis(interval).max(100)
    }

    /// Everything that is due.
    fn turn(&mut self) {
        let now = self.now();
        let mut ended = self.reap(now);
        for at in 0..self.fleet.units().len() {
            let unit = &self.fleet.units()[at];
            let name = unit.spec.name.to_lowercase();
            let hot = unit.phase != Phase::Idle || unit.facts.starting || unit.facts.stopping;
            let due = match self.sides.get_mut(&name) {
                Some(side) if side.confirm.is_some_and(|confirm| confirm <= now) => {
                    side.confirm = None;
                    true
                }
                Some(side) => hot && side.confirm.is_none() || unit.phase != Phase::Idle,
                None => false,
            };
            if due {
                ended |= self.observe(at);
            }
        }
        if now >= self.next_tick {
            for at in 0..self.fleet.units().len() {
                self.observe(at);
            }
            ended = true;
            self.fleet.tick();
            self.next_tick = now + self.interval();
        }
        // A check may lead to actions, which may lead to checks: but the latter only out of a
        // cycle's turn, so this ends.
        for _ in 0..10 {
            self.fleet.advance(now);
            let effects = self.fleet.take_effects();
            if effects.is_empty() {
                break;
            }
            for effect in effects {
                self.carry_out(now, effect);
            }
        }
        if ended {
            self.groups.sweep();
        }
        self.save();
        self.publish();
        for reply in std::mem::take(&mut self.replies) {
            reply();
        }
    }

    /// Takes the ends of programs; whether there was one.
    fn reap(&mut self, now: Millis) -> bool {
        let before = self.programs.len();
        let log = &self.start.log;
        self.programs.retain_mut(|running| {
            running.force(now);
            let Some(how) = running.ended() else {
                return true;
            };
            if let Some(how) = how {
                let (service, purpose) = (&running.service, running.purpose);
                log.error(&format!("'{service}' {purpose:?} program {how}"));
            }
            false
        });
        self.programs.len() < before
    }

    /// Tells the fleet what is there of a service; whether its process has ended.
    fn observe(&mut self, at: usize) -> bool {
        let unit = &self.fleet.units()[at];
        let name = unit.spec.name.to_lowercase();
        let Some(side) = self.sides.get_mut(&name) else {
            return false;
        };
        let ran = unit.facts.live.is_some();
        let live = side.sight.look(&unit.spec.kind);
        if live.is_none() {
            side.vitals = None;
            side.sight.fd = None;
        }
        let age = live.map_or(0.0, |live| {
            uptime() - live.started as f64 / ticks_per_second() as f64
        });
        let runs = |purpose| {
            let is_it = |each: &Running| each.service == name && each.purpose == purpose;
            self.programs.iter().any(is_it)
        };
        let facts = Facts {
            live,
            age: (age.max(0.0) * 1000.0) as Millis,
            starting: runs(Purpose::Start),
            stopping: runs(Purpose::Stop),
        };
        let now = self.now();
        self.fleet.observe(now, at, facts);
        ran && live.is_none()
    }
}
