//! Commands for many hosts at the same time.
//!
//! Who interrupts us means the commands: they are told to end, and what was made for them is
//! removed before we end too. Each line that one writes is told with its host:
//!
//! ```text
//! zookeeper/9e53905a: stdout | uid=1001(bosh_7267319452044ac)
//! zookeeper/9e53905a: stderr | Connection to 10.244.0.2 closed.
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::super::problem::Problem;
use super::super::session::Session;
use super::visit::starting;
use crate::output::Listing;

/// Commands that run, and are told to end when we are.
struct Running {
    children: Arc<Mutex<Vec<Child>>>,
    is_interrupted: Arc<AtomicBool>,
    signals: Handle,
    watcher: Option<thread::JoinHandle<()>>,
}

fn locked(children: &Mutex<Vec<Child>>) -> MutexGuard<'_, Vec<Child>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pid(child: &Child) -> Option<Pid> {
    Pid::from_raw(i32::try_from(child.id()).ok()?)
}

/// Tells all that still run to end.
fn end(children: &Mutex<Vec<Child>>) {
    for child in locked(children).iter_mut() {
        // One that has ended keeps its number until it is waited for, under this lock.
        if let (Ok(None), Some(pid)) = (child.try_wait(), pid(child)) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Running {
    /// `patience`: how long commands that end with their standard input have for that, after the
    /// first signal; without it they are told to end at once.
    fn new(patience: Option<Duration>) -> Result<Self, Problem> {
        let mut signals = Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])?;
        let handle = signals.handle();
        let children: Arc<Mutex<Vec<Child>>> = Arc::default();
        let is_interrupted: Arc<AtomicBool> = Arc::default();
        let (seen, told) = (Arc::clone(&children), Arc::clone(&is_interrupted));
        let watcher = thread::spawn(move || {
            for _ in signals.forever() {
                // Nobody may be left to read it.
                let _ = writeln!(std::io::stderr(), "\nReceived an interrupt, exiting...\n");
                let is_first = !told.swap(true, Ordering::Relaxed);
                let Some(patience) = patience.filter(|_| is_first) else {
                    end(&seen);
                    continue;
                };
                for child in locked(&seen).iter_mut() {
                    drop(child.stdin.take());
                }
                let seen = Arc::clone(&seen);
                thread::spawn(move || {
                    thread::sleep(patience);
                    end(&seen);
                });
            }
        });
        Ok(Self {
            children,
            is_interrupted,
            signals: handle,
            watcher: Some(watcher),
        })
    }

    fn is_interrupted(&self) -> bool {
        self.is_interrupted.load(Ordering::Relaxed)
    }

    fn start(&self, command: &mut Command) -> Result<usize, Problem> {
        let child = command.spawn().map_err(starting)?;
        let mut children = locked(&self.children);
        children.push(child);
        Ok(children.len() - 1)
    }

    /// Lets one output go, if it was asked for.
    fn take<T>(&self, at: usize, take: impl FnOnce(&mut Child) -> Option<T>) -> Option<T> {
        locked(&self.children).get_mut(at).and_then(take)
    }

    /// Waits for one without keeping the signals waiting.
    fn wait(&self, at: usize) -> Result<ExitStatus, Problem> {
        let pid = locked(&self.children).get(at).and_then(pid);
        let pid = pid.ok_or_else(|| Problem::text("A command has no number"))?;
        loop {
            let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
            match waitid(WaitId::Pid(pid), options) {
                Err(rustix::io::Errno::INTR) => {}
                // Whatever it is, the next call says.
                _ => break,
            }
        }
        let mut children = locked(&self.children);
        let child = children
            .get_mut(at)
            .ok_or_else(|| Problem::text("A command is lost"))?;
        Ok(child.wait()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signals.close();
        if let Some(watcher) = self.watcher.take() {
            // It ends with its signals.
            let _ = watcher.join();
        }
    }
}

/// Lines of one output, told as they come.
fn tell(
    from: impl Read + Send + 'static,
    name: String,
    to: Sender<String>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches(['\n', '\r']);
            if to.send(format!("{name} | {text}\n")).is_err() {
                return;
            }
            line.clear();
        }
    })
}

fn ended(name: &str, status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| format!("Running '{name}': {status}"))
}

/// Runs them all; what they write is told line by line.
pub fn streamed(session: &mut Session<'_>, ways: Vec<(String, Command)>) -> Result<u8, Problem> {
    let running = Running::new(None)?;
    let (to, lines) = channel();
    let mut names = Vec::new();
    let mut tellers = Vec::new();
    let mut failed = Vec::new();
    for (name, mut command) in ways {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        match running.start(&mut command) {
            Ok(at) => {
                let out = running.take(at, |child| child.stdout.take());
                let err = running.take(at, |child| child.stderr.take());
                tellers.extend(out.map(|out| tell(out, format!("{name}: stdout"), to.clone())));
                tellers.extend(err.map(|err| tell(err, format!("{name}: stderr"), to.clone())));
                names.push(name);
            }
            Err(problem) => failed.push(problem.to_string()),
        }
    }
    drop(to);
    for line in lines {
        session.console.raw(line.as_bytes());
    }
    for teller in tellers {
        // It only reads and sends.
        let _ = teller.join();
    }
    for (at, name) in names.iter().enumerate() {
        failed.extend(ended(name, running.wait(at)?));
    }
    match failed.is_empty() {
        true => Ok(0),
        false => Err(Problem::text(failed.join("\n"))),
    }
}

