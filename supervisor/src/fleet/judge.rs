//! Cycles, readings, and what follows from them.

use super::{
    Effect, Event, EventKind, Fault, Fleet, Goal, Millis, Monitor, Outcome, Phase, Purpose,
    Reading, Slot, Unit,
};
use crate::monitrc::model::{Action, Kind, Mode, Resource, Rule, Test};

impl Fleet {
    /// A cycle begins: asks for the readings of every service that is looked after and idle.
    pub fn tick(&mut self) {
        for at in 0..self.units.len() {
            let unit = &mut self.units[at];
            unit.cycle += 1;
            unit.forget_old_restarts();
            if unit.monitor == Monitor::No || unit.is_busy() {
                continue;
            }
            if !unit.cycle.is_multiple_of(unit.spec.every.into()) && unit.monitor == Monitor::Yes {
                continue;
            }
            if self.too_many_restarts(at) {
                continue;
            }
            let unit = &mut self.units[at];
            let under_way = unit.checking.replace(true).is_some();
            if !under_way {
                self.effects.push(Effect::Check(at));
            }
        }
    }

    /// Whether a rule about restarts has taken the service out of its cycle.
    fn too_many_restarts(&mut self, at: usize) -> bool {
        for rule in 0..self.units[at].spec.rules.len() {
            let unit = &self.units[at];
            let Test::Restarts { count, cycles } = unit.spec.rules[rule].test else {
                continue;
            };
            let since = unit.cycle.saturating_sub(u64::from(cycles));
            let starts = unit
                .restarts
                .iter()
                .filter(|cycle| **cycle >= since)
                .count();
            let reading = if starts >= count as usize {
                let text = format!("service restarted {starts} times within {cycles} cycles");
                Reading::Bad(text)
            } else {
                Reading::Good
            };
            self.judge(at, rule, reading, true);
            let unit = &self.units[at];
            if unit.is_busy() || unit.monitor == Monitor::No {
                return true;
            }
        }
        false
    }

    /// Takes the readings that were asked for, one for each rule.
    pub fn measured(&mut self, now: Millis, at: usize, readings: Vec<Reading>) {
        let unit = &mut self.units[at];
        let Some(counts) = unit.checking.take() else {
            return;
        };
        if unit.monitor == Monitor::No || unit.is_busy() {
            return;
        }
        for (rule, reading) in readings.into_iter().enumerate() {
            let unit = &self.units[at];
            let Some(test) = unit.spec.rules.get(rule).map(|rule| &rule.test) else {
                break;
            };
            if matches!(test, Test::Restarts { .. }) {
                continue;
            }
            // Between cycles only what is not there at all counts, the first time: a service that is
            // new is started at once. A file that is out is never there.
            let at_once = unit.fresh || matches!(unit.spec.kind, Kind::Invalid(_));
            let counts = counts || (*test == Test::Nonexist && at_once);
            self.judge(at, rule, reading, counts);
            let unit = &mut self.units[at];
            if unit.is_busy() || unit.monitor == Monitor::No {
                unit.fresh = false;
                return;
            }
        }
        self.units[at].fresh = false;
        self.ready(now, at);
    }

    /// Ends the initializing of a service that has been found good, or bad.
    fn ready(&mut self, now: Millis, at: usize) {
        let unit = &mut self.units[at];
        if unit.monitor != Monitor::Initializing {
            return;
        }
        if unit.is_process() && unit.facts.live.is_none() {
            // It ended while it settled: that is no good start. The cycle tries again.
            let nonexist = |rule: &Rule| rule.test == Test::Nonexist;
            if let Some(rule) = unit.spec.rules.iter().position(nonexist) {
                let fault = Fault {
                    kind: EventKind::Nonexist,
                    text: "process is not running".to_owned(),
                };
                unit.faults.insert(Slot::Rule(rule), fault);
            }
            unit.monitor = Monitor::Yes;
            unit.look = None;
            return;
        }
        let mut connections = unit
            .spec
            .rules
            .iter()
            .zip(&unit.history)
            .filter(|(rule, _)| matches!(rule.test, Test::Connection(_)));
        let accessible = connections.all(|(_, history)| history.passed || history.failed);
        let failed = unit.history.iter().any(|history| history.failed);
        let good = accessible && now >= unit.settled;
        if good || failed {
            unit.monitor = Monitor::Yes;
            unit.look = None;
        }
    }

