//! The lines of `passwd` and `group`. A line that is none is passed over.

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
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
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
        let gid = fields.nth(1)?.parse().ok()?;
        Some(Group {
            name,
            gid,
            members: fields.next().unwrap_or_default(),
        })
    })
}
