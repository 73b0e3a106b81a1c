//! Monit's HTTP wire over a table of states: what a supervisor answers, without processes.
//!
//! Services are those of `check process NAME` in `monit/job/*.monitrc`, read at a reload. A stop is
//! pending for a while, and one that is asked for meanwhile is answered with 503, as monit does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

#[derive(Debug, Clone, Default)]
pub struct Service {
    pub name: String,
    pub monitor: i64,
    pub status: i64,
    pub pending_until: Option<Instant>,
    pub actions: Vec<String>,
}

#[derive(Default)]
pub struct State {
    pub incarnation: u64,
    pub services: Vec<Service>,
    /// A supervisor that cannot be asked to reload.
    pub is_stock: bool,
    /// How long a stop takes.
    pub stop_takes: Duration,
    pub unauthorized: usize,
}

pub struct Supervisor {
    pub place: String,
    pub state: Arc<Mutex<State>>,
}

impl Supervisor {
    pub fn start(vcap: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State {
            incarnation: 1,
            ..State::default()
        }));
        let theirs = Arc::clone(&state);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, &theirs, &vcap);
            }
        });
        Self { place, state }
    }

    pub fn service(&self, name: &str) -> Option<Service> {
        self.state
            .lock()
            .unwrap()
            .services
            .iter()
            .find(|one| one.name == name)
            .cloned()
    }

    pub fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, vcap: &std::path::Path) {
    // Whoever asks may be gone at any moment; others ask the same thread.
    let Ok(theirs) = stream.try_clone() else {
        return;
    };
    let mut reader = BufReader::new(theirs);
    let mut first = String::new();
    if reader.read_line(&mut first).is_err() {
        return;
    }
    let (mut length, mut authorization) = (0usize, String::new());
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.trim().parse().unwrap_or(0),
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_err() {
        return;
    }
    let body = String::from_utf8_lossy(&body).into_owned();
    let user = std::fs::read_to_string(vcap.join("monit/monit.user")).unwrap_or_default();
    let expected = warren_wire_agent::base64::encode(user.trim().as_bytes());
    let mut state = state.lock().unwrap();
    let (status, text) = if authorization == format!("Basic {expected}") {
        respond(&mut state, first.trim(), &body, vcap)
    } else {
        state.unauthorized += 1;
        (401, String::new())
    };
    let head = format!(
        "HTTP/1.0 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(text.as_bytes());
}

fn respond(state: &mut State, first: &str, body: &str, vcap: &std::path::Path) -> (u16, String) {
    let now = Instant::now();
    for service in &mut state.services {
        if service.pending_until.is_some_and(|until| until <= now) {
            service.pending_until = None;
            service.monitor = 0;
        }
    }
    if first.starts_with("GET /_status2?format=xml") {
        return (200, status(state));
    }
    let Some(path) = first.strip_prefix("POST /") else {
        return (404, String::new());
    };
    let path = path.split(' ').next().unwrap_or_default();
    let action = body.strip_prefix("action=").unwrap_or_default();
    if path == "_runtime" && action == "reload" && !state.is_stock {
        reload(state, vcap);
        return (200, String::new());
    }
    let is_busy = state.services.iter().any(|one| one.pending_until.is_some());
    let takes = state.stop_takes;
    let Some(service) = state.services.iter_mut().find(|one| one.name == path) else {
        return (404, String::new());
    };
    if is_busy {
        return (
            503,
            "Other action already in progress -- please try again later".to_owned(),
        );
    }
    service.actions.push(action.to_owned());
    match action {
        "start" => (service.monitor, service.status) = (1, 0),
        "unmonitor" => service.monitor = 0,
        "stop" => service.pending_until = Some(now + takes),
        _ => return (400, String::new()),
    }
    (200, String::new())
}

pub fn reload(state: &mut State, vcap: &std::path::Path) {
    let mut services = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(vcap.join("monit/job"))
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    for file in files
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "monitrc"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        for line in text.lines() {
            if let Some(name) = line.trim().strip_prefix("check process ") {
                let name = name.split(' ').next().unwrap().to_owned();
                let known = state.services.iter().find(|one| one.name == name).cloned();
                services.push(known.unwrap_or(Service {
                    name,
                    monitor: 2,
                    ..Service::default()
                }));
            }
        }
    }
    state.services = services;
    state.incarnation += 1;
}

fn status(state: &State) -> String {
    let mut services = String::new();
    let mut members = String::new();
    for one in &state.services {
        let pending = if one.pending_until.is_some() { 3 } else { 0 };
        services.push_str(&format!(
            "<service name=\"{}\"><status>{}</status><monitor>{}</monitor>\
             <pendingaction>{pending}</pendingaction><uptime>7</uptime></service>",
            one.name, one.status, one.monitor
        ));
        members.push_str(&format!("<service>{}</service>", one.name));
    }
    format!(
        "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><monit id=\"x\" incarnation=\"{}\" \
         version=\"5.2.5\"><services>{services}</services><servicegroups>\
         <servicegroup name=\"vcap\">{members}</servicegroup></servicegroups></monit>",
        state.incarnation
    )
}
