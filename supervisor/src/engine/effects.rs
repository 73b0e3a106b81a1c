//! Carrying out what the fleet wants done: programs, checks, and telling what happened.

use std::sync::Arc;

use super::programs::{self, Cause};
use super::{Engine, Input, measure};
use crate::fleet::{Effect, Event, EventKind, Millis, Outcome, Purpose};
use crate::procfs::Process;
use crate::teller::Told;

impl Engine {
    pub(super) fn instance(&self, description: &str) {
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

    pub(super) fn tell(&self, event: Event, alerts: Vec<crate::monitrc::model::Alert>) {
        let told = Told {
            event,
            alerts,
            settings: Arc::clone(&self.settings),
            host: self.start.host.clone(),
            when: crate::teller::now(),
        };
        self.start.teller.tell(told, &self.start.log);
    }

    pub(super) fn carry_out(&mut self, now: Millis, effect: Effect) {
        match effect {
            Effect::Run {
                service,
                purpose,
                program,
                cause,
            } => {
                let name = self.fleet.units()[service].spec.name.clone();
                let log = self.start.log.clone();
                let verb = format!("{purpose:?}").to_lowercase();
                log.info(&format!("'{name}' {verb}: {}", program.command.join(" ")));
                let side = self.sides.get(&name.to_lowercase());
                let vitals = side.and_then(|side| side.vitals);
                let (host, groups) = (self.start.host.clone(), Arc::clone(&self.groups));
                let cause = Cause {
                    service: &name,
                    host: &host,
                    event: &cause.0,
                    description: &cause.1,
                    vitals: vitals.as_ref(),
                };
                // Whoever comes after us finds it, from its first instruction on.
                let mut note = |running| {
                    self.programs.push(running);
                    self.save();
                    self.programs.pop();
                };
                match programs::spawn(&program, purpose, &cause, &groups, Some(&mut note)) {
                    Ok(running) => self.programs.push(running),
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
    pub(super) fn check(&mut self, now: Millis, at: usize) {
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
        let groups = Arc::clone(&self.groups);
        let spawned = std::thread::Builder::new()
            .name("probe".to_owned())
            .stack_size(256 * 1024)
            .spawn(move || {
                let slow = slow.make(&service, &host, &groups);
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
}
