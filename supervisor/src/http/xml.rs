//! The status as XML: `_status2` as monit 5.2.5 writes it, and the older `_status`.
//!
//! The document says that it is ISO-8859-1; only ASCII is used.

use std::fmt::Write;

use crate::view::{Snapshot, Status};

/// The version we say we are: clients know no other.
pub const VERSION: &str = "5.2.5";

/// Which form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `_status`: names as elements, no groups.
    One,
    /// `_status2`.
    Two,
}

/// What to leave out.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only members of this group.
    pub group: Option<String>,
    /// Only this service.
    pub service: Option<String>,
    /// Without numbers.
    pub summary: bool,
}

impl Choice {
    /// Whether a service is to be told of.
    #[must_use]
    pub fn has(&self, status: &Status) -> bool {
        self.group.as_ref().is_none_or(|group| status.is_in(group))
            && (self.service.as_ref()).is_none_or(|name| status.name.eq_ignore_ascii_case(name))
    }
}

/// Writes the document.
#[must_use]
pub fn document(snapshot: &Snapshot, form: Form, choice: &Choice) -> String {
    let mut to = String::with_capacity(1024 + 1024 * snapshot.services.len());
    to.push_str("<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>");
    let (id, incarnation) = (text(&snapshot.id), snapshot.incarnation);
    match form {
        Form::Two => {
            put(
                &mut to,
                format_args!(
                    "<monit id=\"{id}\" incarnation=\"{incarnation}\" version=\"{VERSION}\"><server>"
                ),
            );
        }
        Form::One => put(
            &mut to,
            format_args!(
                "<monit><server><id>{id}</id><incarnation>{incarnation}</incarnation>\
             <version>{VERSION}</version>"
            ),
        ),
    }
    server(&mut to, snapshot);
    if form == Form::Two {
        to.push_str("<services>");
    }
    for status in snapshot.services.iter().filter(|status| choice.has(status)) {
        service(&mut to, snapshot, status, form, choice.summary);
    }
    if form == Form::Two {
        to.push_str("</services><servicegroups>");
        for (name, members) in &snapshot.groups {
            put(
                &mut to,
                format_args!("<servicegroup name=\"{}\">", text(name)),
            );
            // Monit lists them newest first.
            for member in members.iter().rev() {
                put(&mut to, format_args!("<service>{}</service>", text(member)));
            }
            to.push_str("</servicegroup>");
        }
        to.push_str("</servicegroups>");
    }
    to.push_str("</monit>");
    to
}

fn put(to: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = to.write_fmt(arguments);
}

fn server(to: &mut String, snapshot: &Snapshot) {
    let uptime = crate::teller::now().saturating_sub(snapshot.began);
    put(
        to,
        format_args!(
            "<uptime>{uptime}</uptime><poll>{}</poll><startdelay>{}</startdelay><localhostname>{}\
         </localhostname><controlfile>{}</controlfile>",
            snapshot.interval,
            snapshot.start_delay,
            text(&snapshot.host),
            text(&snapshot.control_file.display().to_string()),
        ),
    );
    if let Some((address, port)) = &snapshot.httpd {
        put(
            to,
            format_args!(
                "<httpd><address>{}</address><port>{port}</port><ssl>0</ssl></httpd>",
                text(address)
            ),
        );
    }
    let uname = rustix::system::uname();
    let say = |word: &std::ffi::CStr| text(&word.to_string_lossy());
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    put(
        to,
        format_args!(
            "</server><platform><name>{}</name><release>{}</release><version>{}</version><machine>{}\
         </machine><cpu>{cpus}</cpu><memory>{}</memory><swap>{}</swap></platform>",
            say(uname.sysname()),
            say(uname.release()),
            say(uname.version()),
            say(uname.machine()),
            snapshot.machine.memory_total,
            snapshot.machine.swap_total,
        ),
    );
}

fn service(to: &mut String, snapshot: &Snapshot, status: &Status, form: Form, summary: bool) {
    let (name, kind) = (text(&status.name), status.kind);
    match form {
        Form::Two => put(
            to,
            format_args!("<service name=\"{name}\"><type>{kind}</type>"),
        ),
        Form::One => put(
            to,
            format_args!("<service type=\"{kind}\"><name>{name}</name>"),
        ),
    }
    put(
        to,
        format_args!(
            "<collected_sec>{}</collected_sec><collected_usec>{}</collected_usec><status>{}</status>\
         <status_hint>0</status_hint><monitor>{}</monitor><monitormode>{}</monitormode>\
         <pendingaction>{}</pendingaction>",
            status.collected.0,
            status.collected.1,
            status.bits,
            status.monitor as u8,
            status.mode,
            status.pending.map_or(0, |pending| pending as u8),
        ),
    );
    if let Some(message) = status.message() {
        put(
            to,
            format_args!(
                "<status_message><![CDATA[{}]]></status_message>",
                cdata(message)
            ),
        );
    }
    if !summary {
        if let Some(v) = &status.vitals {
            put(
                to,
                format_args!(
                    "<pid>{}</pid><ppid>{}</ppid><uptime>{}</uptime><children>{}</children><memory>\
                 <percent>{:.1}</percent><percenttotal>{:.1}</percenttotal><kilobyte>{}</kilobyte>\
                 <kilobytetotal>{}</kilobytetotal></memory><cpu><percent>{:.1}</percent>\
                 <percenttotal>{:.1}</percenttotal></cpu>",
                    v.pid,
                    v.ppid,
                    v.uptime,
                    v.children,
                    v.memory_percent,
                    v.memory_total_percent,
                    v.memory,
                    v.memory_total,
                    v.cpu,
                    v.cpu_total,
                ),
            );
        }
        if status.kind == 5 {
            system(to, snapshot);
        }
    }
    to.push_str("</service>");
}

fn system(to: &mut String, snapshot: &Snapshot) {
    let (machine, cpu) = (&snapshot.machine, snapshot.machine_cpu);
    let percent = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
    put(
        to,
        format_args!(
            "<system><load><avg01>{:.2}</avg01><avg05>{:.2}</avg05><avg15>{:.2}</avg15></load><cpu>\
         <user>{:.1}</user><system>{:.1}</system><wait>{:.1}</wait></cpu><memory>\
         <percent>{:.1}</percent><kilobyte>{}</kilobyte></memory><swap><percent>{:.1}</percent>\
         <kilobyte>{}</kilobyte></swap></system>",
            machine.load[0],
            machine.load[1],
            machine.load[2],
            cpu[0],
            cpu[1],
            cpu[2],
            percent(machine.memory_used, machine.memory_total),
            machine.memory_used,
            percent(machine.swap_used, machine.swap_total),
            machine.swap_used,
        ),
    );
}

/// A text as content or in an attribute.
#[must_use]
pub fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            ' '..='~' => out.push(c),
            // Not in XML at all.
            '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => out.push('?'),
            _ => put(&mut out, format_args!("&#{};", u32::from(c))),
        }
    }
    out
}

/// A text in a CDATA section, where nothing can be written in another way.
fn cdata(text: &str) -> String {
    let plain = |c: char| if matches!(c, ' '..='~') { c } else { '?' };
    let text: String = text.chars().map(plain).collect();
    text.replace("]]>", "]] >")
}
