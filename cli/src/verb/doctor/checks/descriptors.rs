//! Descriptors we were started with, and epoll: programs started from here get the former and
//! live by the latter.

use std::path::Path;

use rustix::event::{Timespec, epoll};
use rustix::pipe::{PipeFlags, pipe_with};

use super::{Facts, Finding};

/// Octal in `fdinfo`.
const O_CLOEXEC: u32 = 0o2_000_000;

pub fn inherited(_: &Facts) -> Finding {
    let remedy = "close them, or open them close-on-exec, in what starts this program";
    let entries = match std::fs::read_dir("/proc/self/fd") {
        Ok(entries) => entries,
        Err(error) => {
            return Finding::unknown(format!("/proc/self/fd: {error}"), "mount /proc");
        }
    };
    let mut numbers: Vec<u32> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    numbers.sort_unstable();
    let target = |number: u32| {
        std::fs::read_link(format!("/proc/self/fd/{number}"))
            .map_or_else(|_| "nothing".to_owned(), |to| to.display().to_string())
    };
    let standard: Vec<String> = (0..3)
        .filter(|number| numbers.contains(number))
        .map(|number| format!("{number} is {}", target(number)))
        .collect();
    if standard.len() < 3 {
        return Finding::fail(
            format!(
                "standard descriptors: {}; the others are closed",
                standard.join(", ")
            ),
            "open descriptors 0, 1 and 2 on /dev/null in what starts this program",
        );
    }
    let strangers: Vec<String> = numbers
        .iter()
        .filter(|number| **number > 2 && is_inherited(Path::new("/proc/self/fdinfo"), **number))
        .map(|number| format!("{number} is {}", target(*number)))
        .collect();
    if strangers.is_empty() {
        return Finding::pass(standard.join(", "));
    }
    Finding::warn(format!("{} more were inherited", strangers.len()), remedy).and_all(strangers)
}

/// All of our own are close-on-exec, so one that is not came from outside.
fn is_inherited(directory: &Path, number: u32) -> bool {
    let text = std::fs::read_to_string(directory.join(number.to_string()));
    text.is_ok_and(|text| is_kept_on_exec(&text))
}

/// proc_pid_fdinfo(5): `flags:` in octal.
fn is_kept_on_exec(fdinfo: &str) -> bool {
    let flags = fdinfo.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|octal| u32::from_str_radix(octal.trim(), 8).ok());
    flags.is_some_and(|flags| flags & O_CLOEXEC == 0)
}

pub fn epoll(_: &Facts) -> Finding {
    match try_epoll() {
        Ok(()) => Finding::pass("an event was reported"),
        Err(errno) => Finding::fail(
            format!("no event was reported: {errno}"),
            "let epoll_create1, epoll_ctl and epoll_pwait pass the seccomp filter",
        ),
    }
}

fn try_epoll() -> Result<(), rustix::io::Errno> {
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    epoll::add(
        &poll,
        &reader,
        epoll::EventData::new_u64(7),
        epoll::EventFlags::IN,
    )?;
    rustix::io::write(&writer, b"?")?;
    let mut events = [epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: epoll::EventData::new_u64(0),
    }];
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: 100_000_000,
    };
    let count = epoll::wait(&poll, &mut events[..], Some(&patience))?;
    // Copied out: the kernel's structure is packed.
    let data = events[0].data;
    if count == 1 && data.u64() == 7 {
        Ok(())
    } else {
        Err(rustix::io::Errno::TIMEDOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_tells_what_was_inherited() {
        assert!(is_kept_on_exec("pos:\t0\nflags:\t0100002\nmnt_id:\t9\n"));
        assert!(!is_kept_on_exec("pos:\t0\nflags:\t02100002\n"));
        assert!(!is_kept_on_exec("junk"));
    }

    #[test]
    fn epoll_works_here() {
        assert_eq!(try_epoll(), Ok(()));
    }
}
