//! What the process that answers may do: nothing but answer.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::thread::{remove_capability_from_bounding_set, set_no_new_privs};
use warren_sys_process::capabilities;

/// The user that owns nothing, and its group.
const NOBODY: u32 = 65534;

/// Takes all rights from what is started from now on and is not user 0; ours stay.
pub(super) fn close_bounding() -> io::Result<()> {
    let bounding = capabilities::bounding().map_err(io::Error::other)?;
    for bit in bounding.iter() {
        match remove_capability_from_bounding_set(bit) {
            // Without the right to do so; what is not user 0 gets nothing of it anyway.
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Who is to answer: nobody, or a user of jobs where this user namespace has no nobody; in the group
/// that may read the files of jobs, where there is one.
pub(super) fn user(groups: &Path) -> Option<(u32, u32)> {
    let read = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let own = |name: &str| read(&Path::new("/proc/self").join(name));
    choose(&read(groups), &own("uid_map"), &own("gid_map"))
}

fn choose(groups: &str, users: &str, ids_of_groups: &str) -> Option<(u32, u32)> {
    let vcap = groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == "vcap")
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    });
    let candidates = match vcap {
        Some(group) => vec![(NOBODY, group), (group, group)],
        None => vec![(NOBODY, NOBODY)],
    };
    let is_there = |(user, group): &(u32, u32)| has(users, *user) && has(ids_of_groups, *group);
    candidates.into_iter().find(is_there)
}

/// Whether a map of ids, as in `/proc/self/uid_map`, has this one inside. A map that cannot be read
/// has all.
fn has(map: &str, id: u32) -> bool {
    let holds = |line: &str| -> Option<bool> {
        let mut words = line.split_ascii_whitespace();
        let first: u64 = words.next()?.parse().ok()?;
        let count: u64 = words.nth(1)?.parse().ok()?;
        Some((first..first.saturating_add(count)).contains(&u64::from(id)))
    };
    map.is_empty() || map.lines().filter_map(holds).any(|holds| holds)
}

/// For the process that answers, at its begin: checks that it has no rights, and sees to it that it
/// gets none.
///
/// # Errors
/// It is user 0, or has a capability.
pub(crate) fn answerer() -> io::Result<()> {
    let has = capabilities::effective().map_err(io::Error::other)?;
    if rustix::process::geteuid().is_root() || !has.is_empty() {
        return Err(io::Error::other(
            "this process has rights that it must not have",
        ));
    }
    Ok(set_no_new_privs(true)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "         0          0 4294967295\n";
    const SOME: &str = "0 100000 1000\n1000 1000 2\n";

    #[test]
    fn who_answers_is_nobody_where_there_is_one() {
        let groups = "root:x:0:\nvcap:x:1001:\n";
        assert_eq!(choose(groups, ALL, ALL), Some((NOBODY, 1001)));
        assert_eq!(choose("", ALL, ALL), Some((NOBODY, NOBODY)));
        assert_eq!(choose(groups, SOME, SOME), Some((1001, 1001)));
        assert_eq!(choose("", SOME, SOME), None);
        assert_eq!(choose(groups, "", ""), Some((NOBODY, 1001)));
        assert_eq!(
            choose("vcap:x:junk:\nvcap", ALL, ALL),
            Some((NOBODY, NOBODY))
        );
        assert_eq!(choose(groups, "junk\n1 2\n", ALL), None);
    }
}
