//! The bus: who is let in when, and what never waits.

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use warren_lib_nats::{Client, Event, Events, Kind, Message, Options, ServerUrl, Tls};
use warren_wire_agent::envelope::Response;
use warren_wire_agent::settings::CertKeyPair;

use crate::crash::Agent;
use crate::support::certificates::{AGENT, STRANGER, bootstrap_name, certificates, permanent_name};
use crate::support::nats::Nats;
use crate::support::vm::{Vm, executable};
use crate::support::{PATIENCE, until};

#[test]
fn answers_as_a_stock_agent() {
    let (vm, running) = Vm::started();
    let director = &vm.director;
    assert_eq!(director.value("info", json!([])), json!({"api_version": 1}));
    assert_eq!(
        director.exception("release_apply_spec", json!([])),
        "unknown message release_apply_spec"
    );
    assert_eq!(
        director.exception("mount_disk", json!([])),
        "Action Failed mount_disk: Not enough arguments, expected 1, got 0"
    );
    assert_eq!(
        director.exception("get_task", json!(["nope"])),
        "Action Failed get_task: Task with id nope could not be found"
    );
    assert_eq!(
        director.exception("cancel_task", json!(["nope"])),
        "Action Failed cancel_task: Task with id nope could not be found"
    );
    // Keys in any case, no protocol, too many arguments.
    let request =
        format!(r#"{{"Method":"ping","ARGUMENTS":[1,2],"Reply_To":"director.d.{AGENT}.odd"}}"#);
    director.publish(request.as_bytes());
    let pong = Response::Value("pong".into());
    assert_eq!(
        director.answer(&format!("director.d.{AGENT}.odd"), Duration::from_secs(30)),
        Some(pong)
    );
    // No answer to junk, and no harm.
    director.publish(b"{");
    director.publish(b"[]");
    director.publish(br#"{"method":"ping"}"#);
    director.ping();
    running.stop();
}

#[test]
fn what_stays_in_an_agents_way_is_said_in_its_log_and_tried_on() {
    let vm = Vm::on(Nats::start(&[]));
    let settings = "var/vcap/bosh/warden-cpi-agent-env.json";
    vm.write(settings, r#"{"agent_id": "#);
    let _agent = Agent::spawn(&vm, std::fs::File::create(vm.path("log")).unwrap());
    let told = || -> Vec<String> {
        let log = vm.read("log");
        let told = |line: &&str| line.contains("FATAL") || line.contains("[bus] connected to ");
        log.lines().filter(told).map(str::to_owned).collect()
    };
    until("it has no settings", || !told().is_empty());
    let line = &told()[0];
    let [file, what] = [settings, "EOF"].map(|text| line.contains(text));
    assert!(
        file && what && line.contains("[settings] FATAL: no settings after "),
        "{line}"
    );
    vm.write_settings(&vm.settings());
    until("it is not let in", || told().len() > 1);
    let line = &told()[1];
    let [server, what] = [
        "[bus] FATAL: 127.0.0.1:",
        ": the server refuses: Authorization Violation; ",
    ]
    .map(|text| line.contains(text));
    assert!(server && what, "{line}");
    until(
        "more attempts than a client makes that gives up after two refusals",
        || vm.nats.log().matches("authentication error").count() > 2,
    );
    let begun = Instant::now();
    vm.nats.set_users(&[bootstrap_name()]);
    vm.director.ping();
    println!(
        "answers {} ms after its user was made",
        begun.elapsed().as_millis()
    );
    // Which is the last word.
    let told = told();
    assert!(
        told[2].contains("[bus] connected to ") && told.len() == 3,
        "{told:?}"
    );
}

/// Tells the first failure.
struct First(Mutex<Sender<(Kind, String)>>);

impl Events for First {
    fn message(&self, _message: Message) {}

    fn event(&self, event: &Event) {
        if let Event::Failed { kind, reason, .. } = event {
            let _nobody_waits = self.0.lock().unwrap().send((*kind, reason.clone()));
        }
    }
}

#[test]
fn who_says_no_is_known_from_who_is_not_there() {
    let nats = Nats::start(&[bootstrap_name()]);
    let nobody = warren_tests_harness::Port::of_loopback();
    let nobody = format!("nats://127.0.0.1:{}", nobody.number());
    let all = certificates();
    let (known, unknown) = (all.pair(&bootstrap_name()), all.pair(&permanent_name()));
    let stranger = all.pair(STRANGER);
    let ours = |pair: &CertKeyPair, ca: &str| {
        Some(Tls {
            ca: ca.to_owned(),
            certificate: pair.certificate.clone(),
            private_key: pair.private_key.0.clone(),
            common_name: None,
        })
    };
    for (what, url, tls, expected) in [
        (
            "no user of this name",
            nats.url(),
            ours(&unknown, &unknown.ca),
            Kind::Refusal,
        ),
        ("no certificate", nats.url(), None, Kind::Refusal),
        (
            "a server of others",
            nats.url(),
            ours(&known, &stranger.certificate),
            Kind::Refusal,
        ),
        (
            "an agent of others",
            nats.url(),
            ours(&stranger, &known.ca),
            Kind::Refusal,
        ),
        ("no server", nobody, ours(&known, &known.ca), Kind::Absence),
    ] {
        let options = Options {
            servers: vec![ServerUrl::parse(&url).unwrap()],
            tls,
            name: AGENT.to_owned(),
            subjects: vec![],
            ping_interval: Duration::from_secs(5),
        };
        let (tell, told) = channel();
        let client = Client::start(options, Arc::new(First(Mutex::new(tell)))).unwrap();
        let (kind, reason) = told.recv_timeout(PATIENCE).unwrap();
        assert_eq!(kind, expected, "{what}: {reason}");
        drop(client);
    }
}

#[test]
fn a_server_that_goes_and_comes_is_found_again() {
    let mut vm = Vm::new();
    let running = vm.start();
    vm.director.ping();
    vm.nats.restart();
    vm.director.ping();
    running.stop();
}

#[test]
fn a_server_with_another_name_is_refused() {
    let vm = Vm::on(Nats::with_certificate(
        &[bootstrap_name()],
        "impostor.bosh-internal",
    ));
    let running = vm.start();
    assert!(
        !running
            .bus
            .as_ref()
            .unwrap()
            .wait_connected(Duration::from_secs(2))
    );
    running.stop();
}

#[test]
fn heartbeats_and_the_file_of_health() {
    let (vm, running) = Vm::started();
    let subject = format!("hm.agent.heartbeat.{AGENT}");
    until("a heartbeat", || !vm.director.heard(&subject).is_empty());
    let heartbeat = &vm.director.heard(&subject)[0];
    assert_eq!(heartbeat["job"], json!(null));
    assert_eq!(heartbeat["job_state"], "running");
    assert_eq!(heartbeat["number_of_processes"], 0);
    assert!(heartbeat["vitals"]["mem"]["kb"].is_string());
    assert!(heartbeat["vitals"]["disk"]["system"]["percent"].is_string());
    assert_eq!(
        vm.read("var/vcap/instance/health.json"),
        r#"{"state":"running"}"#
    );
    running.stop();
}

#[test]
fn a_ping_passes_whatever_runs() {
    let (vm, running) = Vm::started();
    executable(
        &vm,
        "var/vcap/data/jobs/j/v/bin/pre-start",
        "until [ -e \"$GATE\" ]; do sleep 0.01; done",
    );
    std::os::unix::fs::symlink(
        vm.path("var/vcap/data/jobs/j/v"),
        vm.path("var/vcap/jobs/j"),
    )
    .unwrap();
    vm.director.run(
        "apply",
        json!([{"job": {"name": "g", "templates": [{"name": "j"}]}}]),
    );
    let gate = vm.path("gate");
    let options = json!({"env": {"GATE": gate}});
    let script = vm
        .director
        .start("run_script", json!(["pre-start", options]));
    // Behind it in the queue.
    let stop = vm.director.start("stop", json!([]));
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(vm.director.value("ping", json!([])), "pong");
        assert_eq!(
            vm.director.value("get_task", json!([stop]))["state"],
            "running"
        );
        assert_eq!(vm.director.value("get_state", json!([]))["agent_id"], AGENT);
    }
    println!(
        "150 requests beside a script took {} ms",
        begun.elapsed().as_millis()
    );
    std::fs::write(gate, "").unwrap();
    assert_eq!(vm.director.finish(&script), Response::Value(json!({})));
    assert_eq!(vm.director.finish(&stop), Response::Value("stopped".into()));
    running.stop();
}

#[test]
fn a_mail_of_the_supervisor_becomes_an_alert() {
    use std::io::{Read, Write};
    let (vm, running) = Vm::started();
    let place = warren_agent::alerts::start(&running.agent, "127.0.0.1:0").unwrap();
    // Nobody who is silent keeps others waiting.
    let _silent = std::net::TcpStream::connect(place).unwrap();
    let mut stream = std::net::TcpStream::connect(place).unwrap();
    stream
        .write_all(
            b"HELO x\r\nMAIL FROM: <a@b>\r\nRCPT TO: <c@d>\r\nDATA\r\nMessage-id: <7@localhost>\r\n\
              Service: nats\r\nEvent: does not exist\r\nAction: restart\r\nDescription: gone\r\n.\r\n\
              QUIT\r\n",
        )
        .unwrap();
    let mut conversation = String::new();
    stream.read_to_string(&mut conversation).unwrap();
    assert!(
        conversation.contains("354") && conversation.ends_with("221 bye\r\n"),
        "{conversation}"
    );
    let subject = format!("hm.agent.alert.{AGENT}");
    until("an alert", || !vm.director.heard(&subject).is_empty());
    let alert = &vm.director.heard(&subject)[0];
    assert_eq!(
        alert["title"],
        "nats (10.244.0.2) - does not exist - restart"
    );
    assert_eq!(alert["severity"], 1);
    running.stop();
}

#[test]
fn from_settings_to_an_answer_is_quick() {
    let vm = Vm::new();
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let running = vm.start();
        assert!(
            running
                .bus
                .as_ref()
                .unwrap()
                .wait_connected(Duration::from_secs(30))
        );
        times.push(begun.elapsed().as_millis());
        running.stop();
    }
    times.sort_unstable();
    println!(
        "settings there to connected: median {} ms of {times:?}",
        times[2]
    );
    assert_eq!(permanent_name(), format!("{AGENT}.agent.bosh-internal"));
}
