//! `set` statements.

use std::net::IpAddr;
use std::time::Duration;

use super::cursor::Cursor;
use super::model::{Allow, File, Httpd, MailFormat, MailServer, Setting};
use super::{ParseError, check, units};

const SMTP: u16 = 25;

/// Parses what follows `set`.
pub(super) fn statement(cursor: &mut Cursor, file: &mut File) -> Result<(), ParseError> {
    let word = cursor
        .next_word()
        .ok_or_else(|| cursor.unexpected("what to set"))?;
    let line = cursor.line();
    let setting = match word.as_str() {
        "daemon" => daemon(cursor)?,
        "init" => return Ok(()),
        "logfile" => {
            if cursor.take("syslog") {
                if cursor.take("facility") {
                    cursor.text("a facility")?;
                }
                let text = "there is no syslog: standard error is the log".to_owned();
                file.warnings.push((line, text));
                return Ok(());
            }
            Setting::LogFile(check::path(cursor)?)
        }
        "pidfile" => Setting::PidFile(check::path(cursor)?),
        "idfile" => Setting::IdFile(check::path(cursor)?),
        "statefile" => Setting::StateFile(check::path(cursor)?),
        "httpd" => Setting::Httpd(httpd(cursor)?),
        "alert" => Setting::Alert(check::alert(cursor)?),
        "mailserver" => mail_servers(cursor)?,
        "mail-format" => Setting::MailFormat(mail_format(&cursor.quoted("a form in braces")?)),
        "eventqueue" => event_queue(cursor)?,
        "expectbuffer" => {
            units::size(cursor)?;
            file.warnings
                .push((line, "'set expectbuffer' has no effect".to_owned()));
            return Ok(());
        }
        _ => return Err(cursor.error(format!("'set {word}' is not supported"))),
    };
    file.settings.push(setting);
    Ok(())
}

fn daemon(cursor: &mut Cursor) -> Result<Setting, ParseError> {
    let seconds = units::whole(cursor, "a number of seconds")?;
    cursor.take_any(&["s", "sec", "second", "seconds"]);
    if seconds == 0 || seconds > 86400 {
        return Err(cursor.error("a cycle of 0 seconds or more than a day"));
    }
    let mut delay = 0;
    if cursor.peek().as_deref() == Some("start") && cursor.peek_second().as_deref() == Some("delay")
    {
        cursor.next_word();
        cursor.next_word();
        delay = units::whole(cursor, "a number of seconds")?.min(86400);
        cursor.take_any(&["s", "sec", "second", "seconds"]);
    }
    let time = |seconds: u32| Duration::from_secs(seconds.into());
    Ok(Setting::Daemon(time(seconds), time(delay)))
}

fn httpd(cursor: &mut Cursor) -> Result<Httpd, ParseError> {
    let mut httpd = Httpd {
        port: 2812,
        address: None,
        allow: Vec::new(),
    };
    loop {
        match cursor.peek().as_deref() {
            Some("port") => {
                cursor.next_word();
                httpd.port = units::port(cursor)?;
            }
            Some("address") => {
                cursor.next_word();
                httpd.address = Some(cursor.text("an address")?);
            }
            Some("allow") => {
                cursor.next_word();
                allow(cursor, &mut httpd.allow)?;
            }
            Some("signature") => {
                cursor.next_word();
                cursor.expect(&["enable", "disable"])?;
            }
            Some("ssl" | "tls") => {
                cursor.next_word();
                if cursor.take_any(&["disable", "disabled"]).is_none() {
                    return Err(cursor.error("TLS for the HTTP interface is not supported"));
                }
            }
            Some("clientpemfile" | "pemfile" | "unixsocket") => {
                return Err(cursor.unexpected("'port', 'address' or 'allow'"));
            }
            _ => return Ok(httpd),
        }
    }
}

