//! For the host tests: a shim, an init that does nothing, one who multiplies, and a client to be killed.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, WaitOptions, waitpid};
use warren_container_shim::spec::ProcessSpec;
use warren_container_shim::{Depot, forget, run};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["/tmp/garden-init"] => init(),
        [_, "multiply"] => multiply(),
        [_, "shim", directory] => run(Path::new(directory)),
        [_, "shim-forget", directory] => forget(Path::new(directory)),
        [_, "client", depot, handle, script] => client(Path::new(depot), handle, script),
        _ => ExitCode::from(2),
    }
}

/// Keeps no dead, and waits for ever.
fn init() -> ! {
    loop {
        if waitpid(None::<Pid>, WaitOptions::empty()).is_err() {
            // Nobody there.
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

/// Starts others that do the same, as fast as it can and for as long as it lives.
fn multiply() -> ! {
    loop {
        // There may be as many as there may be just now.
        let _another = Command::new("/proc/self/exe").arg("multiply").spawn();
    }
}

/// Runs a process, and holds its session until killed.
fn client(depot: &Path, handle: &str, script: &str) -> ExitCode {
    let spec = ProcessSpec {
        id: "of-the-client".into(),
        path: "/bin/sh".into(),
        args: vec!["-c".into(), script.into()],
        ..ProcessSpec::default()
    };
    let session =
        Depot::open(depot, "/nonexistent".into()).and_then(|depot| depot.run(handle, &spec));
    match session {
        Ok(session) => {
            println!("running");
            while let Ok(Some(_)) = session.receive() {}
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
