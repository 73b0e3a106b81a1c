//! What the kernel tells of any process, by `/proc/PID/stat` (proc_pid_stat(5)).

use std::fs;

/// A process at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D` and so on; `Z` of one that has ended and was not waited for.
    pub state: char,
    /// Its parent's pid.
    pub parent: i32,
    /// Its process group; 0 if that was begun outside of our process table.
    pub group: i32,
    /// Its session; 0 if that was begun outside of our process table.
    pub session: i32,
    /// Its begin, in clock ticks since boot.
    pub started: u64,
}

impl Stat {
    /// That of a process; `None` if there is no such process.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// The same of one that does anything of its own accord: neither one that has ended, nor one that
    /// was killed and whose last threads have yet to come back from the kernel, with all that it held
    /// open.
    #[must_use]
    pub fn of_running(pid: i32) -> Option<Self> {
        Self::of(pid).filter(|stat| !matches!(stat.state, 'Z' | 'X' | 'x'))
    }

    fn parse(text: &str) -> Option<Self> {
        // The name stands in parentheses and may hold anything; the state is field 3.
        let mut fields = text.rsplit_once(") ")?.1.split(' ');
        Some(Self {
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            group: fields.next()?.parse().ok()?,
            session: fields.next()?.parse().ok()?,
            started: fields.nth(15)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_anything() {
        let text = "42 (a) b (c) S 7 40 0 0 -1 4194560 94 0 0 0 0 0 0 0 20 0 1 0 4711 2400 200\n";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.state, stat.parent, stat.started), ('S', 7, 4711));
        assert_eq!((stat.group, stat.session), (40, 0));
        for text in ["", "42", "42 (a)", "42 (a) ", "42 (a) S", "42 (a) S 7 1"] {
            assert_eq!(Stat::parse(text), None, "{text}");
        }
    }

    #[test]
    fn one_that_has_ended_does_not_run_though_nobody_has_waited_for_it() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let pid = child.id().cast_signed();
        let own = std::process::id().cast_signed();
        assert_eq!(Stat::of_running(pid).unwrap().parent, own);
        child.kill().unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while Stat::of_running(pid).is_some() {
            assert!(std::time::Instant::now() < deadline, "it runs on");
            std::thread::yield_now();
        }
        assert_eq!(Stat::of(pid).unwrap().state, 'Z');
        child.wait().unwrap();
        assert_eq!(Stat::of(pid), None);
    }
}
