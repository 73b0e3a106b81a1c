//! Lines about connections that a net-out rule lets through and wants logged.
//!
//! The kernel logs nothing of network namespaces but the machine's first, and a server in a container is
//! never in that one. So the rules send to a netlink group, which the server reads: one line in its own
//! log for the first packet of each connection. Nobody reads while there is no server. A kernel without
//! such groups logs by itself, which is told at the start.

use rustix::net::netdevice::index_to_name;
use rustix::net::{AddressFamily, SocketType};
use warren_container_network::settings::Tag;
use warren_lib_errchain::chain;
use warren_sys_nft::{Entry, LogReader, LogTarget, Logged};

use crate::log::Log;

/// The group of a server without a tag; one with a tag adds its character's number.
const GROUP: u16 = 0x5700;

/// Where the rules are to log. A thread reads from now on, for as long as the process lives.
pub(super) fn target(tag: Tag, log: &Log) -> LogTarget {
    let number = tag
        .to_string()
        .bytes()
        .fold(GROUP, |group, byte| group + u16::from(byte));
    let opened = LogReader::open(number).map_err(|error| chain(&error));
    let started = opened.and_then(|reader| {
        let told = log.clone();
        let thread = std::thread::Builder::new().name("net-out-log".to_owned());
        let thread = thread.spawn(move || read(reader, &told));
        thread.map_err(|error| format!("cannot start a thread: {error}"))
    });
    match started {
        Ok(_) => LogTarget::Group {
            number,
            snaplen: None,
            threshold: None,
        },
        Err(because) => {
            log.error(
                "logged net-out rules write to the kernel's log, where nothing of other network \
                 namespaces than the first is seen unless net.netfilter.nf_log_all_netns is 1",
                &[("because", &because)],
            );
            LogTarget::default()
        }
    }
}

fn read(mut reader: LogReader, log: &Log) {
    loop {
        match reader.next(None) {
            Ok(Some(Entry::Packet(logged))) => tell(&logged, log),
            Ok(Some(Entry::Lost)) => {
                log.error("lines about connections were lost: too many at once", &[]);
            }
            Ok(None) => {}
            Err(error @ warren_sys_nft::Error::Malformed { .. }) => {
                let text = chain(&error);
                log.error("a logged connection is not told", &[("error", &text)]);
            }
            Err(error) => {
                let text = chain(&error);
                log.error("connections are logged no more", &[("error", &text)]);
                return;
            }
        }
    }
}

fn tell(logged: &Logged, log: &Log) {
    let handle = logged.prefix.trim_end();
    let mut values = vec![("handle", handle.to_owned())];
    if let Some(flow) = &logged.flow {
        values.push(("protocol", flow.protocol_name()));
        values.push(("from", flow.from()));
        values.push(("to", flow.to()));
    }
    values.extend(logged.in_link.map(|index| ("in", link(index))));
    values.extend(logged.out_link.map(|index| ("out", link(index))));
    let values: Vec<(&str, &str)> = values.iter().map(|(k, v)| (*k, v.as_str())).collect();
    log.info("connection", &values);
}

/// A link's name, or its number if it is gone.
fn link(index: u32) -> String {
    let named = rustix::net::socket(AddressFamily::UNIX, SocketType::DGRAM, None)
        .and_then(|socket| index_to_name(socket, index));
    named.unwrap_or_else(|_| index.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use warren_sys_nft::Flow;

    use super::*;

    #[test]
    fn a_line_has_the_handle_and_both_ends() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&lines);
        let log = Log::new(move |_, line| into.lock().unwrap().push(line.to_owned()));
        let flow = Flow {
            protocol: 6,
            source: "10.254.0.2".parse().unwrap(),
            destination: "192.0.2.2".parse().unwrap(),
            ports: Some((4711, 7000)),
        };
        let mut logged = Logged {
            prefix: "box ".to_owned(),
            in_link: Some(1),
            out_link: None,
            flow: Some(flow),
        };
        tell(&logged, &log);
        logged.flow = None;
        logged.in_link = Some(u32::MAX);
        tell(&logged, &log);
        let expected = [
            "garden: connection handle=\"box\" protocol=\"tcp\" from=\"10.254.0.2:4711\" \
             to=\"192.0.2.2:7000\" in=\"lo\"",
            "garden: connection handle=\"box\" in=\"4294967295\"",
        ];
        assert_eq!(*lines.lock().unwrap(), expected);
    }
}
