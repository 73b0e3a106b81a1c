//! `warren cgroup show` for people.

use std::io::{self, Write};

use super::view::{Controllers, Identity, Level, Namespace, View};
use crate::output::{Report, Table};

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        facts(self).write(to)?;
        let sections = [
            ("Groups", groups(self)),
            ("Mounts", mounts(self)),
            ("Limits", limits(self)),
            ("Pressure", pressure(self)),
        ];
        for (title, table) in sections {
            if !table.is_empty() {
                writeln!(to, "\n{title}")?;
                table.write(to)?;
            }
        }
        if !self.unknown.is_empty() {
            writeln!(to, "\nNot known")?;
            for line in &self.unknown {
                writeln!(to, "  {line}")?;
            }
        }
        Ok(())
    }
}

fn facts(view: &View) -> Table {
    let mut table = Table::facts();
    let mut fact = |name: &str, value: String| table.row([name.to_owned(), value]);
    if let Some(pid) = view.pid {
        fact("Process", pid.to_string());
    }
    let layout = view.layout.unwrap_or("unknown");
    let missing = matches!(layout, "legacy" | "unmounted") && view.kernel_has_v2 == Some(true);
    let note = if missing {
        "; the kernel has cgroup v2, which is not mounted here"
    } else {
        ""
    };
    fact("Layout", format!("{layout}{note}"));
    if !view.buried.is_empty() {
        fact("Hidden mounts", view.buried.join("\n"));
    }
    if let Some(found) = &view.identity {
        fact("cgroup v2 id", identity(found));
    }
    if let Some(found) = &view.level {
        fact("nftables level", level(found));
    }
    if let Some(found) = &view.namespace {
        fact("Namespace", namespace(found));
    }
    if let Some(found) = &view.v2 {
        for (name, value) in controllers(found) {
            fact(name, value);
        }
    }
    table
}

fn identity(identity: &Identity) -> String {
    let mut lines = vec![format!("{} ({})", identity.id, identity.agreement)];
    lines.extend(
        identity
            .ways
            .iter()
            .map(|way| match (way.id, &way.failure) {
                (Some(id), _) => format!("{}: {id}", way.way),
                (None, why) => format!("{}: {}", way.way, why.as_deref().unwrap_or("not known")),
            }),
    );
    lines.join("\n")
}

fn level(level: &Level) -> String {
    match (level.level, &level.failure) {
        (Some(level), _) => format!("{level} (measured with a packet)"),
        (None, why) => format!("not measured: {}", why.as_deref().unwrap_or("not known")),
    }
}

fn namespace(namespace: &Namespace) -> String {
    let kind = if namespace.initial {
        "initial"
    } else {
        "private"
    };
    let mut text = format!("{kind} ({})", namespace.inode);
    let mut add = |condition: bool, more: &str| {
        if condition {
            text.push_str("; ");
            text.push_str(more);
        }
    };
    add(
        namespace.is_ours == Some(false),
        "not the one this command runs in",
    );
    add(
        namespace.at_root == Some(true),
        "the process is at its root",
    );
    add(
        namespace.root_is_real == Some(true),
        "our root is the root of the whole tree",
    );
    add(
        namespace.root_is_real == Some(false),
        "the whole tree goes on above our root",
    );
    text
}

fn controllers(found: &Controllers) -> Vec<(&'static str, String)> {
    let processes = found
        .processes
        .map_or_else(String::new, |count| format!("{count} processes in it"));
    let kind = found.kind.unwrap_or("of unknown kind");
    vec![
        (
            "cgroup v2",
            format!("{} ({kind}), {processes}", found.directory),
        ),
        ("Controllers", found.present.join(" ")),
        ("Enabled below", found.enabled_below.join(" ")),
        ("Delegation", found.delegation.clone()),
    ]
}

fn groups(view: &View) -> Table {
    let mut table = Table::new(&["Hierarchy", "Controllers", "Path"]);
    for member in &view.memberships {
        let mark = if member.deleted { " (deleted)" } else { "" };
        table.row([
            member.number.to_string(),
            member.hierarchy.clone(),
            format!("{}{mark}", member.path),
        ]);
    }
    table
}

fn mounts(view: &View) -> Table {
    let mut table = Table::new(&["Controllers", "Mount point", "Root", "Shows", "Access"]);
    for mount in &view.mounts {
        let access = if mount.read_only { "ro" } else { "rw" };
        table.row([
            mount.hierarchy.clone(),
            mount.mount_point.clone(),
            mount.root.clone(),
            mount.shows.to_owned(),
            access.to_owned(),
        ]);
    }
    table
}

fn limits(view: &View) -> Table {
    let mut table = Table::new(&["Limit", "Version", "In force", "In use"]);
    for limit in &view.limits {
        table.row([
            limit.name.clone(),
            limit.version.to_owned(),
            limit.limit.clone(),
            limit.current.clone().unwrap_or_default(),
        ]);
    }
    table
}

fn pressure(view: &View) -> Table {
    let mut table = Table::new(&[
        "Resource",
        "Some 10 s",
        "Some 60 s",
        "Full 10 s",
        "Full 60 s",
    ]);
    let percent = |value: f64| format!("{value:.2} %");
    let maybe = |value: Option<f64>| value.map_or_else(String::new, percent);
    for stalls in &view.pressure {
        table.row([
            stalls.resource.to_owned(),
            percent(stalls.some_avg10),
            percent(stalls.some_avg60),
            maybe(stalls.full_avg10),
            maybe(stalls.full_avg60),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_way_says_why_and_a_missing_mount_is_told() {
        let view = View {
            layout: Some("unmounted"),
            kernel_has_v2: Some(true),
            identity: Some(Identity {
                id: 7,
                agreement: "single",
                ways: vec![super::super::view::Way {
                    way: "visible mount".to_owned(),
                    id: None,
                    failure: Some("no cgroup2 mount is visible".to_owned()),
                }],
            }),
            ..View::default()
        };
        let mut out = Vec::new();
        view.write_human(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("7 (single)"), "{text}");
        assert!(
            text.contains("visible mount: no cgroup2 mount is visible"),
            "{text}"
        );
        assert!(text.contains("which is not mounted here"), "{text}");
    }
}
