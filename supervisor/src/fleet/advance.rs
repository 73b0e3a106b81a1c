//! Phases: what begins when its turn has come, and how it ends.

use super::{
    Command, Effect, Event, EventKind, Facts, Fault, Fleet, Goal, Millis, Monitor, Outcome, Phase,
    Purpose, QUICK, Reading, Slot,
};
use crate::monitrc::model::Test;

impl Fleet {
    /// Takes note of what is there of a service.
    pub fn observe(&mut self, now: Millis, at: usize, facts: Facts) {
        let unit = &mut self.units[at];
        let before = std::mem::replace(&mut unit.facts, facts);
        let age = before.age + now.saturating_sub(std::mem::replace(&mut unit.seen, now));
        if unit.phase != Phase::Idle || unit.goal != Goal::default() {
            return;
        }
        if facts.live.is_some() && unit.faults.contains_key(&Slot::Start) {
            // It came up after all.
            self.recovered_exec(now, at, "process is running");
            return;
        }
        if facts.live.is_none() {
            unit.faults.remove(&Slot::Stop);
        }
        let ended = before.live.is_some() && facts.live.is_none();
        if ended && unit.monitor != Monitor::No && age >= self.interval {
            self.lost(at);
        }
    }

    /// A process that had run for long has ended: its rule is not kept waiting for the cycle.
    fn lost(&mut self, at: usize) {
        let rules = &self.units[at].spec.rules;
        let Some(rule) = rules.iter().position(|rule| rule.test == Test::Nonexist) else {
            return;
        };
        if rules[rule].window.cycles == 1 {
            self.judge(
                at,
                rule,
                Reading::Bad("process is not running".to_owned()),
                true,
            );
        }
    }

    fn recovered_exec(&mut self, now: Millis, at: usize, text: &str) {
        let unit = &mut self.units[at];
        unit.faults.remove(&Slot::Start);
        if unit.monitor == Monitor::Yes {
            unit.monitor = Monitor::Initializing;
        }
        unit.look = Some(now);
        unit.settled = now + self.settle;
        let service = unit.spec.name.clone();
        self.effects.push(Effect::Event(Event {
            service,
            kind: EventKind::Exec,
            outcome: Outcome::Succeeded,
            action: "alert",
            description: text.to_owned(),
        }));
    }

    /// Ends what has ended, begins whatever has its turn, and asks for checks out of turn.
    pub fn advance(&mut self, now: Millis) {
        for at in 0..self.units.len() {
            self.end(now, at);
        }
        // Each round begins or ends at least one goal; there are at most two for each service.
        for _ in 0..=2 * self.units.len() {
            let mut changed = false;
            for at in 0..self.units.len() {
                changed |= self.begin(now, at);
            }
            if !changed {
                break;
            }
        }
        for at in 0..self.units.len() {
            let unit = &mut self.units[at];
            if unit.look.is_some_and(|look| look <= now) {
                unit.look = None;
                if unit.monitor != Monitor::No && !unit.is_busy() {
                    if unit.checking.is_none() {
                        unit.checking = Some(false);
                        self.effects.push(Effect::Check(at));
                    }
                    let unit = &mut self.units[at];
                    if unit.monitor == Monitor::Initializing {
                        unit.look = Some(now + QUICK);
                    }
                }
            }
        }
    }

    fn end(&mut self, now: Millis, at: usize) {
        let unit = &mut self.units[at];
        let facts = unit.facts;
        match unit.phase {
            Phase::Idle => {}
            Phase::Starting { until } => {
                let up = if unit.is_process() {
                    facts.live.is_some()
                } else {
                    !facts.starting
                };
                if up {
                    unit.phase = Phase::Idle;
                    self.up(now, at);
                } else if now >= until {
                    unit.phase = Phase::Idle;
                    let text = if facts.starting {
                        "failed to start: its start program still runs"
                    } else {
                        "failed to start: its start program has ended, but there is no process"
                    };
                    self.failed_to_start(at, text.to_owned());
                }
            }
            Phase::Stopping { until } => {
                let gone = facts.live.is_none() && !facts.starting;
                if gone && !facts.stopping {
                    unit.phase = Phase::Idle;
                    self.stopped(at);
                } else if now >= until {
                    unit.phase = Phase::Idle;
                    if facts.stopping || facts.starting {
                        self.effects.push(Effect::EndPrograms(at));
                    }
                    if facts.live.is_none() {
                        self.stopped(at);
                    } else {
                        self.failed_to_stop(at);
                    }
                }
            }
        }
    }

    /// Whether anything was begun or ended.
    fn begin(&mut self, now: Millis, at: usize) -> bool {
        let unit = &self.units[at];
        if unit.phase != Phase::Idle {
            return false;
        }
        if unit.goal.stop {
            let still_to_stop = |other: usize| {
                let other = &self.units[other];
                other.goal.stop || matches!(other.phase, Phase::Stopping { .. })
            };
            if self.dependents(at).any(still_to_stop) {
                return false;
            }
            self.begin_stop(now, at);
            return true;
        }
        if unit.goal.start {
            if self
                .prerequisites(at)
                .any(|other| self.units[other].is_busy())
            {
                return false;
            }
            self.begin_start(now, at);
            return true;
        }
        false
    }

