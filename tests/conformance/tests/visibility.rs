//! What was streamed in is there: a process that is started after the answer sees every byte.
//!
//! 10 000 rounds by eight clients, two to a container, every second of which is privileged: an archive with a file of a new name, or with
//! new content for the last one, and then a fresh process that reads it. Agents of deployments are
//! set up this way, and upstream's client has to try such an upload up to ten times.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Container, Server, Sink};
use warren_wire_garden::process::ProcessSpec;

const ROUNDS: u64 = 10_000;
const CLIENTS: u64 = 8;
const BLOCK: usize = 512;

#[test]
fn a_process_sees_all_that_was_streamed_in_before_it() {
    let began = Instant::now();
    let server = Server::new();
    let containers: Vec<Container> = (0..CLIENTS / 2)
        .map(|index| {
            let mut spec = server.spec("");
            spec.privileged = index % 2 == 1;
            server.create(&spec)
        })
        .collect();
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let container = &containers[usize::try_from(client / 2).unwrap()];
            let next = &next;
            scope.spawn(move || {
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= ROUNDS {
                        return;
                    }
                    play(container, client, round);
                }
            });
        }
    });
    println!("{ROUNDS} rounds in {:?}", began.elapsed());
}

fn play(container: &Container, client: u64, round: u64) {
    // Every third time the same file gets other content.
    let name = format!("{client}-{}", round / 3);
    let length = usize::try_from(round * 7919 % 20_000).unwrap();
    let line = format!("{client} {round}\n");
    let content: Vec<u8> = line.bytes().cycle().take(length + 1).collect();
    let archive = Cursor::new(tar(&name, &content));
    let user = ["", "alice"][usize::try_from(client % 2).unwrap()];
    let home = if user.is_empty() {
        "/root"
    } else {
        "/home/alice"
    };
    let client = container.client();
    client
        .stream_in(container.handle(), user, "in", archive)
        .unwrap();
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let path = format!("{home}/in/{name}");
    let process = ProcessSpec {
        path: "/bin/cat".to_owned(),
        args: vec![path.clone()],
        ..ProcessSpec::default()
    };
    let process = container.start(&process, streams).unwrap();
    assert_eq!(process.wait().unwrap(), 0, "round {round}: {path}");
    assert!(
        output.bytes() == content,
        "round {round}: {path} is not what was streamed in"
    );
}

/// A tar of one file; format: POSIX.1-1988 ustar.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut head = [0_u8; BLOCK];
    let mut put =
        |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", content.len()));
    put(136, "00000000000\0");
    // The checksum counts as blanks while it is summed up.
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = head.to_vec();
    tar.extend_from_slice(content);
    // Whole blocks, and two empty ones at the end.
    tar.resize(tar.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    tar
}
