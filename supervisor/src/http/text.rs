//! The status for people, as `monit summary` and `monit status` print it.

use std::fmt::Write;

use super::xml::VERSION;
use crate::date::span;
use crate::fleet::{Command, Monitor, Outcome};
use crate::view::{Snapshot, Status, kind_word};

/// How a service is, in monit's words.
#[must_use]
pub fn word(status: &Status) -> String {
    let mut word = match (status.monitor, &status.fault) {
        (Monitor::No, _) => "not monitored".to_owned(),
        (Monitor::Initializing, _) => "initializing".to_owned(),
        (Monitor::Yes, Some((kind, _))) => kind.text(Outcome::Failed).to_owned(),
        (Monitor::Yes, None) => match status.kind {
            3 | 5 => "running".to_owned(),
            2 | 1 | 0 | 6 => "accessible".to_owned(),
            4 => "online with all services".to_owned(),
            _ => "ok".to_owned(),
        },
    };
    if let Some(pending) = status.pending {
        let _ = write!(word, " - {} pending", Command::word(pending));
    }
    word
}

fn head(snapshot: &Snapshot) -> String {
    let uptime = crate::teller::now().saturating_sub(snapshot.began);
    format!("The Monit daemon {VERSION} uptime: {} \n\n", span(uptime))
}

/// One line for each service that is chosen.
#[must_use]
pub fn summary(snapshot: &Snapshot, chosen: impl Fn(&Status) -> bool) -> String {
    let mut to = head(snapshot);
    for status in snapshot.services.iter().filter(|status| chosen(status)) {
        let name = format!("{} '{}'", kind_word(status.kind), status.name);
        let _ = writeln!(to, "{name:<35} {}", word(status));
    }
    to
}

/// Some lines for each service that is chosen.
#[must_use]
pub fn status(snapshot: &Snapshot, chosen: impl Fn(&Status) -> bool) -> String {
    let mut to = head(snapshot);
    for status in snapshot.services.iter().filter(|status| chosen(status)) {
        let _ = writeln!(to, "{} '{}'", kind_word(status.kind), status.name);
        let mut line = |name: &str, value: String| {
            let _ = writeln!(to, "  {name:<33} {value}");
        };
        line("status", word(status));
        let monitored = match status.monitor {
            Monitor::No => "not monitored",
            Monitor::Yes => "monitored",
            Monitor::Initializing => "initializing",
        };
        line("monitoring status", monitored.to_owned());
        if let Some(message) = status.message() {
            line("message", message.to_owned());
        }
        if let Some(accessible) = status.accessible {
            line(
                "accessible",
                if accessible { "yes" } else { "no" }.to_owned(),
            );
        }
        if let Some(v) = &status.vitals {
            line("pid", v.pid.to_string());
            line("parent pid", v.ppid.to_string());
            line("uptime", span(v.uptime));
            line("children", v.children.to_string());
            line("memory kilobytes", v.memory.to_string());
            line("memory kilobytes total", v.memory_total.to_string());
            line("memory percent", format!("{:.1}%", v.memory_percent));
            line(
                "memory percent total",
                format!("{:.1}%", v.memory_total_percent),
            );
            line("cpu percent", format!("{:.1}%", v.cpu));
            line("cpu percent total", format!("{:.1}%", v.cpu_total));
        }
        if status.kind == 5 {
            let (m, cpu) = (&snapshot.machine, snapshot.machine_cpu);
            let [one, five, fifteen] = m.load;
            line(
                "load average",
                format!("[{one:.2}] [{five:.2}] [{fifteen:.2}]"),
            );
            line(
                "cpu",
                format!("{:.1}%us {:.1}%sy {:.1}%wa", cpu[0], cpu[1], cpu[2]),
            );
            let percent = 100.0 * m.memory_used as f64 / m.memory_total.max(1) as f64;
            line(
                "memory usage",
                format!("{} kB [{percent:.1}%]", m.memory_used),
            );
        }
        if status.collected.0 > 0 {
            line(
                "data collected",
                crate::date::mail(status.collected.0, "+0000"),
            );
        }
        to.push('\n');
    }
    for problem in &snapshot.problems {
        let _ = writeln!(to, "File left out: {problem}");
    }
    to
}