    /// Takes one reading of one rule.
    pub(super) fn judge(&mut self, at: usize, rule: usize, reading: Reading, counts: bool) {
        let unit = &mut self.units[at];
        let (Some(history), Some(spec)) = (unit.history.get_mut(rule), unit.spec.rules.get(rule))
        else {
            return;
        };
        match reading {
            Reading::Unknown => {}
            Reading::Good => {
                history.passed = true;
                if counts {
                    history.bits <<= 1;
                }
                let failed = std::mem::take(&mut history.failed);
                unit.faults.remove(&Slot::Rule(rule));
                if failed {
                    let kind = kind_of(unit, rule);
                    let action = unit.spec.rules[rule].recovered.clone();
                    let text = format!("{} again", good_text(kind));
                    self.act(at, &action, kind, Outcome::Succeeded, text, true);
                }
            }
            Reading::Bad(_) if !counts => {}
            Reading::Bad(text) => {
                history.bits = (history.bits << 1) | 1;
                let window = spec.window;
                let mask = u64::MAX >> (64 - window.cycles.clamp(1, 64));
                if (history.bits & mask).count_ones() < window.count {
                    return;
                }
                let changed = !std::mem::replace(&mut history.failed, true);
                let action = spec.action.clone();
                let kind = kind_of(unit, rule);
                let fault = Fault {
                    kind,
                    text: text.clone(),
                };
                unit.faults.insert(Slot::Rule(rule), fault);
                self.act(at, &action, kind, Outcome::Failed, text, changed);
            }
        }
    }

    /// Does what a rule says. Alerts and programs come once for each change; what restarts or
    /// starts is tried again as long as the rule holds.
    fn act(
        &mut self,
        at: usize,
        action: &Action,
        kind: EventKind,
        outcome: Outcome,
        text: String,
        changed: bool,
    ) {
        let passive = self.units[at].spec.mode == Mode::Passive;
        let action = if passive { &Action::Alert } else { action };
        if changed {
            self.effects.push(Effect::Event(Event {
                service: self.units[at].spec.name.clone(),
                kind,
                outcome,
                action: word(action),
                description: text.clone(),
            }));
        }
        match action {
            Action::Alert => {}
            Action::Restart => self.restart_chain(at, None),
            Action::Start => {
                let unit = &mut self.units[at];
                if unit.phase == Phase::Idle {
                    unit.goal.start = true;
                }
            }
            Action::Stop => {
                let goal = Goal {
                    stop: true,
                    start: false,
                };
                for other in self.all(at, true).into_iter().chain([at]) {
                    self.units[other].goal = goal;
                }
            }
            Action::Unmonitor => {
                for other in self.all(at, true) {
                    self.unmonitor(other);
                }
                // What made it so stays to be seen until somebody asks for something.
                let faults = self.units[at].faults.clone();
                self.unmonitor(at);
                self.units[at].faults = faults;
            }
            Action::Exec(program) if changed => self.effects.push(Effect::Run {
                service: at,
                purpose: Purpose::Exec,
                program: program.clone(),
                cause: (kind.text(outcome).to_owned(), text),
            }),
            Action::Exec(_) => {}
        }
    }
}

impl Unit {
    /// Keeps only starts that a rule can still count.
    fn forget_old_restarts(&mut self) {
        let windows = self.spec.rules.iter().filter_map(|rule| match rule.test {
            Test::Restarts { cycles, .. } => Some(u64::from(cycles)),
            _ => None,
        });
        let longest = windows.max().unwrap_or(0);
        let since = self.cycle.saturating_sub(longest);
        self.restarts.retain(|cycle| *cycle >= since && longest > 0);
    }
}

fn word(action: &Action) -> &'static str {
    match action {
        Action::Alert => "alert",
        Action::Restart => "restart",
        Action::Start => "start",
        Action::Stop => "stop",
        Action::Unmonitor => "unmonitor",
        Action::Exec(_) => "exec",
    }
}

/// The kind of event that a rule makes.
fn kind_of(unit: &Unit, rule: usize) -> EventKind {
    let is_file = matches!(
        unit.spec.kind,
        Kind::File(_) | Kind::Directory(_) | Kind::Fifo(_)
    );
    match &unit.spec.rules[rule].test {
        Test::Nonexist if matches!(unit.spec.kind, Kind::Invalid(_)) => EventKind::Invalid,
        Test::Nonexist | Test::Exist => EventKind::Nonexist,
        Test::Resource {
            what: Resource::Size,
            ..
        }
        | Test::Changed(Resource::Size) => EventKind::Size,
        Test::Resource {
            what: Resource::Age,
            ..
        } if is_file => EventKind::Timestamp,
        Test::Changed(_) => EventKind::Timestamp,
        Test::Resource { .. } => EventKind::Resource,
        Test::Connection(_) => EventKind::Connection,
        Test::Pid => EventKind::Pid,
        Test::Ppid => EventKind::Ppid,
        Test::Restarts { .. } => EventKind::Timeout,
        Test::Uid(_) => EventKind::Uid,
        Test::Gid(_) => EventKind::Gid,
        Test::Permission(_) => EventKind::Permission,
        Test::Content { .. } => EventKind::Content,
        Test::Status { .. } => EventKind::Status,
    }
}

fn good_text(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Nonexist => "there",
        EventKind::Connection => "accessible",
        EventKind::Resource => "within its limit",
        EventKind::Pid | EventKind::Ppid => "the same",
        _ => "good",
    }
}
