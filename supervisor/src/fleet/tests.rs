//! The state machine against a world made of a table: programs that work, hang or do nothing.

use std::collections::BTreeMap;
use std::path::Path;

use super::*;
use crate::monitrc::parse;

/// What a service's start program does.
#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    /// The process is there when it ends.
    Works,
    /// It runs for ever and brings nothing up.
    Hangs,
    /// The process ends again after this long.
    Dies(Millis),
}

struct World {
    fleet: Fleet,
    now: Millis,
    behaviour: BTreeMap<String, Behaviour>,
    processes: BTreeMap<String, (Live, Millis)>,
    hanging: Vec<String>,
    refuses_to_stop: Vec<String>,
    bad: Vec<String>,
    next_pid: i32,
    log: Vec<String>,
    events: Vec<Event>,
}

const INTERVAL: Millis = 10_000;

impl World {
    fn new(text: &str) -> World {
        let mut world = World {
            fleet: Fleet::new(INTERVAL, 2000),
            now: 0,
            behaviour: BTreeMap::new(),
            processes: BTreeMap::new(),
            hanging: Vec::new(),
            refuses_to_stop: Vec::new(),
            bad: Vec::new(),
            next_pid: 100,
            log: Vec::new(),
            events: Vec::new(),
        };
        world.load(text, &BTreeMap::new());
        world
    }

    fn load(&mut self, text: &str, records: &BTreeMap<String, Record>) {
        let file = parse(Path::new("/t"), text).unwrap();
        self.fleet
            .replace(self.now, file.services, INTERVAL, records);
        self.observe();
        self.turn();
    }

    fn observe(&mut self) {
        for at in 0..self.fleet.units().len() {
            let name = self.fleet.units()[at].spec.name.clone();
            let found = self.processes.get(&name).copied();
            let facts = Facts {
                live: found.map(|(live, _)| live),
                age: found.map_or(0, |(_, since)| self.now - since),
                starting: self.hanging.contains(&name),
                stopping: false,
            };
            self.fleet.observe(self.now, at, facts);
        }
    }

    fn turn(&mut self) {
        loop {
            self.fleet.advance(self.now);
            let effects = self.fleet.take_effects();
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                self.carry_out(effect);
            }
            self.observe();
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Run {
                service, purpose, ..
            } => {
                let name = self.fleet.units()[service].spec.name.clone();
                self.log.push(format!("{purpose:?} {name}").to_lowercase());
                let behaviour = self
                    .behaviour
                    .get(&name)
                    .copied()
                    .unwrap_or(Behaviour::Works);
                match (purpose, behaviour) {
                    (Purpose::Start, Behaviour::Hangs) => self.hanging.push(name),
                    (Purpose::Start, _) => {
                        self.next_pid += 1;
                        let live = Live {
                            pid: self.next_pid,
                            started: self.now,
                        };
                        self.processes.insert(name, (live, self.now));
                    }
                    (Purpose::Stop, _) if self.refuses_to_stop.contains(&name) => {}
                    (Purpose::Stop, _) => {
                        self.processes.remove(&name);
                    }
                    (Purpose::Exec, _) => {}
                }
            }
            Effect::EndPrograms(service) => {
                let name = self.fleet.units()[service].spec.name.clone();
                self.log.push(format!("end {name}"));
                self.hanging.retain(|other| *other != name);
            }
            Effect::Check(at) => {
                let unit = &self.fleet.units()[at];
                let there = unit.facts.live.is_some();
                let bad = self.bad.contains(&unit.spec.name);
                let readings = unit.spec.rules.iter().map(|rule| match rule.test {
                    Test::Nonexist if !there => Reading::Bad("not there".into()),
                    _ if !there => Reading::Unknown,
                    Test::Connection(_) if bad => Reading::Bad("no answer".into()),
                    _ => Reading::Good,
                });
                let readings = readings.collect();
                self.fleet.measured(self.now, at, readings);
            }
            Effect::Event(event) => self.events.push(event),
        }
    }

    /// Lets time pass, in steps of 100 ms, with a cycle every ten seconds.
    fn pass(&mut self, millis: Millis) {
        let until = self.now + millis;
        while self.now < until {
            self.now += 100;
            let (now, behaviour) = (self.now, &self.behaviour);
            self.processes
                .retain(|name, (_, since)| match behaviour.get(name) {
                    Some(Behaviour::Dies(after)) => now - *since < *after,
                    _ => true,
                });
            self.observe();
            if now.is_multiple_of(INTERVAL) {
                self.fleet.tick();
            }
            self.turn();
        }
    }

    fn unit(&self, name: &str) -> &Unit {
        &self.fleet.units()[self.fleet.find(name).unwrap()]
    }

    fn ask(&mut self, name: &str, command: Command) -> Result<(), Busy> {
        self.observe();
        let at = self.fleet.find(name).unwrap();
        let answer = self.fleet.command(self.now, at, command);
        self.turn();
        answer
    }

    fn log(&mut self) -> Vec<String> {
        std::mem::take(&mut self.log)
    }

    fn is(&self, name: &str, monitor: Monitor, bits: u32) -> bool {
        let unit = self.unit(name);
        let now = unit
            .faults
            .values()
            .fold(0, |all, fault| all | fault.kind.bit());
        unit.monitor == monitor && now == bits
    }
}

