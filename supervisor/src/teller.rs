//! Telling events to whoever wants to know: a function of the embedding program, and mail servers.
//!
//! One thread does both, so that neither holds the engine up. What a mail server does not take is
//! kept, up to the number of slots of the event queue, and tried again each cycle; the oldest goes
//! first when there is no room. It is kept in memory only.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TrySendError};
use std::time::{Duration, SystemTime};

use crate::date;
use crate::fleet::Event;
use crate::log::Log;
use crate::monitrc::model::{Alert, Settings};

/// Called with each event, on a thread of its own.
pub type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// An event and whom it may concern.
pub(crate) struct Told {
    pub event: Event,
    /// Those of the service; they count before the general ones.
    pub alerts: Vec<Alert>,
    pub settings: Arc<Settings>,
    pub host: String,
    pub when: u64,
}

/// Events that wait before more are dropped.
const WAITING: usize = 1000;

/// The sending end.
pub(crate) struct Teller(SyncSender<Told>);

impl Teller {
    pub fn start(on_event: Option<OnEvent>, log: Log) -> std::io::Result<Teller> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        std::thread::Builder::new()
            .name("events".to_owned())
            .spawn(move || run(&receiver, on_event.as_ref(), &log))?;
        Ok(Teller(sender))
    }

    pub fn tell(&self, told: Told, log: &Log) {
        if let Err(TrySendError::Full(told)) = self.0.try_send(told) {
            log.error(&format!(
                "event of '{}' not told: too many wait",
                told.event.service
            ));
        }
    }
}

struct Mail {
    to: String,
    text: String,
    settings: Arc<Settings>,
}

fn run(receiver: &Receiver<Told>, on_event: Option<&OnEvent>, log: &Log) {
    let mut queue: VecDeque<Mail> = VecDeque::new();
    let mut number = 0_u64;
    let mut complained = false;
    loop {
        let patience = match queue.front() {
            Some(mail) => mail.settings.interval,
            None => Duration::from_secs(3600),
        };
        match receiver.recv_timeout(patience) {
            Ok(told) => {
                if let Some(on_event) = on_event {
                    on_event(&told.event);
                }
                for to in addressees(&told.event, &told.alerts, &told.settings.alerts) {
                    number += 1;
                    queue.push_back(Mail {
                        text: mail(&told, &to, number),
                        to,
                        settings: Arc::clone(&told.settings),
                    });
                }
                while queue.len() > told.settings.event_slots {
                    queue.pop_front();
                    log.error("an alert is given up: the event queue is full");
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(mail) = queue.front() {
            match deliver(mail) {
                Ok(()) => {
                    complained = false;
                    queue.pop_front();
                }
                Err(error) => {
                    if !std::mem::replace(&mut complained, true) {
                        log.error(&format!("cannot mail an alert, will try again: {error}"));
                    }
                    break;
                }
            }
        }
    }
}

/// Who gets a mail about an event.
fn addressees(event: &Event, own: &[Alert], general: &[Alert]) -> Vec<String> {
    let mut all = Vec::new();
    let general = general
        .iter()
        .filter(|alert| own.iter().all(|own| own.address != alert.address));
    for alert in own.iter().chain(general) {
        let word = event.kind.word();
        let listed = alert.only.is_empty() || alert.only.iter().any(|only| only == word);
        if listed && !alert.but.iter().any(|but| but == word) && !all.contains(&alert.address) {
            all.push(alert.address.clone());
        }
    }
    all
}

fn mail(told: &Told, to: &str, number: u64) -> String {
    let format = &told.settings.mail_format;
    let pick = |chosen: &Option<String>, otherwise: &str| {
        fill(chosen.as_deref().unwrap_or(otherwise), told)
    };
    let line = |text: String| text.replace(['\r', '\n'], " ");
    let from = line(pick(&format.from, "monit@$HOST"));
    let subject = line(pick(&format.subject, "monit alert --  $EVENT $SERVICE"));
    let message = pick(
        &format.message,
        "$EVENT Service $SERVICE\n\n\tDate:        $DATE\n\tAction:      $ACTION\n\tHost:        \
         $HOST\n\tDescription: $DESCRIPTION\n",
    );
    let id = format!(
        "<{}.{number}.{}@{}>",
        told.when,
        std::process::id(),
        told.host
    );
    let date = date::mail(told.when, "+0000");
    let mut text = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: {date}\r\nX-Mailer: monit \
         5.2.5\r\nMessage-id: {id}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; \
         charset=utf-8\r\n\r\n"
    );
    for line in message.lines() {
        // A line with a dot alone would end the mail.
        // Forms are indented in control files, and readers look for words at the beginning.
        let line = line.trim();
        let dot = if line.starts_with('.') { "." } else { "" };
        text.push_str(&format!("{dot}{line}\r\n"));
    }
    text
}

fn fill(text: &str, told: &Told) -> String {
    let event = &told.event;
    let mut text = text.to_owned();
    for (name, value) in [
        ("$EVENT", event.kind.text(event.outcome)),
        ("$SERVICE", &event.service),
        ("$DATE", &date::mail(told.when, "+0000")),
        ("$HOST", &told.host),
        ("$ACTION", event.action),
        ("$DESCRIPTION", &event.description),
    ] {
        text = text.replace(name, value);
    }
    text
}

fn deliver(mail: &Mail) -> Result<(), String> {
    let mut last = "there is no mail server".to_owned();
    for server in &mail.settings.mail_servers {
        match deliver_to(&server.host, server.port, mail) {
            Ok(()) => return Ok(()),
            Err(error) => last = format!("{}:{}: {error}", server.host, server.port),
        }
    }
    Err(last)
}

fn deliver_to(host: &str, port: u16, mail: &Mail) -> Result<(), String> {
    let say = |error: std::io::Error| error.to_string();
    let timeout = mail.settings.mail_timeout.max(Duration::from_millis(100));
    let mut addresses = (host, port).to_socket_addrs().map_err(say)?;
    let address = addresses.next().ok_or("no address")?;
    let stream = TcpStream::connect_timeout(&address, timeout).map_err(say)?;
    stream.set_read_timeout(Some(timeout)).map_err(say)?;
    stream.set_write_timeout(Some(timeout)).map_err(say)?;
    let mut reader = BufReader::new(stream.try_clone().map_err(say)?);
    let mut stream = stream;
    let mut expect = |wanted: char| -> Result<(), String> {
        for _ in 0..50 {
            let mut line = String::new();
            let mut limited = std::io::Read::take(&mut reader, 1000);
            limited.read_line(&mut line).map_err(say)?;
            match line.as_bytes() {
                [first, _, _, b'-', ..] if char::from(*first) == wanted => {}
                [first, ..] if char::from(*first) == wanted => return Ok(()),
                _ => return Err(format!("answered {:?}", line.trim_end())),
            }
        }
        Err("answers without end".to_owned())
    };
    let from = mail.text.lines().next().unwrap_or_default();
    let from = from.trim_start_matches("From: ").to_owned();
    expect('2')?;
    for (line, wanted) in [
        ("HELO localhost\r\n".to_owned(), '2'),
        (format!("MAIL FROM:<{from}>\r\n"), '2'),
        (format!("RCPT TO:<{}>\r\n", mail.to), '2'),
        ("DATA\r\n".to_owned(), '3'),
        (format!("{}.\r\n", mail.text), '2'),
    ] {
        stream.write_all(line.as_bytes()).map_err(say)?;
        expect(wanted)?;
    }
    let _ = stream.write_all(b"QUIT\r\n");
    Ok(())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    date::since_epoch(SystemTime::now()).0
}
