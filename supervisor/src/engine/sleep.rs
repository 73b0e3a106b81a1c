//! The one place where the engine waits: for processes, programs, orders and time.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{BLIND, CONFIRM, Engine, HOT};
use crate::fleet::{Monitor, Phase};

impl Engine {
    /// Sleeps until something happens or is due.
    pub(super) fn sleep(&mut self) {
        let now = self.now();
        let mut until = self.next_tick;
        until = until.min(self.fleet.due().unwrap_or(until));
        let mut confirms = self.sides.values().filter_map(|side| side.confirm);
        until = until.min(confirms.by_ref().min().unwrap_or(until));
        let is_hot =
            self.fleet.units().iter().any(|unit| {
                unit.phase != Phase::Idle || unit.facts.starting || unit.facts.stopping
            });
        if is_hot
            || self
                .programs
                .iter()
                .any(|each| each.is_ending() || each.fd.is_none())
        {
            until = until.min(now + HOT);
        }
        let blind = self.fleet.units().iter().any(|unit| {
            let side = self.sides.get(&unit.spec.name.to_lowercase());
            let watched = side.is_some_and(|side| side.sight.fd.is_some());
            unit.facts.live.is_some() && !watched && unit.monitor != Monitor::No
        });
        if blind {
            until = until.min(now + BLIND);
        }
        let names: Vec<&String> = self
            .sides
            .iter()
            .filter(|(_, side)| side.sight.fd.is_some())
            .map(|(name, _)| name)
            .collect();
        let mut fds = vec![PollFd::new(&self.start.wake, PollFlags::IN)];
        for name in &names {
            if let Some(fd) = self
                .sides
                .get(*name)
                .and_then(|side| side.sight.fd.as_ref())
            {
                fds.push(PollFd::new(fd, PollFlags::IN));
            }
        }
        let programs = self.programs.iter().filter_map(|each| each.fd.as_ref());
        fds.extend(programs.map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)));
        let wait = until.saturating_sub(now);
        let timeout = Timespec {
            tv_sec: i64::try_from(wait / 1000).unwrap_or(3600),
            tv_nsec: i64::try_from(wait % 1000).unwrap_or(0) * 1_000_000,
        };
        // Interrupted or not: what is due is found by looking.
        let _ = poll(&mut fds, Some(&timeout));
        let ended: Vec<String> = names
            .iter()
            .zip(&fds[1..])
            .filter(|(_, fd)| !fd.revents().is_empty())
            .map(|(name, _)| (*name).clone())
            .collect();
        let woken = !fds[0].revents().is_empty();
        drop(fds);
        if woken {
            let _ = rustix::io::read(&self.start.wake, &mut [0_u8; 256]);
        }
        let now = self.now();
        for name in ended {
            if let Some(side) = self.sides.get_mut(&name) {
                side.sight.fd = None;
                side.confirm = Some(now + CONFIRM);
            }
        }
        if blind {
            for at in 0..self.fleet.units().len() {
                self.observe(at);
            }
        }
    }
}
