//! The lines of `passwd` and `group`. A line that is none is passed over, and so is one with the id
//! 4294967295: to the kernel it means "leave it", and a process would keep the id of root.

/// A line of `passwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub uid: u32,
    pub gid: u32,
    pub home: &'a str,
}

/// A line of `group`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group<'a> {
    pub name: &'a str,
    pub gid: u32,
    members: &'a str,
}

impl Entry<'static> {
    /// Of an id that has no line.
    pub(super) fn unknown(uid: u32) -> Self {
        Self {
            name: "",
            uid,
            gid: 0,
            home: "/",
        }
    }
}

impl Group<'_> {
    pub(super) fn has(&self, user: &str) -> bool {
        !user.is_empty() && self.members.split(',').any(|member| member == user)
    }
}

/// `name:password:uid:gid:comment:home:shell`.
pub(super) fn users(passwd: &str) -> impl Iterator<Item = Entry<'_>> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.trim_end().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let uid = id(fields.nth(1)?)?;
        let gid = id(fields.next()?)?;
        let home = fields.nth(1).filter(|home| !home.is_empty());
        Some(Entry {
            name,
            uid,
            gid,
            home: home.unwrap_or("/"),
        })
    })
}

/// `name:password:gid:member,member`.
pub(super) fn groups(group: &str) -> impl Iterator<Item = Group<'_>> {
    group.lines().filter_map(|line| {
        let mut fields = line.trim_end().split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let gid = id(fields.nth(1)?)?;
        Some(Group {
            name,
            gid,
            members: fields.next().unwrap_or_default(),
        })
    })
}

/// An id as a decimal number; the last of them is none.
pub(super) fn id(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| text.parse().ok())
        .flatten()
        .filter(|id| *id != u32::MAX)
}
