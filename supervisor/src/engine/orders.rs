//! What the engine is told: orders for services, files to read anew, readings that took time.

use super::{Engine, Input, Target};
use crate::error::Refused;
use crate::fleet::{Command, Reading};
use crate::monitrc::load::load;

impl Engine {
    pub(super) fn input(&mut self, input: Input) {
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

    pub(super) fn command(&mut self, target: &Target, command: Command) -> Result<(), Refused> {
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
}
