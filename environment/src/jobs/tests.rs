//! The files of jobs, as text.

use std::path::Path;

use crate::{Database, Record, levels};

use super::*;

fn record() -> Record {
    Record {
        depth: 2,
        database_password: "secret".to_owned(),
        image: "bookworm-0".to_owned(),
        addresses: vec![Ipv4Addr::new(10, 254, 0, 2), Ipv4Addr::new(10, 254, 4, 2)],
        ..Record::example()
    }
}

#[test]
fn a_process_that_runs_as_it_is_has_a_script_and_a_service() {
    let files = files(&director(&record(), Ipv4Addr::LOCALHOST)[..1], false);
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["monit/job/0001_nats.monitrc", "jobs/nats/bin/ctl"]);
    assert_eq!(
        files[0].text,
        "check process nats\n  with pidfile /var/vcap/sys/run/nats/nats.pid\n  start program \
         \"/var/vcap/jobs/nats/bin/ctl start\" with timeout 20 seconds\n  stop program \
         \"/var/vcap/jobs/nats/bin/ctl stop\" with timeout 60 seconds\n  group vcap\n"
    );
    assert!(
        files[1].text.contains(
            "$run/nats.pid /usr/sbin/nats-server -c /var/vcap/store/director/nats/nats.cfg"
        )
    );
}

#[test]
fn what_mounts_for_others_or_is_signalled_is_never_in_bpm() {
    let jobs = director(&record(), Ipv4Addr::LOCALHOST);
    let files = files(&jobs, true);
    let with = |end: &str| -> Vec<&str> {
        let all = files.iter().map(|file| file.path.as_str());
        all.filter(|path| path.ends_with(end)).collect()
    };
    assert_eq!(with("ctl"), ["jobs/nats/bin/ctl", "jobs/worker/bin/ctl"]);
    assert_eq!(with("bpm.yml").len(), jobs.len() - 2);
}

#[test]
fn only_the_last_server_starts_machines_by_their_own_first_process() {
    let all = levels(Path::new("/var/lib/warren"), &record());
    let has_init = |index: usize| {
        let job = garden(&all[index], &record());
        job.command.contains(&"--init-bin".to_owned())
    };
    assert!(has_init(1));
    assert!(!has_init(2));
}

#[test]
fn the_database_comes_first_and_its_password_is_in_no_command() {
    let record = Record {
        database: Database::Postgres,
        ..record()
    };
    let jobs = director(&record, Ipv4Addr::LOCALHOST);
    assert_eq!(jobs[0].name, "postgres");
    for job in &jobs {
        assert!(!job.command.concat().contains("secret"), "{job:?}");
    }
    let files = files(&jobs, false);
    let secret: Vec<_> = files
        .iter()
        .filter(|file| file.text.contains("secret"))
        .collect();
    assert!(!secret.is_empty());
    assert!(secret.iter().all(|file| file.mode & 0o077 == 0));
    // TERM would have it wait for the director to hang up.
    let signal = |name: &str| {
        let path = format!("jobs/{name}/bin/ctl");
        let ctl = files.iter().find(|file| file.path == path).unwrap();
        let lines = ctl.text.lines().map(str::trim_start);
        let mut kills = lines.filter(|line| line.starts_with("kill -"));
        kills.next().unwrap().to_owned()
    };
    assert!(signal("postgres").starts_with("kill -INT "));
    assert!(signal("nats").starts_with("kill -TERM "));
}

#[test]
fn odd_words_are_quoted() {
    let job = Job {
        name: "odd",
        command: vec!["/x".to_owned(), "a 'b' $c".to_owned()],
        variables: Vec::new(),
        waits_for: None,
        stop_signal: "TERM",
        may_be_in_bpm: false,
    };
    let script = &files(&[job], false)[1].text;
    assert!(script.contains(r"/x 'a '\''b'\'' $c' \"), "{script}");
}
