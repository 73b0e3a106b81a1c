//! Users and groups of a root file system: `passwd`, `group` and their shadows, as texts.
//!
//! Nothing is asked but these files; lines that are none of theirs stay as they are. Source:
//! passwd(5), group(5), shadow(5), gshadow(5).

use std::collections::BTreeSet;

/// The four files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Accounts {
    pub passwd: String,
    pub group: String,
    pub shadow: String,
    pub gshadow: String,
}

/// A user to be there.
#[derive(Debug, Clone, Copy)]
pub(super) struct User<'a> {
    pub name: &'a str,
    pub id: u32,
    pub home: &'a str,
    pub shell: &'a str,
}

/// The fields of a line whose first one is this name.
fn line<'a>(file: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let mut lines = file.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find(|fields| fields.first() == Some(&name))
}

fn numbers(file: &str) -> BTreeSet<u32> {
    let ids = file
        .lines()
        .filter_map(|line| line.split(':').nth(2)?.parse().ok());
    ids.collect()
}

fn append(file: &mut String, line: &str) {
    if !file.is_empty() && !file.ends_with('\n') {
        file.push('\n');
    }
    file.push_str(line);
    file.push('\n');
}

/// Leaves out the lines of these names.
fn without(file: &mut String, names: &[String]) {
    let kept = file.lines().filter(|line| {
        let name = line.split(':').next().unwrap_or_default();
        !names.iter().any(|one| one == name)
    });
    *file = kept.map(|line| format!("{line}\n")).collect();
}

impl Accounts {
    /// Makes sure of a group; gives its number, which is another if `wanted` is taken.
    pub(super) fn group(&mut self, name: &str, wanted: u32) -> u32 {
        if let Some(id) = line(&self.group, name).and_then(|fields| fields.get(2)?.parse().ok()) {
            return id;
        }
        let taken = numbers(&self.group);
        let id = match taken.contains(&wanted) {
            false => wanted,
            // System groups count down from 999, others up from 1000.
            true if wanted < 1000 => free(&taken, (100..1000).rev(), wanted),
            true => free(&taken, 1000..60_000, wanted),
        };
        append(&mut self.group, &format!("{name}:x:{id}:"));
        append(&mut self.gshadow, &format!("{name}:!::"));
        id
    }

    /// Makes sure of a user with a group of its own, both of this number. Whoever else has the
    /// number is removed; their names are given.
    pub(super) fn user(&mut self, user: User<'_>) -> Vec<String> {
        let id = user.id.to_string();
        let holders = |file: &str| -> Vec<String> {
            let lines = file.lines().map(|line| line.split(':').collect::<Vec<_>>());
            lines
                .filter(|fields| {
                    fields.get(2) == Some(&id.as_str()) && fields.first() != Some(&user.name)
                })
                .filter_map(|fields| fields.first().map(|name| (*name).to_owned()))
                .collect()
        };
        let removed = holders(&self.passwd);
        let mut all = removed.clone();
        all.push(user.name.to_owned());
        without(&mut self.passwd, &all);
        without(&mut self.shadow, &all);
        let mut groups = holders(&self.group);
        groups.push(user.name.to_owned());
        without(&mut self.group, &groups);
        without(&mut self.gshadow, &groups);
        let User {
            name, home, shell, ..
        } = user;
        append(
            &mut self.passwd,
            &format!("{name}:x:{id}:{id}::{home}:{shell}"),
        );
        // No password fits; the agent may set one.
        append(&mut self.shadow, &format!("{name}:*:19000:1:99999:7:::"));
        append(&mut self.group, &format!("{name}:x:{id}:"));
        append(&mut self.gshadow, &format!("{name}:!::"));
        for gone in &removed {
            self.leave_all(gone);
        }
        removed
    }

    /// Makes sure of a system user.
    pub(super) fn system_user(&mut self, name: &str, wanted: u32) {
        let group = self.group(name, wanted);
        if line(&self.passwd, name).is_some() {
            return;
        }
        let taken = numbers(&self.passwd);
        let id = match taken.contains(&group) {
            false => group,
            true => free(&taken, (100..1000).rev(), wanted),
        };
        append(
            &mut self.passwd,
            &format!("{name}:x:{id}:{group}::/nonexistent:/usr/sbin/nologin"),
        );
        append(&mut self.shadow, &format!("{name}:*:19000::::::"));
    }

