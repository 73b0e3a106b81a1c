//! What the scheduler has done, and when: the defaults are stock's.
//!
//! | name | default | what |
//! |---|---|---|
//! | `orphaned-vms` | every 5 minutes | machines whose place another has taken |
//! | `orphaned-disks` | every 30 minutes | disks that have been nobody's for 5 days, and what was made for directors that died |
//! | `dns-blobs` | every 30 minutes | all but 10 versions of names that are older than an hour |
//! | `dns-tombstones` | daily | rows that only raised the version of names |
//! | `events` | hourly | all but the newest 10000 |
//! | `tasks` | weekly | all but the newest 2000 of each type, with their output |
//! | `snapshots` | off; stock's is `0 7 * * *` | disks of all deployments |

use warren_director_store::work::Scheduled;

use crate::cron::{Cron, CronError};

/// What is done when a schedule is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A task, if there is anything to do.
    Work(Scheduled),
    /// A snapshot of the disks of each deployment.
    Snapshots,
}

/// Something that is done from time to time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// What it is called.
    pub name: &'static str,
    /// When; never if `None`.
    pub cron: Option<Cron>,
    /// What.
    pub due: Due,
}

/// A setting that names no schedule, or no time.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// No `NAME=TIMES`.
    #[error("'{0}' is not NAME=SCHEDULE or NAME=off")]
    Form(String),
    /// A name that nothing has.
    #[error("there is no schedule '{name}': there are {known}")]
    Name {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// Its times.
    #[error("schedule '{name}'")]
    Times {
        /// The name.
        name: String,
        /// What is wrong with them.
        source: CronError,
    },
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Events.
    pub events: u32,
    /// Tasks of each type.
    pub tasks: u32,
    /// Orphaned disks, in days.
    pub orphaned_disks: u32,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            events: 10_000,
            tasks: 2_000,
            orphaned_disks: 5,
        }
    }
}

/// All schedules, with settings of the form `NAME=TIMES` or `NAME=off` in place of their defaults.
///
/// # Errors
/// [`ScheduleError`].
pub fn schedules(settings: &[String], kept: Kept) -> Result<Vec<Schedule>, ScheduleError> {
    let mut all = Vec::new();
    for (name, default, due) in [
        (
            "orphaned-vms",
            "*/5 * * * *",
            Due::Work(Scheduled::OrphanedVms),
        ),
        (
            "orphaned-disks",
            "0,30 * * * *",
            Due::Work(Scheduled::OrphanedDisks {
                max_age: kept.orphaned_disks,
            }),
        ),
        (
            "dns-blobs",
            "0,30 * * * *",
            Due::Work(Scheduled::DnsBlobs {
                kept: 10,
                max_age: 3600,
            }),
        ),
        (
            "dns-tombstones",
            "0 0 * * *",
            Due::Work(Scheduled::DnsTombstones),
        ),
        (
            "events",
            "0 * * * *",
            Due::Work(Scheduled::Events { kept: kept.events }),
        ),
        (
            "tasks",
            "0 0 * * 0",
            Due::Work(Scheduled::Tasks { kept: kept.tasks }),
        ),
        ("snapshots", "off", Due::Snapshots),
    ] {
        all.push(Schedule {
            name,
            cron: times(name, default)?,
            due,
        });
    }
    for setting in settings {
        let (name, text) = setting
            .split_once('=')
            .ok_or_else(|| ScheduleError::Form(setting.clone()))?;
        let known = || {
            let names: Vec<_> = all.iter().map(|one: &Schedule| one.name).collect();
            names.join(", ")
        };
        let Some(place) = all.iter().position(|one| one.name == name) else {
            return Err(ScheduleError::Name {
                name: name.to_owned(),
                known: known(),
            });
        };
        let cron = times(name, text)?;
        if let Some(schedule) = all.get_mut(place) {
            schedule.cron = cron;
        }
    }
    Ok(all)
}

fn times(name: &str, text: &str) -> Result<Option<Cron>, ScheduleError> {
    if text == "off" {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|source| ScheduleError::Times {
            name: name.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_the_place_of_defaults() {
        let all = schedules(&[], Kept::default()).unwrap();
        assert_eq!(all.len(), 7);
        let off = all.iter().filter(|one| one.cron.is_none());
        assert_eq!(off.map(|one| one.name).collect::<Vec<_>>(), ["snapshots"]);
        let settings = ["events=off", "snapshots=0 7 * * *"].map(str::to_owned);
        let all = schedules(&settings, Kept::default()).unwrap();
        let off = all.iter().filter(|one| one.cron.is_none());
        assert_eq!(off.map(|one| one.name).collect::<Vec<_>>(), ["events"]);
        for bad in ["events", "event=off", "events=never", "events=* * * *"] {
            assert!(
                schedules(&[bad.to_owned()], Kept::default()).is_err(),
                "{bad}"
            );
        }
    }
}
