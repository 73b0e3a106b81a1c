//! What the director's worker logs of its calls, with times: from them the time from `create_vm` to the
//! first word of the new agent.
//!
//! A worker says of each call when it ended and how long it took. A machine is there when its agent
//! has answered pings; the call after that is `update_settings`, so its beginning is the latest that
//! the answer can have come. Machines are created one after the other while this is measured.

use std::fs;
use std::path::PathBuf;

use super::scene::Scene;
use super::sheet::Sheet;
use crate::figures::Samples;

fn path(scene: &Scene) -> PathBuf {
    let inner = scene.level(scene.options.depth);
    inner.join("vcap/sys/log/worker/worker.log")
}

/// How long the log is by now.
pub fn position(scene: &Scene) -> usize {
    text(scene).len()
}

fn text(scene: &Scene) -> String {
    let path = path(scene);
    match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// A call, in milliseconds of one day.
struct Call {
    method: String,
    began: f64,
    ended: f64,
}

/// `2026-01-02T03:04:05.678Z info cpi_call method=info ... outcome=ok ms=14.673 ...`
fn call(line: &str) -> Option<Call> {
    let mut words = line.split(' ');
    let time = words.next()?.split_once('T')?.1.strip_suffix('Z')?;
    let event = words.nth(1)?;
    if !matches!(event, "cpi_call" | "agent_call" | "agent_task") {
        return None;
    }
    let value = |name: &str| words.clone().find_map(|word| word.strip_prefix(name));
    let mut seconds = 0.0;
    for part in time.split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    let ended = seconds * 1e3;
    Some(Call {
        method: value("method=")?.to_owned(),
        began: ended - value("ms=")?.parse::<f64>().ok()?,
        ended,
    })
}

/// Rows about machines that were created one after the other since the log was so long.
pub fn creations(scene: &Scene, from: usize, wanted: usize, sheet: &mut Sheet) {
    let text = text(scene);
    let calls: Vec<Call> = text
        .get(from..)
        .unwrap_or_default()
        .lines()
        .filter_map(call)
        .collect();
    let (mut all, mut cpi) = (Samples::default(), Samples::default());
    for (index, create) in calls.iter().enumerate() {
        if create.method != "create_vm" {
            continue;
        }
        let mut after = calls.iter().skip(index);
        let Some(first) = after.find(|call| call.method == "update_settings") else {
            continue;
        };
        // Not over midnight.
        if first.began > create.began {
            all.0.push(first.began - create.began);
            cpi.0.push(create.ended - create.began);
        }
    }
    assert!(
        all.0.len() + 1 >= wanted,
        "{} of {wanted} creations in the log",
        all.0.len()
    );
    sheet.milliseconds(
        "`create_vm` begun until its agent answers, median / p95",
        &all,
        "",
    );
    sheet.milliseconds("of that: the CPI's `create_vm`", &cpi, "");
}

/// The row about packages: from the first begun to the last ended since the log was so long.
pub fn compilation(scene: &Scene, from: usize, sheet: &mut Sheet) {
    let text = text(scene);
    let lines = text.get(from..).unwrap_or_default().lines();
    let compiled = lines.filter(|line| line.contains(" agent_task "));
    let compiled = compiled.filter_map(call);
    let compiled: Vec<Call> = compiled
        .filter(|call| call.method.starts_with("compile_package"))
        .collect();
    let began = compiled.iter().map(|call| call.began).reduce(f64::min);
    let ended = compiled.iter().map(|call| call.ended).reduce(f64::max);
    let (Some(began), Some(ended)) = (began, ended) else {
        panic!("no package was compiled");
    };
    let took = Samples(vec![(ended - began) / 1e3]);
    sheet.seconds("of that: packages compiled", &took, "17-18 s");
}

/// The row about a CPI call that does little: a process's start, and the call.
pub fn cpi_call(scene: &Scene, sheet: &mut Sheet) {
    let calls = text(scene);
    let calls = calls.lines().filter(|line| line.contains(" cpi_call "));
    let cheap = calls.filter_map(call).filter(|call| {
        let method = call.method.as_str();
        matches!(
            method,
            "info" | "has_vm" | "set_vm_metadata" | "set_disk_metadata"
        )
    });
    let samples = Samples(cheap.map(|call| call.ended - call.began).collect());
    sheet.milliseconds("one CPI call, p50 / p95", &samples, "about 20 ms");
}
