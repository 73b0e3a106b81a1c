//! The reporter against recorded output: recorded lines are turned back into the events that they
//! come from, and those into lines again; and logs that no director should write.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use proptest::prelude::*;
use warren_director_client::clock;
use warren_director_client::reporter::{Piece, Reporter};

fn text(id: u64, log: &str, state: &str, cut: usize) -> String {
    let (mut reporter, first) = Reporter::new(id);
    let mut pieces = vec![first];
    for bytes in log.as_bytes().chunks(cut) {
        pieces.extend(reporter.push(bytes));
    }
    pieces.extend(reporter.finish(state));
    let texts = pieces.into_iter().map(|piece| match piece {
        Piece::Line(text) | Piece::Event(text) => text,
    });
    texts.collect()
}

/// The events of a recorded text. Lines with a length are an end: of a piece of work shown above,
/// or of one that begins with the same line.
fn events(recorded: &str) -> (u64, String) {
    let id: u64 = recorded.lines().next().unwrap()["Task ".len()..]
        .parse()
        .unwrap();
    let day = clock::parse("2026-11-22 00:00:00 UTC").unwrap();
    let mut log = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut parents: Vec<(String, i64, serde_json::Value)> = Vec::new();
    for line in recorded.lines().filter(|line| line.contains(" | ")) {
        let mut parts = line.splitn(3, " | ");
        let (_, time, what) = (parts.next(), parts.next().unwrap(), parts.next().unwrap());
        let seconds: Vec<i64> = time.split(':').map(|part| part.parse().unwrap()).collect();
        let at = day + seconds[0] * 3600 + seconds[1] * 60 + seconds[2];
        let (what, took) = match what.strip_suffix(')').and_then(|w| w.rsplit_once(" (00:")) {
            Some((what, took)) => {
                let (minutes, seconds) = took.split_once(':').unwrap();
                let minutes: i64 = minutes.parse().unwrap();
                (what, Some(minutes * 60 + seconds.parse::<i64>().unwrap()))
            }
            None => (what, None),
        };
        let (stage, task) = what.split_once(": ").unwrap();
        let mut push = |value: serde_json::Value| log.push_str(&format!("{value}\n"));
        if let Some(status) = stage.strip_prefix("L ") {
            let (_, began, parent) = parents
                .iter()
                .rev()
                .find(|(name, ..)| name == task)
                .unwrap()
                .clone();
            let mut event = parent.clone();
            event["time"] = at.into();
            event["state"] = "in_progress".into();
            event["data"] = serde_json::json!({"status": status});
            push(event.clone());
            if let Some(took) = took {
                event["time"] = (began + took).into();
                event["state"] = "finished".into();
                push(event);
            }
            continue;
        }
        let (stage, tags) = match stage.strip_prefix("Updating instance ") {
            Some(tag) => ("Updating instance", vec![tag]),
            None => (stage, Vec::new()),
        };
        let mut event = serde_json::json!({
            "time": at, "stage": stage, "tags": tags, "total": 1, "task": task, "index": 1,
            "state": "started", "progress": 0,
        });
        let is_open = open.iter().any(|name| name == task);
        if !is_open {
            push(event.clone());
            parents.push((task.to_owned(), at, event.clone()));
            if took.is_none() {
                open.push(task.to_owned());
            }
        }
        if let Some(took) = took {
            let began = if is_open { at - took } else { at };
            event["time"] = (began + took).into();
            event["state"] = "finished".into();
            push(event);
        }
    }
    (id, log)
}

#[test]
fn what_was_recorded_comes_out_again() {
    for recorded in [
        include_str!("fixtures/upload-release.txt"),
        include_str!("fixtures/deploy-noop.txt"),
        include_str!("fixtures/logs.txt"),
        include_str!("fixtures/cck.txt"),
        include_str!("fixtures/restart.txt"),
        include_str!("fixtures/delete-deployment.txt"),
    ] {
        let (id, log) = events(recorded);
        for cut in [1, 7, 4096] {
            assert_eq!(text(id, &log, "done", cut), recorded);
        }
    }
}

#[test]
fn a_task_without_events_is_one_line() {
    assert_eq!(text(89, "", "done", 1), "Task 89. Done\n");
    assert_eq!(text(89, "", "", 1), "Task 89. \n");
}

#[test]
fn failures_are_told_below_their_line_and_at_the_end() {
    let log = concat!(
        r#"{"time":1795311391,"stage":"S","tags":[],"total":1,"task":"a","index":1,"state":"started","progress":0}"#,
        "\n",
        r#"{"time":1795311394,"stage":"S","tags":[],"total":1,"task":"a","index":1,"state":"failed","progress":100,"data":{"error":"no"}}"#,
        "\n",
        r#"{"time":1795311394,"error":{"code":400007,"message":"not running"}}"#,
    );
    let expected = "Task 5\n\nTask 5 | 01:36:31 | S: a (00:00:03)\n                   L Error: no\n\n\
        Task 5 | 01:36:34 | Error: not running\n\n\
        Task 5 Started  Sun Nov 22 01:36:31 UTC 2026\nTask 5 Finished Sun Nov 22 01:36:34 UTC 2026\n\
        Task 5 Duration 00:00:03\nTask 5 error\n";
    assert_eq!(text(5, log, "error", 10), expected);
}

#[test]
fn lines_that_are_no_events_are_told_and_end_nothing() {
    for bad in [
        "nonsense",
        "[]",
        r#"{"time":"x"}"#,
        r#"{"data":{"error":{}}}"#,
        r#"{"progress":1.5,"tags":"x"}"#,
    ] {
        let log =
            format!("{bad}\n{{\"time\":1,\"stage\":\"S\",\"task\":\"a\",\"state\":\"started\"}}\n");
        let text = text(1, &log, "done", 3);
        assert!(text.contains("Unreadable event"), "{text}");
        assert!(text.contains("Task 1 | 00:00:01 | S: a"), "{text}");
    }
}

proptest! {
    #[test]
    fn any_log_gives_some_text(log in proptest::collection::vec(any::<u8>(), 0..400), state in "\\PC{0,9}") {
        let (mut reporter, _) = Reporter::new(1);
        reporter.push(&log);
        reporter.finish(&state);
    }

    #[test]
    fn any_event_gives_some_text(time: i64, end: i64, state in "started|in_progress|finished|failed|x") {
        let (mut reporter, _) = Reporter::new(1);
        for time in [time, end] {
            let line = format!(r#"{{"time":{time},"stage":"s","task":"t","state":"{state}","data":{{"status":"d"}}}}"#);
            reporter.push(format!("{line}\n").as_bytes());
        }
        reporter.finish("done");
    }
}