    /// Puts a user into a group that is there.
    pub(super) fn join(&mut self, user: &str, group: &str) {
        for file in [&mut self.group, &mut self.gshadow] {
            let changed = file.lines().map(|line| {
                let mut fields: Vec<&str> = line.split(':').collect();
                if fields.first() != Some(&group) || fields.len() != 4 {
                    return format!("{line}\n");
                }
                let members: Vec<&str> =
                    fields[3].split(',').filter(|one| !one.is_empty()).collect();
                if members.contains(&user) {
                    return format!("{line}\n");
                }
                let joined = [members.as_slice(), &[user]].concat().join(",");
                fields[3] = &joined;
                format!("{}\n", fields.join(":"))
            });
            *file = changed.collect();
        }
    }

    /// Takes a user out of all groups.
    fn leave_all(&mut self, user: &str) {
        for file in [&mut self.group, &mut self.gshadow] {
            let changed = file.lines().map(|line| {
                let Some((rest, members)) = line.rsplit_once(':') else {
                    return format!("{line}\n");
                };
                let kept: Vec<&str> = members.split(',').filter(|one| *one != user).collect();
                format!("{rest}:{}\n", kept.join(","))
            });
            *file = changed.collect();
        }
    }
}

fn free(taken: &BTreeSet<u32>, mut ids: impl Iterator<Item = u32>, otherwise: u32) -> u32 {
    ids.find(|id| !taken.contains(id)).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            passwd: "root:x:0:0:root:/root:/bin/bash\nubuntu:x:1000:1000::/home/ubuntu:/bin/bash\n"
                .into(),
            group: "root:x:0:\nadm:x:4:syslog,ubuntu\nubuntu:x:1000:\nx:x:999:\n# odd".into(),
            shadow: "root:*:1::::::\nubuntu:!:1::::::\n".into(),
            gshadow: "root:*::\nadm:*::ubuntu\nubuntu:!::\n".into(),
        }
    }

    #[test]
    fn a_user_takes_its_number() {
        let mut accounts = accounts();
        let vcap = User {
            name: "vcap",
            id: 1000,
            home: "/home/vcap",
            shell: "/bin/bash",
        };
        assert_eq!(accounts.user(vcap), ["ubuntu"]);
        accounts.join("vcap", "adm");
        accounts.join("vcap", "adm");
        accounts.join("vcap", "none");
        let expected = Accounts {
            passwd: "root:x:0:0:root:/root:/bin/bash\nvcap:x:1000:1000::/home/vcap:/bin/bash\n"
                .into(),
            group: "root:x:0:\nadm:x:4:syslog,vcap\nx:x:999:\n# odd\nvcap:x:1000:\n".into(),
            shadow: "root:*:1::::::\nvcap:*:19000:1:99999:7:::\n".into(),
            gshadow: "root:*::\nadm:*::vcap\nvcap:!::\n".into(),
        };
        assert_eq!(accounts, expected);
        // Once more changes nothing.
        assert_eq!(accounts.user(vcap), Vec::<String>::new());
        accounts.join("vcap", "adm");
        assert_eq!(accounts.passwd, expected.passwd);
    }

    #[test]
    fn groups_get_a_free_number() {
        let mut accounts = accounts();
        assert_eq!(accounts.group("adm", 50), 4);
        assert_eq!(accounts.group("admin", 999), 998);
        assert_eq!(accounts.group("bosh_sshers", 1000), 1001);
        accounts.system_user("syslog", 104);
        accounts.system_user("syslog", 104);
        assert!(
            accounts
                .passwd
                .ends_with("syslog:x:104:104::/nonexistent:/usr/sbin/nologin\n")
        );
        let mut empty = Accounts::default();
        assert_eq!(empty.group("a", 5), 5);
        assert_eq!(
            (empty.group.as_str(), empty.gshadow.as_str()),
            ("a:x:5:\n", "a:!::\n")
        );
    }
}