/// Takes bytes of a command, which it has the number of.
pub type See<'a> = &'a mut dyn FnMut(usize, &[u8]) -> Result<(), Problem>;

/// Runs them all until they end or somebody interrupts, which is their good end; bytes that they
/// write on standard output go to `see` with the number of the command, errors to the user. A command
/// is to end with its standard input, and is ended if it has not within `patience`.
pub fn captured(
    session: &mut Session<'_>,
    ways: Vec<(String, Command)>,
    patience: Duration,
    see: See<'_>,
) -> Result<u8, Problem> {
    let running = Running::new(Some(patience))?;
    let (to, pieces) = sync_channel::<(usize, Vec<u8>)>(64);
    let (to_lines, lines) = channel();
    let mut names = Vec::new();
    let mut tellers = Vec::new();
    for (name, mut command) in ways {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let at = running.start(&mut command)?;
        let out = running.take(at, |child| child.stdout.take());
        let err = running.take(at, |child| child.stderr.take());
        let to = to.clone();
        tellers.extend(out.map(|mut out| {
            thread::spawn(move || {
                let mut buffer = vec![0; 64 << 10];
                while let Ok(read @ 1..) = out.read(&mut buffer) {
                    let piece = buffer.get(..read).unwrap_or_default().to_vec();
                    if to.send((at, piece)).is_err() {
                        return;
                    }
                }
            })
        }));
        tellers.extend(err.map(|err| tell(err, format!("{name}: stderr"), to_lines.clone())));
        names.push(name);
    }
    drop((to, to_lines));
    let mut failed = Vec::new();
    for (at, piece) in pieces {
        for line in lines.try_iter() {
            session.console.raw(line.as_bytes());
        }
        if let Err(problem) = see(at, &piece) {
            failed.push(problem.to_string());
            end(&running.children);
            break;
        }
    }
    for line in lines {
        session.console.raw(line.as_bytes());
    }
    for teller in tellers {
        // It only reads and sends.
        let _ = teller.join();
    }
    for (at, name) in names.iter().enumerate() {
        let status = running.wait(at)?;
        failed.extend(ended(name, status).filter(|_| !running.is_interrupted()));
    }
    match failed.is_empty() {
        true => Ok(0),
        false => Err(Problem::text(failed.join("\n"))),
    }
}

/// What one command came to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    pub name: String,
    pub out: String,
    pub err: String,
    pub code: i32,
    pub problem: String,
}

fn slurp(from: impl Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let mut from = from;
        // What breaks off is what there is.
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).replace("\r\n", "\n")
    })
}

/// Outcomes as a table.
pub fn table(mut all: Vec<Outcome>) -> Listing {
    let header = ["Instance", "Stdout", "Stderr", "Exit Code", "Error"];
    let mut table = Listing::new("results", &header);
    table.is_facts = true;
    all.sort();
    for one in all {
        let text = |text: String| text.trim_end_matches('\n').to_owned();
        let cells = [
            one.name,
            text(one.out),
            text(one.err),
            one.code.to_string(),
            one.problem,
        ];
        table.rows.push(cells.to_vec());
    }
    table
}

/// Runs them all; what they write is shown at the end.
pub fn collected(session: &mut Session<'_>, ways: Vec<(String, Command)>) -> Result<u8, Problem> {
    let running = Running::new(None)?;
    let mut begun = Vec::new();
    for (name, mut command) in ways {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let at = running.start(&mut command)?;
        let out = running.take(at, |child| child.stdout.take()).map(slurp);
        let err = running.take(at, |child| child.stderr.take()).map(slurp);
        begun.push((name, at, out, err));
    }
    let mut all = Vec::new();
    let mut failed = Vec::new();
    for (name, at, out, err) in begun {
        let text = |slurped: Option<thread::JoinHandle<String>>| {
            slurped
                .and_then(|slurped| slurped.join().ok())
                .unwrap_or_default()
        };
        let (out, err) = (text(out), text(err));
        let status = running.wait(at)?;
        let problem = ended(&name, status);
        failed.extend(problem.clone());
        let code = status.code().unwrap_or(-1);
        all.push(Outcome {
            name,
            out,
            err,
            code,
            problem: problem.unwrap_or_default(),
        });
    }
    session.console.table(&table(all));
    match failed.is_empty() {
        true => Ok(0),
        false => Err(Problem::text(failed.join("\n"))),
    }
}

/// Runs one on our terminal.
pub fn attached(mut command: Command) -> Result<u8, Problem> {
    let running = Running::new(None)?;
    let at = running.start(&mut command)?;
    match running.wait(at)?.code() {
        Some(0) => Ok(0),
        code => {
            let code = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
            Err(Problem::text(format!("exit code {code}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_sorted_and_counted() {
        let one = |name: &str, code| Outcome {
            name: name.to_owned(),
            out: "x\n".to_owned(),
            err: String::new(),
            code,
            problem: String::new(),
        };
        let text = table(vec![one("zk/b", 3), one("zk/a", 0)]).human();
        let expected = "\nInstance   zk/a  \nStdout     x  \nStderr     -  \nExit Code  0  \nError      -  \n\
            \x20            \nInstance   zk/b  \nStdout     x  \nStderr     -  \nExit Code  3  \nError      -  \n\
            \n2 results\n";
        assert_eq!(text, expected);
    }
}