fn service(name: &str, more: &str) -> String {
    format!(
        "check process {name} with pidfile /{name}
           start program \"/bin/start\" with timeout 30 seconds
           stop program \"/bin/stop\" with timeout 30 seconds
           group vcap {more}\n"
    )
}

fn chain() -> String {
    service("a", "") + &service("b", "depends on a") + &service("c", "depends on b")
}

#[test]
fn new_services_are_started_and_settle() {
    let mut world = World::new(&service("a", ""));
    assert_eq!(world.log(), ["start a"]);
    world.pass(1000);
    assert!(world.is("a", Monitor::Initializing, 0));
    world.pass(3000);
    assert!(world.is("a", Monitor::Yes, 0), "{:?}", world.unit("a"));
}

#[test]
fn chains_start_and_stop_in_order() {
    let mut world = World::new(&chain());
    world.pass(100);
    assert_eq!(world.log(), ["start a", "start b", "start c"]);
    world.pass(5000);
    world.ask("a", Command::Stop).unwrap();
    world.pass(500);
    assert_eq!(world.log(), ["stop c", "stop b", "stop a"]);
    assert!(world.is("a", Monitor::No, 0) && world.is("c", Monitor::No, 0));
    world.ask("c", Command::Start).unwrap();
    world.pass(500);
    assert_eq!(world.log(), ["start a", "start b", "start c"]);
    world.pass(5000);
    world.ask("b", Command::Restart).unwrap();
    world.pass(500);
    assert_eq!(world.log(), ["stop c", "stop b", "start b", "start c"]);
    world.pass(5000);
    assert!(world.unit("b").asked.is_none() && world.is("c", Monitor::Yes, 0));
}

#[test]
fn what_had_run_for_long_is_started_again_at_once() {
    let mut world = World::new(&service("a", ""));
    world.pass(25_000);
    world.log();
    world.processes.clear();
    world.pass(100);
    assert_eq!(world.log(), ["start a"], "{:?}", world.unit("a"));
    // It ends again before a cycle is over: not before the next.
    world.pass(1000);
    world.processes.clear();
    world.pass(1000);
    assert_eq!(world.log(), Vec::<String>::new());
    world.pass(INTERVAL);
    assert_eq!(world.log(), ["start a"]);
}

#[test]
fn what_flaps_is_given_up() {
    let mut world = World::new(&service("a", "if 3 restarts within 5 cycles then timeout"));
    world.behaviour.insert("a".into(), Behaviour::Dies(3000));
    world.pass(100_000);
    let starts = world.log();
    assert_eq!(starts.len(), 3, "{starts:?}");
    assert!(
        world.is("a", Monitor::No, EventKind::Timeout.bit()),
        "{:?}",
        world.unit("a")
    );
    assert!(
        world
            .events
            .iter()
            .any(|event| event.kind == EventKind::Timeout)
    );
    // Asked for again, it gets as many tries again.
    world.ask("a", Command::Start).unwrap();
    world.pass(100_000);
    assert_eq!(world.log().len(), 4);
    assert!(world.is("a", Monitor::No, EventKind::Timeout.bit()));
}

#[test]
fn a_hung_start_is_reported_and_not_doubled() {
    let mut world = World::new("");
    world.behaviour.insert("a".into(), Behaviour::Hangs);
    world.load(&service("a", ""), &BTreeMap::new());
    world.pass(29_000);
    let absent = EventKind::Nonexist.bit();
    assert!(world.is("a", Monitor::Initializing, absent));
    world.pass(2000);
    assert!(
        world.is("a", Monitor::Yes, absent | EventKind::Exec.bit()),
        "{:?}",
        world.unit("a")
    );
    world.pass(60_000);
    assert_eq!(world.log(), ["start a"], "one start program at a time");
    // It comes up late.
    world.hanging.clear();
    let live = Live { pid: 7, started: 1 };
    world.processes.insert("a".into(), (live, world.now));
    world.pass(30_000);
    assert!(world.is("a", Monitor::Yes, 0), "{:?}", world.unit("a"));
}

#[test]
fn a_stop_ends_a_start() {
    let mut world = World::new("");
    world.behaviour.insert("a".into(), Behaviour::Hangs);
    world.load(&service("a", ""), &BTreeMap::new());
    world.pass(500);
    world.log();
    world.ask("a", Command::Stop).unwrap();
    world.pass(500);
    assert_eq!(world.log(), ["end a", "stop a"]);
    assert!(world.is("a", Monitor::No, 0));
    world.pass(60_000);
    assert_eq!(world.log(), Vec::<String>::new());
}

