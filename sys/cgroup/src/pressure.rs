//! Pressure stall information: how much time work was held up for lack of a resource
//! (`Documentation/accounting/psi.rst`).
//!
//! ```text
//! some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459
//! full avg10=0.00 avg60=0.13 avg300=0.96 total=57451346
//! ```

use std::time::Duration;

use rustix::io::Errno;

use crate::error::Error;
use crate::group::Cgroup;

/// A resource that work may wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// CPU time.
    Cpu,
    /// Memory: reclaim, refaults, swap-ins.
    Memory,
    /// Block I/O.
    Io,
}

impl Resource {
    fn file(self) -> &'static str {
        match self {
            Self::Cpu => "cpu.pressure",
            Self::Memory => "memory.pressure",
            Self::Io => "io.pressure",
        }
    }
}

/// Stalls over a resource.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Pressure {
    /// Some tasks waited.
    pub some: Stall,
    /// All non-idle tasks waited at once. CPU has it since Linux 5.13 (always 0 at the root).
    pub full: Option<Stall>,
}

/// Share of time lost, in percent over a sliding window, and in total.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Stall {
    /// Percent over ten seconds.
    pub avg10: f64,
    /// Percent over a minute.
    pub avg60: f64,
    /// Percent over five minutes.
    pub avg300: f64,
    /// All time lost since the group was made.
    pub total: Duration,
}

impl Pressure {
    /// Parses a `*.pressure` file; keys of newer kernels are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let line = |kind: &str| {
            text.lines()
                .find_map(|l| Stall::parse(l.strip_prefix(kind)?.strip_prefix(' ')?))
        };
        Some(Self {
            some: line("some")?,
            full: line("full"),
        })
    }
}

impl Stall {
    fn parse(fields: &str) -> Option<Self> {
        let mut stall = Self::default();
        for field in fields.split_ascii_whitespace() {
            let (key, value) = field.split_once('=')?;
            match key {
                "avg10" => stall.avg10 = percent(value)?,
                "avg60" => stall.avg60 = percent(value)?,
                "avg300" => stall.avg300 = percent(value)?,
                "total" => stall.total = Duration::from_micros(value.parse().ok()?),
                _ => {}
            }
        }
        Some(stall)
    }
}

/// `f64::from_str` takes words for infinity as well, which are no percentage.
fn percent(text: &str) -> Option<f64> {
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

impl Cgroup {
    /// The group's pressure for a resource. `None` where the kernel does not tell: before 4.20,
    /// booted with `psi=0`, or switched off by `cgroup.pressure`.
    ///
    /// # Errors
    /// The group is gone, or the file has an unknown shape.
    pub fn pressure(&self, resource: Resource) -> Result<Option<Pressure>, Error> {
        let text = match self.read_if_there(resource.file()) {
            Ok(Some(text)) => text,
            Ok(None) => return Ok(None),
            Err(e) if e.errno() == Some(Errno::OPNOTSUPP) => return Ok(None),
            Err(e) => return Err(e),
        };
        match Pressure::parse(&text) {
            Some(pressure) => Ok(Some(pressure)),
            None => {
                let path = self.path().join(resource.file());
                Err(Error::unexpected(
                    &path,
                    "pressure stall information",
                    &text,
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_lines() {
        let text = "some avg10=0.22 avg60=0.17 avg300=1.11 total=58761459\n\
                    full avg10=0.00 avg60=0.13 avg300=0.96 total=57451346 later=1\n";
        let pressure = Pressure::parse(text).unwrap();
        assert!((pressure.some.avg300 - 1.11).abs() < 1e-9);
        assert_eq!(
            pressure.full.unwrap().total,
            Duration::from_micros(57_451_346)
        );
    }

    #[test]
    fn cpu_of_older_kernels_has_one_line() {
        let pressure = Pressure::parse("some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n").unwrap();
        assert_eq!(pressure.full, None);
        assert_eq!(Pressure::parse("full avg10=0.00"), None);
        assert_eq!(Pressure::parse("some avg10=x"), None);
        assert_eq!(Pressure::parse("some avg10=inf"), None);
    }

    proptest! {
        #[test]
        fn junk_never_panics(text in ".{0,120}") {
            let _ = Pressure::parse(&text);
        }
    }
}
