//! A service as one line.

use warren_supervisor::monitrc::model::{
    Action, Kind, Mode, Program, Protocol, Resource, Service, Target, Test, Window,
};

/// All that a service says.
pub fn service(service: &Service) -> String {
    let mut words = vec![kind(&service.kind, &service.name)];
    for (name, what) in [("start", &service.start), ("stop", &service.stop)] {
        words.extend(
            what.as_ref()
                .map(|what| format!("{name} {}", program(what))),
        );
    }
    let list = |name: &str, list: &[String]| {
        (!list.is_empty()).then(|| format!("{name} {}", list.join(",")))
    };
    words.extend(list("groups", &service.groups));
    words.extend(list("depends", &service.depends));
    words.extend((service.every > 1).then(|| format!("every {}", service.every)));
    match service.mode {
        Mode::Active => {}
        Mode::Passive => words.push("passive".to_owned()),
        Mode::Manual => words.push("manual".to_owned()),
    }
    for rule in &service.rules {
        let Window { count, cycles } = rule.window;
        let mut text = test(&rule.test);
        if rule.window != Window::ONCE {
            text += &format!(" {count}/{cycles}");
        }
        text += &format!(" -> {}", action(&rule.action));
        if rule.recovered != Action::Alert {
            text += &format!(" else {}", action(&rule.recovered));
        }
        words.push(text);
    }
    words.join("; ")
}

fn kind(kind: &Kind, name: &str) -> String {
    let (kind, object) = match kind {
        Kind::Pidfile(path) => ("process", path.display().to_string()),
        Kind::Matching(pattern) => ("matching", pattern.clone()),
        Kind::File(path) => ("file", path.display().to_string()),
        Kind::Directory(path) => ("directory", path.display().to_string()),
        Kind::Filesystem(path) => ("filesystem", path.display().to_string()),
        Kind::Fifo(path) => ("fifo", path.display().to_string()),
        Kind::Host(address) => ("host", address.clone()),
        Kind::Program(what) => ("program", program(what)),
        Kind::System => return format!("system {name}"),
        Kind::Invalid(why) => ("invalid", why.clone()),
    };
    format!("{kind} {name} {object}")
}

fn program(program: &Program) -> String {
    let ids = match (&program.user, &program.group) {
        (None, None) => String::new(),
        (user, group) => {
            let text = |id: &Option<String>| id.clone().unwrap_or_default();
            format!(" as {}:{}", text(user), text(group))
        }
    };
    format!(
        "[{}]{ids} {}s",
        program.command.join("|"),
        program.timeout.as_secs()
    )
}

fn action(action: &Action) -> String {
    match action {
        Action::Exec(what) => format!("exec {}", program(what)),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn test(test: &Test) -> String {
    match test {
        Test::Resource { what, op, limit } => format!("{} {} {limit}", resource(*what), op.sign()),
        Test::Connection(connection) => {
            let target = match &connection.target {
                Target::Tcp(host, port) => format!("tcp {host}:{port}"),
                Target::Udp(host, port) => format!("udp {host}:{port}"),
                Target::Unix(path) => format!("unix {}", path.display()),
            };
            let protocol = match &connection.protocol {
                Protocol::None => String::new(),
                Protocol::Http(http) => format!(" http {}", http.path),
                Protocol::Exchange(steps) => format!(" {} steps", steps.len()),
            };
            let seconds = connection.timeout.as_secs();
            format!("{target}{protocol} {seconds}s x{}", connection.tries)
        }
        Test::Restarts { count, cycles } => format!("restarts {count}/{cycles}"),
        Test::Uid(id) => format!("uid {id}"),
        Test::Gid(id) => format!("gid {id}"),
        Test::Permission(mode) => format!("permission {mode:o}"),
        Test::Content { pattern, negated } => {
            format!("content {}{pattern}", if *negated { "not " } else { "" })
        }
        Test::Status { op, limit } => format!("status {} {limit}", op.sign()),
        Test::Changed(what) => format!("changed {}", resource(*what)),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn resource(resource: Resource) -> String {
    format!("{resource:?}").to_lowercase()
}
