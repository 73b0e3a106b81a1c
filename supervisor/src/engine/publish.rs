//! What the engine writes down and shows.

use super::Engine;
use crate::monitrc::model::Test;
use crate::state::{Saved, SavedProgram, State};
use crate::view::{Snapshot, Status, kind_number, mode_number, place};

impl Engine {
    /// Writes the state down if it is not what it was.
    pub(super) fn save(&mut self) {
        let mut services = std::collections::BTreeMap::new();
        if !self.start.configuration.problems.is_empty() {
            // Services of a file that is out for a while are not forgotten.
            services.clone_from(&self.state.services);
        }
        for unit in self.fleet.units() {
            let name = unit.spec.name.to_lowercase();
            let programs = self.programs.iter().filter(|each| each.service == name);
            let programs = programs.map(|each| SavedProgram {
                purpose: each.purpose,
                live: each.live,
            });
            let saved = Saved {
                record: unit.record(),
                seen: self.sides.get(&name).and_then(|side| side.sight.seen),
                programs: programs.collect(),
            };
            services.insert(name, saved);
        }
        let state = State {
            services,
            version: self.state.version,
            id: self.state.id.clone(),
            incarnation: self.state.incarnation,
            boot: self.state.boot.clone(),
        };
        if state == self.state && self.start.state_path.exists() {
            return;
        }
        self.state = state;
        match self.state.write(&self.start.state_path) {
            Ok(()) => self.complained = false,
            Err(error) if !self.complained => {
                self.complained = true;
                let path = self.start.state_path.display();
                let text = format!("cannot write the state to {path}: {error}");
                self.start.log.error(&text);
            }
            Err(_) => {}
        }
    }

    /// Shows everything to those who look.
    pub(super) fn publish(&self) {
        let mut groups: Vec<(String, Vec<String>)> = Vec::new();
        let mut services = Vec::new();
        for unit in self.fleet.units() {
            for group in &unit.spec.groups {
                let name = unit.spec.name.clone();
                match groups.iter_mut().find(|(known, _)| known == group) {
                    Some((_, members)) => members.push(name),
                    None => groups.push((group.clone(), vec![name])),
                }
            }
            let side = self.sides.get(&unit.spec.name.to_lowercase());
            let connects = unit
                .spec
                .rules
                .iter()
                .any(|rule| matches!(rule.test, Test::Connection(_)));
            let (file, line) = place(&unit.spec.place);
            let first = unit.faults.first_key_value();
            services.push(Status {
                name: unit.spec.name.clone(),
                kind: kind_number(&unit.spec.kind),
                groups: unit.spec.groups.clone(),
                monitor: unit.monitor,
                pending: unit.asked,
                busy: unit.is_busy(),
                bits: unit
                    .faults
                    .values()
                    .fold(0, |all, fault| all | fault.kind.bit()),
                fault: first.map(|(_, fault)| (fault.kind, fault.text.clone())),
                accessible: side
                    .and_then(|side| side.accessible)
                    .filter(|_| connects)
                    .or(connects.then_some(false)),
                vitals: side.and_then(|side| side.vitals),
                mode: mode_number(unit.spec.mode),
                collected: side.map_or((0, 0), |side| side.collected),
                file,
                line,
            });
        }
        let start = &self.start;
        start.shared.publish(Snapshot {
            id: self.state.id.clone(),
            incarnation: self.state.incarnation,
            began: self.began,
            interval: self.interval().div_ceil(1000),
            start_delay: self.settings.start_delay.as_secs(),
            control_file: start.control_file.clone(),
            host: start.host.clone(),
            httpd: start.httpd.clone(),
            services,
            groups,
            problems: start.configuration.problems.clone(),
            warnings: start.configuration.warnings.clone(),
            machine: self.gauge.machine,
            machine_cpu: self.gauge.machine_cpu(),
        });
    }
}
