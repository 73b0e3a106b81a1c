//! The engine: brings the fleet its facts and carries out its effects. See the crate's page.

mod connect;
mod look;
mod measure;
mod programs;
mod publish;

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::look::{Gauge, Sight};
use self::measure::Memory;
use self::programs::{Cause, Running};
use crate::error::Refused;
use crate::fleet::{
    Command, Effect, Event, EventKind, Facts, Fleet, Millis, Monitor, Outcome, Phase, Purpose,
    Reading,
};
use crate::handle::Shared;
use crate::log::Log;
use crate::monitrc::assemble::Configuration;
use crate::monitrc::load::{LoadError, load};
use crate::monitrc::model::Settings;
use crate::procfs::{Process, ticks_per_second, uptime};
use crate::state::State;
use crate::teller::{Teller, Told};
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
        let settle = crate::handle::millis(start.settle);
        let mut engine = Engine {
            fleet: Fleet::new(10_000, settle),
            sides: HashMap::new(),
            programs: Vec::new(),
            gauge: Gauge::default(),
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

    /// Takes a configuration as its own.
    fn configure(&mut self, configuration: Configuration) {
        let now = self.now();
        self.settings = Arc::new(configuration.settings.clone());
        let log = &self.start.log;
        for problem in &configuration.problems {
            log.error(&format!("file left out: {problem}"));
        }
        for warning in &configuration.warnings {
            log.info(&warning.to_string());
        }
        let saved = &self.state.services;
        let records: BTreeMap<String, _> = saved
            .iter()
            .map(|(name, saved)| (name.clone(), saved.record.clone()))
            .collect();
        let services = configuration.services.clone();
        let interval = self.interval();
        let before = std::mem::take(&mut self.sides);
        let mut before: HashMap<String, Side> = before;
        for service in &services {
            let name = service.name.to_lowercase();
            let old = self.fleet.find(&name);
            let same_kind = old.is_some_and(|at| self.fleet.units()[at].spec.kind == service.kind);
            let mut side = before.remove(&name).unwrap_or_default();
            if !same_kind {
                side.sight = Sight::new(&service.kind);
                if let Some(saved) = saved.get(&name).filter(|_| old.is_none()) {
                    side.sight.seen = saved.seen;
                    for program in &saved.programs {
                        let known = |each: &Running| each.live == program.live;
                        if !self.programs.iter().any(known) {
                            let adopted = Running::adopt(&name, program.purpose, program.live);
                            self.programs.extend(adopted);
                        }
                    }
                }
            }
            self.sides.insert(name, side);
        }
        self.fleet.replace(now, services, interval, &records);
        self.next_tick = self.next_tick.min(now + interval);
        let last = self.state.incarnation;
        self.state.incarnation = crate::teller::now().max(last + 1);
        self.start.configuration = configuration;
        for at in 0..self.fleet.units().len() {
            self.observe(at);
        }
    }

    fn input(&mut self, input: Input) {
        match input {
            Input::Command(target, command, reply) => {
                let answer = self.command(&target, command);
                self.replies.push(Box::new(move || {
                    let _ = reply.send(answer);
                }));
            }
            Input::Reload(reply) => {
                let answer = load(&self.start.control_file);
                let answer = match answer {
                    Ok(configuration) => {
                        self.start
                            .log
                            .open(configuration.settings.log_file.as_deref());
                        self.configure(configuration);
                        let names = self.fleet.units().len();
                        self.start
                            .log
                            .info(&format!("configuration read: {names} services"));
                        self.instance("configuration read");
                        Ok(())
                    }
                    Err(error) => {
                        let text = warren_lib_errchain::chain(&error);
                        let text = format!("configuration kept as it was: {text}");
                        self.start.log.error(&text);
                        Err(error)
                    }
                };
                self.replies.push(Box::new(move || {
                    let _ = reply.send(answer);
                }));
            }
            Input::Validate => self.next_tick = 0,
            Input::Quit => self.quit = true,
            Input::Readings {
                service,
                serial,
                mut quick,
                slow,
            } => {
                let Some(at) = self.fleet.find(&service) else {
                    return;
                };
                let Some(side) = self.sides.get_mut(&service) else {
                    return;
                };
                if side.serial != serial {
                    return;
                }
                let mut accessible = None;
                for (rule, reading) in slow {
                    accessible = Some(accessible.unwrap_or(true) && reading == Reading::Good);
                    if let Some(place) = quick.get_mut(rule) {
                        *place = reading;
                    }
                }
                side.accessible = accessible;
                let now = self.now();
                self.fleet.measured(now, at, quick);
            }
        }
    }

    fn command(&mut self, target: &Target, command: Command) -> Result<(), Refused> {
        let now = self.now();
        let units = self.fleet.units();
        let chosen: Vec<usize> = match target {
            Target::Service(name) => match self.fleet.find(name) {
                Some(at) => vec![at],
                None => return Err(Refused::NoService(name.clone())),
            },
            Target::Group(group) => {
                let is_in = |name: &String| name.eq_ignore_ascii_case(group);
                (0..units.len())
                    .filter(|at| units[*at].spec.groups.iter().any(is_in))
                    .collect()
            }
            Target::All => (0..units.len()).collect(),
        };
        let mut busy = Ok(());
        for at in chosen {
            self.observe(at);
            let name = self.fleet.units()[at].spec.name.clone();
            if let Err(error) = self.fleet.command(now, at, command) {
                busy = Err(Refused::Busy(name, error));
            }
        }
        busy
    }

    fn instance(&self, description: &str) {
        let host = &self.start.host;
        let event = Event {
            service: format!("system_{host}"),
            kind: EventKind::Instance,
            outcome: Outcome::Succeeded,
            action: "alert",
            description: description.to_owned(),
        };
        self.tell(event, Vec::new());
    }

    fn tell(&self, event: Event, alerts: Vec<crate::monitrc::model::Alert>) {
        let told = Told {
            event,
            alerts,
            settings: Arc::clone(&self.settings),
            host: self.start.host.clone(),
            when: crate::teller::now(),
        };
        self.start.teller.tell(told, &self.start.log);
    }

    /// Everything that is due.
    fn turn(&mut self) {
        let now = self.now();
        self.reap(now);
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
                self.observe(at);
            }
        }
        if now >= self.next_tick {
            for at in 0..self.fleet.units().len() {
                self.observe(at);
            }
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
        self.save();
        self.publish();
        for reply in std::mem::take(&mut self.replies) {
            reply();
        }
    }

    fn reap(&mut self, now: Millis) {
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
    }

    /// Tells the fleet what is there of a service.
    fn observe(&mut self, at: usize) {
        let unit = &self.fleet.units()[at];
        let name = unit.spec.name.to_lowercase();
        let Some(side) = self.sides.get_mut(&name) else {
            return;
        };
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
    }

    fn carry_out(&mut self, now: Millis, effect: Effect) {
        match effect {
            Effect::Run {
                service,
                purpose,
                program,
                cause,
            } => {
                let name = self.fleet.units()[service].spec.name.clone();
                let key = name.to_lowercase();
                let log = &self.start.log;
                let verb = format!("{purpose:?}").to_lowercase();
                log.info(&format!("'{name}' {verb}: {}", program.command.join(" ")));
                let cause = Cause {
                    service: &name,
                    host: &self.start.host,
                    event: &cause.0,
                    description: &cause.1,
                    vitals: self.sides.get(&key).and_then(|side| side.vitals.as_ref()),
                };
                match programs::spawn(&program, purpose, &cause) {
                    Ok(mut running) => {
                        running.service = key;
                        self.programs.push(running);
                    }
                    Err(error) => log.error(&format!("'{name}' {verb}: {error}")),
                }
            }
            Effect::EndPrograms(service) => {
                let name = self.fleet.units()[service].spec.name.to_lowercase();
                for running in &mut self.programs {
                    if running.service == name && running.purpose != Purpose::Exec {
                        running.end(now);
                    }
                }
            }
            Effect::Check(at) => self.check(now, at),
            Effect::Event(event) => {
                let text = event.kind.text(event.outcome);
                let line = format!("'{}' {text}: {}", event.service, event.description);
                match event.outcome {
                    Outcome::Failed => self.start.log.error(&line),
                    Outcome::Succeeded => self.start.log.info(&line),
                }
                let unit = self.fleet.find(&event.service);
                let alerts = unit.map(|at| self.fleet.units()[at].spec.alerts.clone());
                self.tell(event, alerts.unwrap_or_default());
            }
        }
    }

    /// Takes the readings of a service, those that take time in a thread.
    fn check(&mut self, now: Millis, at: usize) {
        self.gauge.refresh();
        let unit = &self.fleet.units()[at];
        let name = unit.spec.name.to_lowercase();
        let Some(side) = self.sides.get_mut(&name) else {
            return;
        };
        let process = unit.facts.live.and_then(|live| Process::of(live.pid));
        side.vitals = process.map(|process| measure::vitals(&process, &self.gauge));
        side.collected = crate::date::since_epoch(std::time::SystemTime::now());
        let vitals = side.vitals.as_ref();
        let (quick, slow) = measure::take(unit, vitals, &self.gauge, &mut side.memory);
        if slow.is_empty() {
            side.accessible = None;
            self.fleet.measured(now, at, quick);
            return;
        }
        side.serial += 1;
        let (serial, host) = (side.serial, self.start.host.clone());
        let (outbox, waker) = (self.start.outbox.clone(), Arc::clone(&self.start.waker));
        let (service, copy) = (name.clone(), quick.clone());
        let spawned = std::thread::Builder::new()
            .name("probe".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let slow = slow.make(&service, &host);
                let _ = outbox.send(Input::Readings {
                    service,
                    serial,
                    quick: copy,
                    slow,
                });
                let _ = rustix::io::write(&*waker, &[1]);
            });
        if let Err(error) = spawned {
            self.start
                .log
                .error(&format!("'{name}' cannot be tested: {error}"));
            self.fleet.measured(now, at, quick);
        }
    }

    /// Sleeps until something happens or is due.
    fn sleep(&mut self) {
        let now = self.now();
        let mut until = self.next_tick;
        until = until.min(self.fleet.due().unwrap_or(until));
        let mut confirms = self.sides.values().filter_map(|side| side.confirm);
        until = until.min(confirms.by_ref().min().unwrap_or(until));
        let is_hot =
            self.fleet.units().iter().any(|unit| {
                unit.phase != Phase::Idle || unit.facts.starting || unit.facts.stopping
            });
        if is_hot
            || self
                .programs
                .iter()
                .any(|each| each.is_ending() || each.fd.is_none())
        {
            until = until.min(now + HOT);
        }
        let blind = self.fleet.units().iter().any(|unit| {
            let side = self.sides.get(&unit.spec.name.to_lowercase());
            let watched = side.is_some_and(|side| side.sight.fd.is_some());
            unit.facts.live.is_some() && !watched && unit.monitor != Monitor::No
        });
        if blind {
            until = until.min(now + BLIND);
        }
        let names: Vec<&String> = self
            .sides
            .iter()
            .filter(|(_, side)| side.sight.fd.is_some())
            .map(|(name, _)| name)
            .collect();
        let mut fds = vec![PollFd::new(&self.start.wake, PollFlags::IN)];
        for name in &names {
            if let Some(fd) = self
                .sides
                .get(*name)
                .and_then(|side| side.sight.fd.as_ref())
            {
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        let programs = self.programs.iter().filter_map(|each| each.fd.as_ref());
        fds.extend(programs.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        let wait = until.saturating_sub(now);
        let timeout = Timespec {
            tv_sec: i64::try_from(wait / 1000).unwrap_or(3600),
            tv_nsec: i64::try_from(wait % 1000).unwrap_or(0) * 1_000_000,
        };
        // Interrupted or not: what is due is found by looking.
        let _ = poll(&mut fds, Some(&timeout));
        let ended: Vec<String> = names
            .iter()
            .zip(&fds[1..])
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(name, _)| (*name).clone())
            .collect();
        let woken = !fds[0].revents().is_empty();
        drop(fds);
        if woken {
            let _ = rustix::io::read(&self.start.wake, &mut [0_u8; 256]);
        }
        let now = self.now();
        for name in ended {
            if let Some(side) = self.sides.get_mut(&name) {
                side.sight.fd = None;
                side.confirm = Some(now + CONFIRM);
            }
        }
        if blind {
            for at in 0..self.fleet.units().len() {
                self.observe(at);
            }
        }
    }
}
