//! Whether a process of the director answers: each tells what it has counted to whoever connects to its
//! socket, `metrics/NAME` in the director's home. One that is there and stuck takes the call and says
//! nothing.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest that is read.
const LONGEST: u64 = 8 << 20;

#[derive(Deserialize)]
struct Told {
    /// Its roles, or `director` for all there are.
    process: String,
}

impl Told {
    fn has(&self, role: &str) -> bool {
        self.process == "director" || self.process.split('+').any(|each| each == role)
    }
}

/// Whether a process with this role answers.
///
/// # Errors
/// None does; why.
pub(super) fn answers(home: &Path, role: &str) -> Result<(), String> {
    let directory = home.join("metrics");
    let failed = |error: io::Error| format!("{}: {error}", directory.display());
    let held = File::open(&directory).map_err(failed)?;
    let mut silent = 0_usize;
    for entry in fs::read_dir(&directory).map_err(failed)? {
        // An address has room for a short path only, so the directory is named by its descriptor.
        let name = entry.map_err(failed)?.file_name();
        let socket = Path::new("/proc/self/fd").join(held.as_raw_fd().to_string());
        match ask(&socket.join(name)) {
            Ok(told) if told.has(role) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => silent += 1,
            // What a process that was killed has left.
            Err(_) => {}
        }
    }
    Err(match silent {
        0 => format!("no process with the role {role} listens"),
        _ => format!(
            "no process with the role {role} answers; {silent} took the call and said nothing for {} s",
            PATIENCE.as_secs()
        ),
    })
}

fn ask(socket: &Path) -> io::Result<Told> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = Vec::new();
    stream.take(LONGEST).read_to_end(&mut text)?;
    Ok(serde_json::from_slice(&text)?)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn only_an_answer_counts() {
        let home = tempfile::tempdir().unwrap();
        let at = home.path().join("metrics");
        assert!(answers(home.path(), "scheduler").is_err());
        fs::create_dir(&at).unwrap();
        let none = answers(home.path(), "scheduler").unwrap_err();
        assert!(none.contains("listens"), "{none}");
        let listener = UnixListener::bind(at.join("a")).unwrap();
        let teller = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                let told = r#"{"process":"scheduler+sync-dns","metrics":{}}"#;
                stream.write_all(told.as_bytes()).unwrap();
            }
            listener
        });
        assert_eq!(answers(home.path(), "scheduler"), Ok(()));
        assert_eq!(answers(home.path(), "sync-dns"), Ok(()));
        // It takes calls, as the kernel does that for it, and nobody is there to answer.
        let stuck = teller.join().unwrap();
        let silent = answers(home.path(), "scheduler").unwrap_err();
        assert!(silent.contains("said nothing"), "{silent}");
        drop(stuck);
        let dead = answers(home.path(), "scheduler").unwrap_err();
        assert!(dead.contains("listens"), "{dead}");
    }
}