#[test]
fn a_stop_that_fails_is_reported() {
    let mut world = World::new(&service("a", ""));
    world.pass(5000);
    world.refuses_to_stop.push("a".into());
    world.log();
    world.ask("a", Command::Restart).unwrap();
    world.pass(35_000);
    assert_eq!(world.log(), ["stop a"]);
    assert_eq!(world.unit("a").asked, None);
    world.ask("a", Command::Stop).unwrap();
    world.pass(31_000);
    assert!(
        world.is("a", Monitor::No, EventKind::Exec.bit()),
        "{:?}",
        world.unit("a")
    );
    world.ask("a", Command::Unmonitor).unwrap();
    assert!(world.is("a", Monitor::No, 0));
}

#[test]
fn one_thing_at_a_time_but_stopping_always() {
    let mut world = World::new(&service("a", ""));
    world.pass(5000);
    world.refuses_to_stop.push("a".into());
    world.ask("a", Command::Restart).unwrap();
    assert_eq!(world.ask("a", Command::Start), Err(Busy(Command::Restart)));
    assert_eq!(world.ask("a", Command::Restart), Ok(()), "the same again");
    world.ask("a", Command::Stop).unwrap();
    assert_eq!(world.unit("a").asked, Some(Command::Stop));
    world.processes.clear();
    world.pass(1000);
    assert!(world.is("a", Monitor::No, 0));
}

#[test]
fn running_means_accessible() {
    let more = "if failed port 1 for 3 cycles then restart";
    let mut world = World::new("");
    world.bad.push("a".into());
    world.load(&service("a", more), &BTreeMap::new());
    world.pass(9000);
    assert!(world.is("a", Monitor::Initializing, 0));
    world.bad.clear();
    world.pass(1100);
    assert!(world.is("a", Monitor::Yes, 0), "{:?}", world.unit("a"));
    world.log();
    world.bad.push("a".into());
    world.pass(20_000);
    assert_eq!(world.log(), Vec::<String>::new());
    world.pass(10_000);
    assert_eq!(world.log(), ["stop a", "start a"]);
}

#[test]
fn what_depends_on_what_does_not_run_waits_for_it() {
    let mut world = World::new("");
    world.behaviour.insert("a".into(), Behaviour::Hangs);
    world.load(&chain(), &BTreeMap::new());
    world.pass(31_000);
    let bits = EventKind::Exec.bit();
    assert!(world.is("b", Monitor::Yes, bits), "{:?}", world.unit("b"));
    assert_eq!(world.log(), ["start a"]);
    world.behaviour.clear();
    world.hanging.clear();
    world.pass(60_000);
    for name in ["a", "b", "c"] {
        assert!(world.is(name, Monitor::Yes, 0), "{:?}", world.unit(name));
    }
}

#[test]
fn unmonitored_services_are_left_alone() {
    let mut world = World::new(&chain());
    world.pass(5000);
    world.log();
    world.ask("a", Command::Unmonitor).unwrap();
    world.processes.clear();
    world.pass(30_000);
    assert_eq!(world.log(), Vec::<String>::new());
    for name in ["a", "b", "c"] {
        assert!(world.is(name, Monitor::No, 0));
    }
    world.ask("a", Command::Monitor).unwrap();
    world.pass(30_000);
    assert!(world.is("c", Monitor::Yes, 0), "{:?}", world.unit("c"));
}

#[test]
fn a_reload_keeps_what_is_the_same() {
    let mut world = World::new(&chain());
    world.pass(5000);
    world.ask("c", Command::Stop).unwrap();
    world.pass(500);
    world.log();
    let pid = world.unit("a").facts.live;
    let text = chain() + &service("d", "");
    world.load(&text, &BTreeMap::new());
    world.pass(5000);
    assert_eq!(world.log(), ["start d"]);
    assert_eq!(world.unit("a").facts.live, pid);
    assert!(world.is("a", Monitor::Yes, 0) && world.is("c", Monitor::No, 0));
}

#[test]
fn what_was_written_down_is_gone_on_with() {
    let mut world = World::new(&chain());
    world.pass(5000);
    world.ask("c", Command::Unmonitor).unwrap();
    let records: BTreeMap<String, Record> = world
        .fleet
        .units()
        .iter()
        .map(|unit| (unit.spec.name.clone(), unit.record()))
        .collect();
    let processes = world.processes.clone();
    let mut after = World::new("");
    after.processes = processes;
    after.processes.remove("c");
    after.load(&chain(), &records);
    after.pass(30_000);
    assert_eq!(after.log(), Vec::<String>::new());
    assert!(after.is("a", Monitor::Yes, 0) && after.is("c", Monitor::No, 0));
}
