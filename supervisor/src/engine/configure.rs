//! A configuration becomes the engine's own: services that stay keep what is known of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::look::Sight;
use super::programs::Running;
use super::{Engine, Side};
use crate::monitrc::assemble::Configuration;

impl Engine {
    /// Takes a configuration as its own.
    pub(super) fn configure(&mut self, configuration: Configuration) {
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
}
