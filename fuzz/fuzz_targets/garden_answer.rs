//! What a client makes of a server's answers: any bytes end every kind of call, and what a body gives
//! is no more than what came.
//!
//! A server on a unix socket says them, so that it is the client as it is.
#![no_main]

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};

use libfuzzer_sys::fuzz_target;
use warren_garden_client::{Client, Streams, Target};
use warren_wire_garden::process::ProcessSpec;

/// A client, and where the next connection's answer goes.
fn scene() -> &'static (Client, SyncSender<Vec<u8>>) {
    static SCENE: OnceLock<(Client, SyncSender<Vec<u8>>)> = OnceLock::new();
    SCENE.get_or_init(|| {
        let path = PathBuf::from(format!("/dev/shm/warren-fuzz-{}-sock", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("/dev/shm is writable");
        let (say, said) = sync_channel::<Vec<u8>>(1);
        std::thread::spawn(move || {
            let mut answer = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.expect("a connection");
                // A process's outputs are asked for on connections of their own.
                if let Ok(new) = said.try_recv() {
                    answer = new;
                }
                let _ = stream.read(&mut [0; 4096]);
                // Who has heard enough hangs up.
                let _ = stream.write_all(&answer);
            }
        });
        (Client::new(Target::Unix(path)), say)
    })
}

fuzz_target!(|bytes: &[u8]| {
    let Some((how, answer)) = bytes.split_first() else {
        return;
    };
    let (client, say) = scene();
    say.send(answer.to_vec()).expect("it listens");
    match how % 4 {
        0 => {
            if let Ok(mut body) = client.stream_out("h", "", "/") {
                let mut all = Vec::new();
                let _ = body.read_to_end(&mut all);
                assert!(all.len() <= answer.len());
            }
        }
        1 => _ = client.info("h"),
        2 => _ = client.ping(),
        _ => {
            let streams = Streams {
                stdout: Some(Box::new(std::io::sink())),
                ..Streams::default()
            };
            if let Ok(process) = client.run("h", &ProcessSpec::default(), streams) {
                let _ = process.wait();
            }
        }
    }
});
