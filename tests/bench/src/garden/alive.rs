//! Many containers at once: what one more costs, and what they all take.

use std::fs;
use std::path::Path;
use std::time::Instant;

use warren_tests_conformance::garden::{Container, Server};

use crate::figures::{Samples, milliseconds, table};

const RUNS: usize = 100;
const ALIVE: usize = 100;
const MOST: usize = 200;

/// Creation with none and with a hundred alive; then two hundred, and their memory.
pub fn bench() {
    let server = Server::new();
    let mut none = Samples::default();
    let mut many = Samples::default();
    creations(&server, &mut none);
    let before = server_memory(&server);
    let mut alive: Vec<Container> = (0..ALIVE).map(|_| server.container()).collect();
    creations(&server, &mut many);
    let p99 = |samples: &Samples| Samples(vec![samples.quantile(0.99)]);
    table(
        "Creating a container",
        "ms",
        &[("with no other alive", &none), ("with 100 alive", &many)],
        0,
    );
    table(
        "The same, 99th percentile",
        "ms",
        &[
            ("with no other alive", &p99(&none)),
            ("with 100 alive", &p99(&many)),
        ],
        0,
    );
    let began = Instant::now();
    alive.extend((ALIVE..MOST).map(|_| server.container()));
    let more = milliseconds(began.elapsed());
    println!("\n{MOST} containers alive; the second hundred came in {more:.0} ms.\n");
    let (shims, inits) = container_memory(&server);
    let each = |kib: u64| kib as f64 / alive.len() as f64;
    println!("| memory, PSS | KiB |\n|---|---|");
    println!("| server with no container | {before} |");
    println!(
        "| server with {MOST} containers | {} |",
        server_memory(&server)
    );
    println!("| shim, each of {MOST} | {:.0} |", each(shims));
    println!("| init, each of {MOST} | {:.0} |", each(inits));
}

fn creations(server: &Server, into: &mut Samples) {
    for _ in 0..RUNS {
        let mut made = None;
        into.time(|| made = Some(server.container()));
        drop(made);
    }
}

/// Proportional set size in KiB.
fn pss(pid: &str) -> u64 {
    let path = Path::new("/proc").join(pid).join("smaps_rollup");
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("Pss:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

fn server_memory(server: &Server) -> u64 {
    pss(server.pid())
}

/// Of all shims and of all inits.
fn container_memory(server: &Server) -> (u64, u64) {
    let depot = server.directory().join("depot").display().to_string();
    let (mut shims, mut inits) = (0, 0);
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_string_lossy().into_owned();
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        if line.contains("shim") && line.contains(&depot) {
            shims += pss(&pid);
            let children = format!("/proc/{pid}/task/{pid}/children");
            let children = fs::read_to_string(children).unwrap_or_default();
            inits += children.split_whitespace().map(pss).sum::<u64>();
        }
    }
    assert!(shims > 0 && inits > 0, "no shims found");
    (shims, inits)
}