    fn begin_stop(&mut self, now: Millis, at: usize) {
        let unit = &mut self.units[at];
        unit.goal.stop = false;
        if unit.asked.is_none() && unit.goal.start && unit.facts.live.is_none() {
            // There is nothing to stop before it starts again by itself, and a start program that
            // still runs may yet succeed.
            return;
        }
        if unit.facts.starting {
            self.effects.push(Effect::EndPrograms(at));
        }
        let unit = &mut self.units[at];
        let there = unit.facts.live.is_some() || unit.facts.starting || !unit.is_process();
        match unit.spec.stop.clone().filter(|_| there) {
            Some(program) => {
                let timeout = millis(program.timeout);
                unit.phase = Phase::Stopping {
                    until: now + timeout,
                };
                // One that a supervisor before us has begun is waited for.
                if !std::mem::replace(&mut unit.facts.stopping, true) {
                    self.run(at, Purpose::Stop, program);
                }
            }
            None => self.stopped(at),
        }
    }

    fn begin_start(&mut self, now: Millis, at: usize) {
        self.units[at].goal.start = false;
        let missing = self.prerequisites(at).find(|other| {
            let other = &self.units[*other];
            other.is_process() && other.facts.live.is_none()
        });
        if let Some(other) = missing {
            let name = &self.units[other].spec.name;
            let text = format!("failed to start: it depends on '{name}', which does not run");
            self.failed_to_start(at, text);
            return;
        }
        let unit = &mut self.units[at];
        let there = unit.facts.live.is_some();
        let reported = unit.faults.contains_key(&Slot::Start);
        if unit.facts.starting && reported && unit.asked.is_none() && !there {
            // It was too slow, as has been said; it goes on.
            return;
        }
        match unit.spec.start.clone().filter(|_| !there) {
            Some(program) => {
                let timeout = millis(program.timeout);
                unit.phase = Phase::Starting {
                    until: now + timeout,
                };
                unit.monitor = Monitor::Initializing;
                unit.look = None;
                if unit.asked.is_none() {
                    unit.restarts.push_back(unit.cycle);
                    if unit.restarts.len() > 1000 {
                        unit.restarts.pop_front();
                    }
                }
                // One at a time: what still runs from before may yet do it.
                if !std::mem::replace(&mut unit.facts.starting, true) {
                    self.run(at, Purpose::Start, program);
                }
            }
            None => self.up(now, at),
        }
    }

    fn run(&mut self, service: usize, purpose: Purpose, program: crate::monitrc::model::Program) {
        let unit = &self.units[service];
        let cause = match unit.faults.values().next() {
            Some(fault) => (
                fault.kind.text(Outcome::Failed).to_owned(),
                fault.text.clone(),
            ),
            None => (
                "Action done".to_owned(),
                format!("{purpose:?}").to_lowercase(),
            ),
        };
        self.effects.push(Effect::Run {
            service,
            purpose,
            program,
            cause,
        });
    }

    /// It runs, as far as can be seen yet.
    fn up(&mut self, now: Millis, at: usize) {
        let settle = self.settle;
        let unit = &mut self.units[at];
        unit.asked = None;
        unit.monitor = Monitor::Initializing;
        unit.forget();
        unit.settled = now + settle;
        unit.look = Some(now);
    }

    fn stopped(&mut self, at: usize) {
        let unit = &mut self.units[at];
        if unit.goal.start {
            return;
        }
        unit.forget();
        unit.asked = None;
        unit.monitor = Monitor::No;
        unit.look = None;
    }

    fn failed_to_start(&mut self, at: usize, text: String) {
        let unit = &mut self.units[at];
        unit.asked = None;
        // It is known to be bad, so it is not initializing any more.
        unit.monitor = Monitor::Yes;
        unit.look = None;
        self.exec_fault(at, Slot::Start, text);
    }

    fn failed_to_stop(&mut self, at: usize) {
        let unit = &mut self.units[at];
        let asked = unit.asked.take();
        unit.goal = Goal::default();
        if asked == Some(Command::Stop) {
            unit.monitor = Monitor::No;
            unit.look = None;
        }
        self.exec_fault(
            at,
            Slot::Stop,
            "failed to stop: its process still runs".to_owned(),
        );
    }

    fn exec_fault(&mut self, at: usize, slot: Slot, text: String) {
        let unit = &mut self.units[at];
        let fault = Fault {
            kind: EventKind::Exec,
            text: text.clone(),
        };
        let service = unit.spec.name.clone();
        if unit.faults.insert(slot, fault).is_none() {
            self.effects.push(Effect::Event(Event {
                service,
                kind: EventKind::Exec,
                outcome: Outcome::Failed,
                action: "alert",
                description: text,
            }));
        }
    }
}

pub(super) fn millis(time: std::time::Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX / 4)
}
