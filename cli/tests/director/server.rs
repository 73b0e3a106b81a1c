//! A director of few words: each path has its answers, one after the other, the last one for ever.
//!
//! It does with tasks what a stock director does: started with 302, their output by byte ranges.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

/// The executable under test.
pub const WARREN: &str = env!("CARGO_BIN_EXE_warren");

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// `GET /path?query`.
    pub line: String,
    /// Names in lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

/// What is said to it.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub location: Option<String>,
    pub body: Vec<u8>,
    /// Whether only the bytes that were asked for are sent.
    pub has_ranges: bool,
}

/// With this document.
pub fn json(body: &str) -> Answer {
    status(200, body)
}

/// With another status.
pub fn status(status: u16, body: &str) -> Answer {
    Answer {
        status,
        location: None,
        body: body.as_bytes().to_vec(),
        has_ranges: false,
    }
}

/// That a task was started.
pub fn started(id: u64) -> Answer {
    // The host is not the server's: directors behind proxies name others.
    let location = Some(format!("https://elsewhere.example:25555/tasks/{id}"));
    Answer {
        location,
        ..status(302, "")
    }
}

type Script = HashMap<String, Vec<Answer>>;
/// What it does when something is asked.
type Hook = Box<dyn Fn(&Asked) + Send>;

/// The server; it goes when the test does.
pub struct Server {
    pub port: u16,
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    hook: Arc<Mutex<Option<Hook>>>,
    home: tempfile::TempDir,
}

pub fn read_request(stream: &mut impl BufRead) -> Option<Asked> {
    let mut asked = Asked::default();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        match line.split_once(": ") {
            _ if asked.line.is_empty() => {
                asked.line = line.trim_end_matches(" HTTP/1.1").to_owned();
            }
            Some((name, value)) => {
                asked
                    .headers
                    .insert(name.to_ascii_lowercase(), value.to_owned());
            }
            None => return None,
        }
    }
    let length = asked
        .headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    asked.body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

pub fn write_answer(to: &mut impl Write, asked: &Asked, answer: &Answer) -> std::io::Result<()> {
    let (mut status, mut body) = (answer.status, &answer.body[..]);
    if answer.has_ranges {
        let range = asked.headers.get("range");
        let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'));
        let from: usize = from.and_then(|from| from.parse().ok()).unwrap_or(0);
        (status, body) = match body.get(from..).filter(|rest| !rest.is_empty()) {
            Some(rest) => (206, rest),
            None => (416, &b""[..]),
        };
    }
    write!(
        to,
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        body.len()
    )?;
    if let Some(location) = &answer.location {
        write!(to, "Location: {location}\r\n")?;
    }
    write!(to, "\r\n")?;
    to.write_all(body)?;
    to.flush()
}

fn serve(
    stream: TcpStream,
    script: &Mutex<Script>,
    asked: &Mutex<Vec<Asked>>,
    hook: &Mutex<Option<Hook>>,
) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read_request(&mut stream) else {
        return;
    };
    if let Some(hook) = &*hook.lock().unwrap() {
        hook(&request);
    }
    let answer = {
        let mut script = script.lock().unwrap();
        match script.get_mut(&request.line) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => status(404, &format!("Endpoint '{}' not found.", request.line)),
        }
    };
    asked.lock().unwrap().push(request.clone());
    // A client that has gone got what it wanted.
    let _ = write_answer(stream.get_mut(), &request, &answer);
}

/// What `/info` was recorded to say, to nobody.
pub const INFO: &str = include_str!("fixtures/info.json");

impl Server {
    /// One that knows `/info` alone.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (script, asked) = (
            Arc::<Mutex<Script>>::default(),
            Arc::<Mutex<Vec<Asked>>>::default(),
        );
        let (its_script, its_asked) = (Arc::clone(&script), Arc::clone(&asked));
        let hook = Arc::<Mutex<Option<Hook>>>::default();
        let its_hook = Arc::clone(&hook);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (script, asked) = (Arc::clone(&its_script), Arc::clone(&its_asked));
                let hook = Arc::clone(&its_hook);
                thread::spawn(move || serve(stream, &script, &asked, &hook));
            }
        });
        let server = Self {
            port,
            script,
            asked,
            hook,
            home: tempfile::tempdir().unwrap(),
        };
        server.says("GET /info", json(INFO));
        server
    }

    /// What it does when something is asked, before it answers.
    pub fn does(&self, hook: impl Fn(&Asked) + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    /// What it says to a request; again for the next answer to the same.
    pub fn says(&self, line: &str, answer: Answer) -> &Self {
        let mut script = self.script.lock().unwrap();
        script.entry(line.to_owned()).or_default().push(answer);
        self
    }

    /// It knows no answer to that any more.
    pub fn forgets(&self, line: &str) {
        self.script.lock().unwrap().remove(line);
    }

    /// A task that ended: its state, its log of events, what came out of it.
    pub fn has_task(&self, id: u64, state: &str, events: &str, result: &str) -> &Self {
        let document = serde_json::json!({"id": id, "state": state, "result": null});
        let output = |body: &str| Answer {
            has_ranges: true,
            ..json(body)
        };
        self.says(&format!("GET /tasks/{id}"), json(&document.to_string()));
        self.says(
            &format!("GET /tasks/{id}/output?type=event"),
            output(events),
        );
        self.says(
            &format!("GET /tasks/{id}/output?type=result"),
            output(result),
        )
    }

    /// A place of the test's.
    pub fn at(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> String {
        std::fs::write(self.at(name), text).unwrap();
        self.at(name).display().to_string()
    }

    /// All that was asked, without the reading of tasks and of `/info`.
    pub fn asked(&self) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap().clone();
        let is_told = |one: &Asked| !one.line.starts_with("GET /tasks/") && one.line != "GET /info";
        asked.into_iter().filter(is_told).collect()
    }

    /// The same, everything, as lines.
    pub fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|one| one.line).collect()
    }

    /// All that was asked, as lines: reading tasks and `/info` too.
    pub fn everything(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|one| one.line.clone()).collect()
    }

    /// A line for the executable that means this director.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(WARREN);
        command
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.home.path())
            // Whatever environment the machine has is not meant.
            .env("WARREN_HOME", self.home.path().join("none"))
            .env(
                "BOSH_ENVIRONMENT",
                format!("http://127.0.0.1:{}", self.port),
            )
            .current_dir(self.home.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs it as `admin`, asking nothing.
    pub fn run(&self, words: &[&str]) -> Ran {
        let mut command = self.command(words);
        command
            .env("BOSH_CLIENT", "admin")
            .env("BOSH_CLIENT_SECRET", "secret")
            .env("BOSH_NON_INTERACTIVE", "true");
        self.ran(command.output().unwrap())
    }

    /// What came of it, without the port.
    pub fn ran(&self, output: Output) -> Ran {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let text = text.replace(&format!("http://127.0.0.1:{}", self.port), "DIRECTOR");
            text.replace(&self.home.path().display().to_string(), "HOME")
        };
        Ran {
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }
}

/// Runs a command whose standard input says this.
pub fn told(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// What came of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// All that was printed, for people, between the first line and the last.
    #[track_caller]
    pub fn shown(&self) -> &str {
        assert_eq!(self.code, 0, "{self:#?}");
        let first = "Using environment 'DIRECTOR' as client 'admin'\n";
        let rest = self.out.strip_prefix(first);
        let rest = rest.and_then(|rest| rest.strip_suffix("\nSucceeded\n"));
        rest.unwrap_or_else(|| panic!("{self:#?}"))
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}
