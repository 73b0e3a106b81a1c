//! The bus: who is let in when, and what never waits.

use std::time::{Duration, Instant};

use serde_json::json;
use warren_wire_agent::envelope::Response;

use crate::support::certificates::{AGENT, bootstrap_name, permanent_name};
use crate::support::nats::Nats;
use crate::support::until;
use crate::support::vm::{Vm, executable};

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
fn a_user_that_comes_late_is_waited_for() {
    let vm = Vm::on(Nats::start(&[]));
    let running = vm.start();
    until("it is refused", || {
        vm.nats.log().contains("authentication error")
    });
    // Longer than a client that gives up after two refusals would try.
    assert!(
        !running
            .bus
            .as_ref()
            .unwrap()
            .wait_connected(Duration::from_secs(3))
    );
    let begun = Instant::now();
    vm.nats.set_users(&[bootstrap_name()]);
    vm.director.ping();
    println!(
        "answers {} ms after its user was made",
        begun.elapsed().as_millis()
    );
    running.stop();
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
