//! Holding back containers that use more CPU time than they are entitled to.
//!
//! Every so often each container's usage is compared with its entitlement, and the shares of the
//! groups are set as [`plan`] says. What is remembered is only which containers were bad at the last
//! look and what each had used; a server that is started anew finds out again.

pub mod plan;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use warren_container_runtime::groups::{Place, metrics};
use warren_lib_errchain::chain;
use warren_sys_cgroup::GroupSet;
use warren_sys_cgroup::limits::{Cpu, CpuShare, Limits};

use super::state::{file_name, pea_name};
use super::{Gardener, metrics as told};
use plan::{Candidate, Unit};

/// What was seen at the last look, by the group's name.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<String, Entry>>);

#[derive(Debug, Clone, Copy)]
struct Entry {
    used: u64,
    is_bad: bool,
}

/// A group that is judged.
struct Subject {
    name: String,
    shares: u64,
    created: u64,
    place: Place,
    groups: GroupSet,
}

impl Subject {
    /// Whether its share is one of cgroup v1's.
    fn is_v1(&self) -> bool {
        let mut v1 = self.groups.v1.iter();
        v1.any(|group| group.has_controller("cpu"))
    }
}

impl Gardener {
    /// Looks at all containers, and holds back those that use too much.
    pub fn throttle(&self) {
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut subjects = Vec::new();
        let mut candidates = Vec::new();
        for subject in self.subjects() {
            // One that is going has no usage any more.
            let Ok(cpu) = metrics::cpu(&subject.groups) else {
                continue;
            };
            let used = u64::try_from(cpu.usage.as_nanos()).unwrap_or(u64::MAX);
            let before = seen.get(&subject.name).map_or(0, |entry| entry.used);
            candidates.push(Candidate {
                shares: subject.shares,
                part: self.part(subject.shares),
                used,
                entitled: self.entitlement(subject.shares, told::age(subject.created)),
                is_active: used > before,
            });
            subjects.push(subject);
        }
        let unit = match subjects.iter().any(Subject::is_v1) {
            true => Unit::Shares,
            false => Unit::Weight,
        };
        let due = plan::plan(&candidates, unit);
        let mut now = BTreeMap::new();
        for ((subject, candidate), due) in subjects.iter().zip(&candidates).zip(due) {
            let is_bad = candidate.is_bad();
            let was_bad = seen.get(&subject.name).is_some_and(|entry| entry.is_bad);
            // Whoever was not held back and is not to be is left alone.
            if is_bad || was_bad {
                self.give(
                    subject,
                    match unit {
                        Unit::Shares => CpuShare::Shares(due),
                        Unit::Weight => CpuShare::Weight(due),
                    },
                );
            }
            if is_bad != was_bad {
                let (used, entitled) = (candidate.used.to_string(), candidate.entitled.to_string());
                let values = [
                    ("group", subject.name.as_str()),
                    ("used", used.as_str()),
                    ("entitled", entitled.as_str()),
                ];
                let what = match is_bad {
                    true => "more CPU time was used than there is entitlement; held back",
                    false => "CPU time is within the entitlement; no longer held back",
                };
                self.log.info(what, &values);
            }
            let entry = Entry {
                used: candidate.used,
                is_bad,
            };
            now.insert(subject.name.clone(), entry);
        }
        *seen = now;
    }

    /// Whether a container is held back.
    pub(super) fn is_throttled(&self, handle: &str) -> bool {
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&file_name(handle))
            .is_some_and(|entry| entry.is_bad)
    }

    /// Gives all containers the shares they asked for: a server before this one may have held some
    /// back.
    pub(super) fn release_all(&self) {
        for subject in self.subjects() {
            if subject.shares > 0 {
                self.give(&subject, CpuShare::Shares(subject.shares));
            }
        }
    }

    fn subjects(&self) -> Vec<Subject> {
        let all: Vec<_> = self.all().values().cloned().collect();
        let mut subjects = Vec::new();
        for container in all.iter().filter(|container| container.is_ready()) {
            let record = container.record();
            // Of one that is being destroyed nothing may be there any more.
            let Ok(parent) = self.parent_of(&record.handle) else {
                continue;
            };
            let mut add = |name: String, shares, created| {
                let place = parent.child(&name);
                // A process without limits of its own has no such group, a dead container none.
                if let Ok(groups) = place.open() {
                    subjects.push(Subject {
                        name,
                        shares,
                        created,
                        place,
                        groups,
                    });
                }
            };
            add(file_name(&record.handle), record.cpu_shares, record.created);
            for (id, pea) in &record.peas {
                add(pea_name(&record.handle, id), pea.cpu_shares, pea.created);
            }
        }
        subjects
    }

    fn give(&self, subject: &Subject, share: CpuShare) {
        let limits = Limits {
            cpu: Cpu {
                share: Some(share),
                quota: None,
            },
            ..Limits::default()
        };
        if let Err(error) = subject.groups.limit(&limits) {
            let is_there = subject.place.open().is_ok();
            if is_there {
                let text = chain(&error);
                let values = [("group", subject.name.as_str()), ("error", text.as_str())];
                self.log.error("CPU shares not changed", &values);
            }
        }
    }
}
