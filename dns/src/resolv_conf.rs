//! `/etc/resolv.conf`: who is asked, and how it is written with us first. Pure.
//!
//! All other lines stay as they are, and other name servers stay behind ours: they are whom we ask,
//! and whom the C library asks while we are down. Source: resolv.conf(5).

use std::net::IpAddr;

/// The name servers that a text names, without `own`.
#[must_use]
pub fn servers(text: &str, own: IpAddr) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for address in text.lines().filter_map(server) {
        if address != own && !servers.contains(&address) {
            servers.push(address);
        }
    }
    servers
}

/// The text with `own` as the first name server; none if it is that already.
#[must_use]
pub fn with_first(text: &str, own: IpAddr) -> Option<String> {
    if text.lines().find_map(server) == Some(own) {
        return None;
    }
    let mut lines: Vec<String> = others(text, own);
    let first = lines.iter().position(|line| server(line).is_some());
    lines.insert(first.unwrap_or(lines.len()), format!("nameserver {own}"));
    Some(joined(&lines))
}

/// The text without `own`; none if it does not name it.
#[must_use]
pub fn without(text: &str, own: IpAddr) -> Option<String> {
    let named = text
        .lines()
        .filter_map(server)
        .any(|address| address == own);
    named.then(|| joined(&others(text, own)))
}

fn others(text: &str, own: IpAddr) -> Vec<String> {
    let other = |line: &&str| server(line) != Some(own);
    text.lines().filter(other).map(str::to_owned).collect()
}

fn joined(lines: &[String]) -> String {
    lines.iter().fold(String::new(), |mut text, line| {
        text.push_str(line);
        text.push('\n');
        text
    })
}

fn server(line: &str) -> Option<IpAddr> {
    let mut words = line.split_ascii_whitespace();
    (words.next()? == "nameserver")
        .then(|| words.next()?.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::{servers, with_first, without};
    use crate::ADDRESS;
    use proptest::prelude::*;

    const TEXT: &str = "# made by somebody\nsearch example.com\nnameserver 10.0.0.1\n nameserver\tfd00::1 \nnameserver fe80::1%eth0\noptions ndots:2\n";

    #[test]
    fn servers_are_read() {
        let read: Vec<_> = servers(TEXT, ADDRESS)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(read, ["10.0.0.1", "fd00::1"]);
    }

    #[test]
    fn ours_comes_first_and_goes_again() {
        let with = with_first(TEXT, ADDRESS).unwrap();
        assert!(with.contains("search example.com\nnameserver 169.254.0.2\nnameserver 10.0.0.1\n"));
        assert_eq!(with_first(&with, ADDRESS), None);
        assert_eq!(servers(&with, ADDRESS), servers(TEXT, ADDRESS));
        assert_eq!(without(&with, ADDRESS).unwrap(), TEXT);
        assert_eq!(without(TEXT, ADDRESS), None);
        let behind = format!("{TEXT}nameserver 169.254.0.2\n");
        assert_eq!(with_first(&behind, ADDRESS).unwrap(), with);
        assert_eq!(with_first("", ADDRESS).unwrap(), "nameserver 169.254.0.2\n");
    }

    proptest! {
        #[test]
        fn any_text_stays_itself(text in "(nameserver (169.254.0.2|10.0.0.[0-9]|x)\n|[a-z #]{0,9}\n){0,9}") {
            let with = with_first(&text, ADDRESS).unwrap_or_else(|| text.clone());
            prop_assert_eq!(with_first(&with, ADDRESS), None);
            prop_assert_eq!(servers(&with, ADDRESS), servers(&text, ADDRESS));
            let gone = without(&with, ADDRESS).unwrap();
            let plain = without(&text, ADDRESS).unwrap_or_else(|| text.clone());
            prop_assert_eq!(gone, plain);
        }
    }
}
