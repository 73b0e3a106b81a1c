//! Turns: each test has a machine to itself, as it was after its boot.
//!
//! An emulated machine keeps two processors busy. Who has four has two machines; the second is booted when a
//! test wants a machine while another has the first. On two processors two machines only hold each other up.

use std::num::NonZero;
use std::ops::Deref;
use std::panic::catch_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::Vm;

/// How long what the last test had may take to go.
const PATIENCE: Duration = Duration::from_secs(120);
/// How many machines there may be.
const MACHINES: usize = 2;
/// Processors of the host for each.
const PROCESSORS: usize = 2;

static BOOTED: [OnceLock<Option<Vm>>; MACHINES] = [const { OnceLock::new() }; MACHINES];
/// Those that somebody has.
static TAKEN: Mutex<[bool; MACHINES]> = Mutex::new([false; MACHINES]);
static CHANGED: Condvar = Condvar::new();

/// A machine that nobody else has until this is dropped.
#[derive(Debug)]
pub struct Turn {
    vm: &'static Vm,
    _place: Place,
}

impl Turn {
    /// Waits until there is a machine, booted on first use, and until what the last test had there is
    /// gone: the kernel takes down links of a network namespace some time after its last process.
    ///
    /// # Panics
    /// If the machine does not come up; so does everybody who has this one later.
    #[must_use]
    #[track_caller]
    pub fn take() -> Turn {
        let place = Place::take();
        let boot = || catch_unwind(Vm::boot).ok();
        let vm = match BOOTED[place.0].get_or_init(boot) {
            Some(vm) => vm,
            None => panic!("machine {} did not come up", place.0),
        };
        // A test that failed left what it left; the next says so itself if that matters.
        let deadline = Instant::now() + PATIENCE;
        while vm.links() != vm.links && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(200));
        }
        Turn { vm, _place: place }
    }

    /// The machine.
    #[must_use]
    pub fn vm(&self) -> &'static Vm {
        self.vm
    }
}

impl Deref for Turn {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        self.vm
    }
}

/// The number of a machine that is taken.
#[derive(Debug)]
struct Place(usize);

impl Place {
    fn take() -> Place {
        let processors = available_parallelism().map_or(1, NonZero::get);
        let machines = (processors / PROCESSORS).clamp(1, MACHINES);
        let mut taken = taken();
        loop {
            let mut places = taken.iter().take(machines);
            if let Some(free) = places.position(|taken| !taken) {
                taken[free] = true;
                return Place(free);
            }
            taken = CHANGED.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        taken()[self.0] = false;
        CHANGED.notify_one();
    }
}

fn taken() -> MutexGuard<'static, [bool; MACHINES]> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}
