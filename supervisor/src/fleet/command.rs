//! What can be asked of a service, and whom else it concerns.

use super::{Effect, Event, EventKind, Fleet, Goal, Millis, Monitor, Outcome, Phase};

/// What is asked. The numbers are monit's, as told in `pendingaction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// Start it, and what it depends on before; look after it.
    Start = 6,
    /// Stop what depends on it, then it; look after none of them.
    Stop = 3,
    /// Stop and start it and what depends on it.
    Restart = 2,
    /// Look after it as it is.
    Monitor = 7,
    /// Leave it as it is, and what depends on it.
    Unmonitor = 5,
}

impl Command {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Command::Start => "start",
            Command::Stop => "stop",
            Command::Restart => "restart",
            Command::Monitor => "monitor",
            Command::Unmonitor => "unmonitor",
        }
    }

    /// The command of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Command> {
        let all = [
            Command::Start,
            Command::Stop,
            Command::Restart,
            Command::Monitor,
            Command::Unmonitor,
        ];
        all.into_iter().find(|command| command.word() == word)
    }
}

/// Something else that was asked for is not done yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("'{}' was asked for and is not done yet", .0.word())]
pub struct Busy(pub Command);

impl Fleet {
    /// Takes an order. Stopping and unmonitoring are always taken, and end what else is under way.
    ///
    /// # Errors
    /// [`Busy`].
    pub fn command(&mut self, now: Millis, at: usize, command: Command) -> Result<(), Busy> {
        let unit = &self.units[at];
        match (unit.asked, command) {
            (Some(asked), command) if asked == command => return Ok(()),
            (Some(asked), Command::Start | Command::Restart | Command::Monitor) => {
                return Err(Busy(asked));
            }
            _ => {}
        }
        self.told(at, command);
        let dependents = self.all(at, true);
        let prerequisites = self.all(at, false);
        match command {
            Command::Start => {
                if self.units[at].facts.live.is_none() {
                    // Those that still run from before its end begin anew with it.
                    for other in dependents {
                        let stop = self.units[other].facts.live.is_some();
                        self.set(other, command, Goal { stop, start: true });
                    }
                }
                for other in prerequisites {
                    let unit = &self.units[other];
                    if unit.facts.live.is_none() || unit.monitor == Monitor::No {
                        let goal = Goal {
                            stop: unit.goal.stop,
                            start: true,
                        };
                        self.set(other, command, goal);
                    }
                }
                let goal = Goal {
                    stop: self.units[at].goal.stop,
                    start: true,
                };
                self.set(at, command, goal);
            }
            Command::Stop => {
                let goal = Goal {
                    stop: true,
                    start: false,
                };
                for other in dependents {
                    self.set(other, command, goal);
                }
                self.set(at, command, goal);
            }
            Command::Restart => {
                self.restart_chain(at, Some(command));
                self.units[at].restarts.clear();
            }
            Command::Monitor => {
                for other in dependents.into_iter().chain(prerequisites).chain([at]) {
                    let unit = &mut self.units[other];
                    if unit.monitor == Monitor::No {
                        unit.monitor = Monitor::Initializing;
                        unit.restarts.clear();
                        unit.look = Some(now);
                        unit.fresh = true;
                    }
                }
            }
            Command::Unmonitor => {
                for other in dependents.into_iter().chain([at]) {
                    self.unmonitor(other);
                }
            }
        }
        Ok(())
    }

    fn told(&mut self, at: usize, command: Command) {
        self.effects.push(Effect::Event(Event {
            service: self.units[at].spec.name.clone(),
            kind: EventKind::Action,
            outcome: Outcome::Succeeded,
            action: command.word(),
            description: format!("{} by user", command.word()),
        }));
    }

    /// Sets what is to be done, for somebody.
    fn set(&mut self, at: usize, command: Command, goal: Goal) {
        let unit = &mut self.units[at];
        unit.asked = Some(command);
        unit.restarts.clear();
        unit.forget();
        match (unit.phase, goal.stop) {
            // What is being stopped need not be stopped again.
            (Phase::Stopping { .. }, _) => {
                unit.goal = Goal {
                    stop: false,
                    ..goal
                }
            }
            // What is being started is not waited for any more: it is to stop.
            (Phase::Starting { .. }, true) => {
                unit.phase = Phase::Idle;
                unit.goal = goal;
            }
            (Phase::Starting { .. }, false) => {}
            (Phase::Idle, _) => unit.goal = goal,
        }
    }

    /// Stops and starts a service, and those that depend on it as far as they run or are looked
    /// after; before it starts, what it depends on if that is looked after and does not run.
    pub(super) fn restart_chain(&mut self, at: usize, asked: Option<Command>) {
        let goal = Goal {
            stop: true,
            start: true,
        };
        let mut chain = self.all(at, true);
        chain.retain(|other| {
            let unit = &self.units[*other];
            unit.facts.live.is_some() || unit.monitor != Monitor::No
        });
        let mut before = self.all(at, false);
        before.retain(|other| {
            let unit = &self.units[*other];
            unit.is_process() && unit.facts.live.is_none() && unit.monitor != Monitor::No
        });
        for other in before {
            let unit = &mut self.units[other];
            if !unit.is_busy() {
                unit.goal.start = true;
            }
        }
        for other in chain.into_iter().chain([at]) {
            match asked {
                Some(command) => self.set(other, command, goal),
                None => {
                    let unit = &mut self.units[other];
                    if unit.phase == Phase::Idle && unit.asked.is_none() {
                        unit.goal = goal;
                    }
                }
            }
        }
    }

    /// Looks after a service no more. A start that is under way goes on by itself.
    pub(super) fn unmonitor(&mut self, at: usize) {
        let unit = &mut self.units[at];
        unit.monitor = Monitor::No;
        unit.asked = unit
            .asked
            .filter(|_| matches!(unit.phase, Phase::Stopping { .. }));
        unit.goal = Goal::default();
        unit.look = None;
        unit.restarts.clear();
        unit.forget();
        if matches!(unit.phase, Phase::Starting { .. }) {
            unit.phase = Phase::Idle;
        }
    }
}
