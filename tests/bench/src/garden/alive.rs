//! Many containers at once: what one more costs, and what they all take.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::{Container, Server};

use crate::figures::{Samples, milliseconds, table};

const RUNS: usize = 200;
const ALIVE: usize = 100;
const MOST: usize = 200;
/// So long the kernel may still be removing what the one before has left.
const PAUSE: Duration = Duration::from_millis(150);

/// Creation with none and with a hundred alive; then two hundred, and their memory.
pub fn bench() {
    let server = Server::builder().run_in_memory().start();
    let none = creations(&server, PAUSE);
    let none_at_once = creations(&server, Duration::ZERO);
    let before = server_memory(&server);
    let mut alive: Vec<Container> = (0..ALIVE).map(|_| server.container()).collect();
    let many = creations(&server, PAUSE);
    let many_at_once = creations(&server, Duration::ZERO);
    compare("Creating a container", &none, &many);
    compare(
        "Creating a container right behind another one's end",
        &none_at_once,
        &many_at_once,
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

fn compare(title: &str, none: &Samples, many: &Samples) {
    let rows = |none, many| [("with no other alive", none), ("with 100 alive", many)];
    table(title, "ms", &rows(none, many), 0);
    let p99 = |samples: &Samples| Samples(vec![samples.quantile(0.99)]);
    let title = format!("{title}: the 99th percentile");
    table(&title, "ms", &rows(&p99(none), &p99(many)), 0);
}

/// Each made after a pause, and removed again.
fn creations(server: &Server, pause: Duration) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..RUNS {
        std::thread::sleep(pause);
        let mut made = None;
        samples.time(|| made = Some(server.container()));
        drop(made);
    }
    samples
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
    let depot = server.run().join("depot").display().to_string();
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