fn allow(cursor: &mut Cursor, list: &mut Vec<Allow>) -> Result<(), ParseError> {
    if cursor.take("cleartext") {
        let path = check::path(cursor)?;
        let mut names = Vec::new();
        while cursor.peek().is_some_and(|word| !ends_names(&word)) {
            names.push(cursor.text("a user")?);
        }
        list.push(Allow::Cleartext(path, names));
        return Ok(());
    }
    let text = cursor.text("who is allowed")?;
    if let ("pam" | "md5" | "crypt", false) = (text.as_str(), cursor.at_quoted()) {
        return Err(cursor.error(format!("'allow {text}' is not supported")));
    }
    if let Some(network) = network(&text) {
        list.push(network);
        return Ok(());
    }
    let user = match text.split_once(':') {
        Some((name, "")) => (name.to_owned(), cursor.name("a password")?),
        Some((name, password)) => (name.to_owned(), password.to_owned()),
        // The password in quotes stands after a colon.
        None if cursor.take(":") => (text, cursor.name("a password")?),
        None if text == "localhost" => {
            list.push(Allow::Network(IpAddr::from([127, 0, 0, 1]), 8));
            list.push(Allow::Network(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]), 128));
            return Ok(());
        }
        None => {
            let reason = format!("'allow {text}': an address, a network or user:password can be");
            return Err(cursor.error(reason));
        }
    };
    let read_only = cursor.take_any(&["read-only", "readonly"]).is_some();
    list.push(Allow::User(user.0, user.1, read_only));
    Ok(())
}

/// What ends the list of names after a password file.
fn ends_names(word: &str) -> bool {
    let words = [
        "set",
        "check",
        "include",
        "allow",
        "port",
        "address",
        "signature",
        "ssl",
        "tls",
    ];
    words.contains(&word)
}

/// An address, or one with a number of bits or a mask.
fn network(text: &str) -> Option<Allow> {
    let (address, bits) = match text.split_once('/') {
        None => (text.parse::<IpAddr>().ok()?, None),
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits)),
    };
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        None => all,
        Some(bits) => match bits.parse::<u8>() {
            Ok(bits) if bits <= all => bits,
            Ok(_) => return None,
            Err(_) => {
                let mask = u32::from(bits.parse::<std::net::Ipv4Addr>().ok()?);
                let ones = mask.leading_ones();
                (address.is_ipv4() && mask.count_ones() == ones).then_some(ones as u8)?
            }
        },
    };
    Some(Allow::Network(address, bits))
}

fn mail_servers(cursor: &mut Cursor) -> Result<Setting, ParseError> {
    let mut servers: Vec<MailServer> = Vec::new();
    let mut timeout = None;
    loop {
        match cursor.peek().as_deref() {
            Some("port") => {
                cursor.next_word();
                let port = units::port(cursor)?;
                match servers.last_mut() {
                    Some(last) => last.port = port,
                    None => return Err(cursor.error("a port without a mail server")),
                }
            }
            Some("timeout") => {
                cursor.next_word();
                timeout = Some(units::time(cursor)?);
            }
            Some("username" | "password" | "ssl" | "tls" | "sslv3" | "tlsv1" | "certmd5") => {
                let reason = "users and TLS of mail servers are not supported";
                return Err(cursor.error(reason));
            }
            Some("set" | "check" | "include") | None if !cursor.at_quoted() => break,
            _ => servers.push(MailServer {
                host: cursor.text("a mail server")?,
                port: SMTP,
            }),
        }
    }
    if servers.is_empty() {
        return Err(cursor.unexpected("a mail server"));
    }
    Ok(Setting::MailServers(servers, timeout))
}

/// `from:`, `subject:` and `message:`; the last takes all that follows it.
fn mail_format(text: &str) -> MailFormat {
    let mut format = MailFormat::default();
    let mut rest = text.trim_start();
    loop {
        let Some((key, after)) = rest.split_once(':') else {
            return format;
        };
        match key.trim().to_ascii_lowercase().as_str() {
            "message" => {
                format.message = Some(after.trim().to_owned());
                return format;
            }
            key @ ("from" | "subject" | "reply-to") => {
                let (value, next) = after.split_once('\n').unwrap_or((after, ""));
                let value = Some(value.trim().to_owned());
                match key {
                    "from" => format.from = value,
                    "subject" => format.subject = value,
                    _ => {}
                }
                rest = next.trim_start();
            }
            _ => return format,
        }
    }
}

fn event_queue(cursor: &mut Cursor) -> Result<Setting, ParseError> {
    let mut slots = 100;
    loop {
        match cursor.take_any(&["basedir", "slots", "slot"]) {
            Some("basedir") => {
                check::path(cursor)?;
            }
            Some(_) => slots = units::whole(cursor, "a number of slots")?.clamp(1, 100_000),
            None => return Ok(Setting::EventQueue(slots as usize)),
        }
    }
}
