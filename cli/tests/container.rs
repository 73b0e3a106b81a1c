//! `warren container` and `gaol` beside a server that says exact bytes.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use support::{WARREN, warren};

const LONG: Duration = Duration::from_secs(30);

/// What is said on one connection, and when.
type Script = Box<dyn FnOnce(&mut TcpStream) + Send>;

/// Plays one script for each connection; tells the requests' first lines and bodies.
struct Server {
    target: String,
    requests: Receiver<(String, String)>,
}

impl Server {
    fn new(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let target = listener.local_addr().unwrap().to_string();
        let (tell, requests) = channel();
        std::thread::spawn(move || {
            for script in scripts {
                let (mut stream, _) = listener.accept().unwrap();
                tell.send(request(&mut stream)).unwrap();
                std::thread::spawn(move || script(&mut stream));
            }
        });
        Self { target, requests }
    }

    fn answering(answers: &[(u16, &str)]) -> Self {
        let script = |(status, body): &(u16, &str)| -> Script {
            let length = body.len();
            let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            Box::new(move |stream| stream.write_all(text.as_bytes()).unwrap())
        };
        Self::new(answers.iter().map(script).collect())
    }

    fn request(&self) -> (String, String) {
        self.requests.recv_timeout(LONG).unwrap()
    }

    fn run(&self, words: &[&str]) -> support::Ran {
        warren(&[&["container", "--target", &self.target], words].concat())
    }
}

fn request(stream: &mut TcpStream) -> (String, String) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line == "\r\n" {
            break;
        }
        if let Some(text) = line.strip_prefix("Content-Length: ") {
            length = text.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let first = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    (first, String::from_utf8(body).unwrap())
}

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const STARTED: &str = "{\"process_id\":\"p1\",\"stream_id\":\"s\"}\n";

fn say(text: String) -> Script {
    Box::new(move |stream| stream.write_all(text.as_bytes()).unwrap())
}

#[test]
fn create_says_all_it_is_told_and_prints_the_handle() {
    let server = Server::answering(&[(200, "{\"Handle\":\"web\"}")]);
    let ran = server.run(&[
        "create",
        "-n",
        "web",
        "-r",
        "docker:///busybox",
        "-e",
        "A=1",
        "-e",
        "B=2",
        "-g",
        "1m30s",
        "-p",
        "--network",
        "10.1.2.3/30",
        "-m",
        "/a:/b",
        "-m",
        "/c:/d:ro",
        "-k",
        "1000",
        "--property",
        "x=y=z",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "web\n"), "{ran:?}");
    let (first, body) = server.request();
    assert_eq!(first, "POST /containers");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    let expected = serde_json::json!({
        "handle": "web",
        "image": {"uri": "docker:///busybox"},
        "env": ["A=1", "B=2"],
        "grace_time": 90_000_000_000u64,
        "privileged": true,
        "network": "10.1.2.3/30",
        "bind_mounts": [
            {"src_path": "/a", "dst_path": "/b", "mode": 1},
            {"src_path": "/c", "dst_path": "/d"},
        ],
        "properties": {"x": "y=z"},
        "limits": {
            "bandwidth_limits": {}, "cpu_limits": {}, "disk_limits": {}, "pid_limits": {},
            "memory_limits": {"limit_in_bytes": 1000},
        },
    });
    assert_eq!(body, expected);
}

#[test]
fn a_registry_password_comes_from_the_environment() {
    let server = Server::answering(&[(200, "{\"Handle\":\"web\"}")]);
    let line = format!(
        "exec $WARREN container -t {} create --username u",
        server.target
    );
    let ran = support::shell(&["env", "-u", "WARREN_REGISTRY_PASSWORD"], &line);
    assert!(
        ran.code == 2 && ran.err.contains("WARREN_REGISTRY_PASSWORD is not set"),
        "{ran:?}"
    );
    let ran = support::shell(&["env", "WARREN_REGISTRY_PASSWORD=secret"], &line);
    assert_eq!(ran.code, 0, "{ran:?}");
    let (_, body) = server.request();
    assert!(
        body.contains(r#""image":{"username":"u","password":"secret"}"#),
        "{body}"
    );
}

/// The command line, the answers to its requests, what it prints, and the first request.
type Case<'a> = (&'a [&'a str], &'a [(u16, &'a str)], &'a str, &'a str);

#[test]
fn results_as_text_and_as_json() {
    let cases: [Case<'_>; 7] = [
        (
            &["list"],
            &[(200, r#"{"Handles":["a","b"]}"#)],
            "a\nb\n",
            "GET /containers",
        ),
        (
            &["list", "-v", "-p", "k=v", "--separator", "--\n"],
            &[(200, r#"{"Handles":["a"]}"#), (200, r#"{"x":"y"}"#)],
            "a\n  x=y\n--\n",
            "GET /containers?k=v",
        ),
        (
            &["properties", "a"],
            &[(200, r#"{"x":"y"}"#), (200, r#"{"limit_in_bytes":7}"#)],
            "x\ty\nmemory.limit\t7 bytes\n",
            "GET /containers/a/properties",
        ),
        (
            &["net-in", "a", "-p", "80"],
            &[(200, r#"{"host_port":61001,"container_port":80}"#)],
            "127.0.0.1:61001\n",
            "POST /containers/a/net/in",
        ),
        (
            &[
                "net-out",
                "a",
                "-p",
                "tcp",
                "--ip-start",
                "10.0.0.1",
                "--ip-end",
                "10.0.0.2",
                "--port-start",
                "1",
                "--port-end",
                "2",
            ],
            &[(200, "{}")],
            "applied\n",
            "POST /containers/a/net/out",
        ),
        (
            &["set-gracetime", "a", "-g", "500ms"],
            &[(200, "{}")],
            "",
            "PUT /containers/a/grace_time",
        ),
        (
            &["property", "a", "x"],
            &[(200, r#"{"value":"y"}"#)],
            "y\n",
            "GET /containers/a/properties/x",
        ),
    ];
    for (words, answers, text, first) in cases {
        let server = Server::answering(answers);
        let ran = server.run(words);
        assert_eq!(
            (ran.code, ran.out.as_str()),
            (0, text),
            "{words:?}: {ran:?}"
        );
        assert_eq!(server.request().0, first);
        let server = Server::answering(answers);
        let ran = server.run(&[words, &["--json"]].concat());
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.json();
    }
}

#[test]
fn info_stats_and_capacity() {
    let info = r#"{"State":"active","ContainerIP":"10.1.2.3","MappedPorts":[{"HostPort":1,"ContainerPort":2}]}"#;
    let ran = Server::answering(&[(200, info)]).run(&["info", "a"]);
    assert!(
        ran.out.contains("10.1.2.3") && ran.out.contains("1 to 2"),
        "{ran:?}"
    );
    let metrics =
        r#"{"a":{"Metrics":{"CPUStat":{"Usage":1500000000},"PidStat":{"Current":3}},"Err":null}}"#;
    let all = [(200, r#"{"Handles":["a"]}"#), (200, metrics)];
    let ran = Server::answering(&all).run(&["stats"]);
    assert!(ran.code == 0 && ran.out.contains("1.5 s"), "{ran:?}");
    let failed = [(200, r#"{"a":{"Metrics":{},"Err":{"Message":"gone"}}}"#)];
    let ran = Server::answering(&failed).run(&["stats", "a"]);
    assert!(
        ran.code == 1 && ran.out.contains("unknown: gone"),
        "{ran:?}"
    );
    let ran = Server::answering(&[(200, r#"{"memory_in_bytes":5}"#)]).run(&["capacity", "--json"]);
    assert_eq!(ran.json()["memory_in_bytes"], 5);
}

#[test]
fn run_prints_an_id_and_leaves() {
    let server = Server::new(vec![say(format!("{HEAD}{STARTED}"))]);
    let ran = server.run(&[
        "run",
        "a",
        "-c",
        "ls -l 'some where'",
        "-u",
        "vcap",
        "-d",
        "/tmp",
    ]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "p1\n"), "{ran:?}");
    let (_, body) = server.request();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["path"], "ls");
    assert_eq!(body["args"], serde_json::json!(["-l", "some where"]));
    assert_eq!(
        (&body["user"], &body["dir"]),
        (&"vcap".into(), &"/tmp".into())
    );
    assert!(body.get("tty").is_none());
}

#[test]
fn attached_it_passes_on_all_streams_and_ends_alike() {
    let (tell, told) = channel();
    let control: Script = Box::new(move |stream| {
        stream
            .write_all(format!("{HEAD}{STARTED}").as_bytes())
            .unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        for _ in 0..2 {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            tell.send(line).unwrap();
        }
        stream
            .write_all(b"{\"process_id\":\"p1\",\"exit_status\":143}\n")
            .unwrap();
    });
    let server = Server::new(vec![
        control,
        say(format!("{HEAD}out\n")),
        say(format!("{HEAD}err\n")),
    ]);
    let line = format!(
        "echo typed | $WARREN container -t {} run a -a -- prog --flag",
        server.target
    );
    let ran = support::shell(&[], &line);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (143, "out\n", "err\n")
    );
    assert!(
        told.recv_timeout(LONG)
            .unwrap()
            .contains("\"data\":\"typed\\n\"")
    );
    assert_eq!(
        told.recv_timeout(LONG).unwrap(),
        "{\"process_id\":\"p1\",\"source\":0}\n"
    );
    let (first, body) = server.request();
    assert_eq!(first, "POST /containers/a/processes");
    assert!(
        body.contains(r#""path":"prog","args":["--flag"]"#),
        "{body}"
    );
}

#[test]
fn a_shell_has_the_size_of_the_terminal_and_follows_it() {
    // script(1) makes the terminal; the server changes its size by telling the shell that runs
    // there: the command line waits for the file that says so.
    let place = std::env::temp_dir().join(format!("warren-test-{}-resize", std::process::id()));
    let (tell, told) = channel();
    let go = place.clone();
    let control: Script = Box::new(move |stream| {
        stream
            .write_all(format!("{HEAD}{STARTED}").as_bytes())
            .unwrap();
        std::fs::write(&go, "").unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return;
            }
            // stty sets the two one after the other.
            let is_last = line.contains("\"columns\":99,\"rows\":40");
            tell.send(line).unwrap();
            if is_last {
                break;
            }
        }
        stream
            .write_all(b"{\"process_id\":\"p1\",\"exit_status\":7}\n")
            .unwrap();
    });
    let server = Server::new(vec![control, say(format!("{HEAD}$ "))]);
    let inside = format!(
        "stty cols 80 rows 30; before=$(stty -g); terminal=$(tty); \
         (while [ ! -e {file} ]; do sleep 0.05; done; stty cols 99 rows 40 < $terminal) & \
         '{WARREN}' container -t {target} shell a -u vcap; code=$?; wait; \
         [ \"$before\" = \"$(stty -g)\" ] || echo 'the terminal is not as before'; exit $code",
        file = place.display(),
        target = server.target,
    );
    let output = Command::new("timeout")
        .args(["30", "script", "-qec", &inside, "/dev/null"])
        .env("TERM", "vt100")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let _ = std::fs::remove_file(&place);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(7), "{text}");
    assert!(
        text.contains("$ ") && !text.contains("not as before"),
        "{text}"
    );
    let (_, body) = server.request();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["path"], "/bin/sh");
    assert_eq!(body["args"], serde_json::json!(["-l"]));
    assert_eq!(body["env"], serde_json::json!(["TERM=vt100"]));
    assert_eq!(
        body["tty"]["window_size"],
        serde_json::json!({"columns": 80, "rows": 30})
    );
    let lines: Vec<String> = told.try_iter().collect();
    let last = lines.last().unwrap();
    assert!(last.contains("\"columns\":99,\"rows\":40"), "{lines:?}");
}

#[test]
fn called_as_gaol_it_is_gaol() {
    let server = Server::answering(&[(200, r#"{"Handles":["a"]}"#)]);
    let output = Command::new(WARREN)
        .arg0("/usr/bin/gaol")
        .arg("list")
        .env("GAOL_TARGET", &server.target)
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"a\n", "{output:?}");
    let server = Server::answering(&[(200, "{}")]);
    let output = Command::new(WARREN)
        .arg0("gaol")
        .args(["-t", &server.target, "ping"])
        .env("GAOL_TARGET", "/nowhere")
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
}

#[test]
fn errors_say_what_to_do() {
    let ran = warren(&["container", "-t", "/no/such.sock", "destroy", "a"]);
    assert_eq!(ran.code, 1);
    let said = "cannot destroy container a: cannot reach the Garden server at /no/such.sock: ";
    assert!(
        ran.err.contains(said) && ran.err.contains("warren serve garden"),
        "{}",
        ran.err
    );
    // Where there is an environment its servers are meant, most likely.
    let home = tempfile::tempdir().unwrap();
    let record = r#"{"name":"warren","depth":1,"database":"sqlite","database_password":"","bpm":false,
        "tag":"u","machines":[10,244],"levels":[10,255],"image":"i","addresses":[]}"#;
    std::fs::write(home.path().join("environment.json"), record).unwrap();
    let mut list = Command::new(WARREN);
    list.args(["container", "-t", "/no/such.sock", "list"]);
    let output = list.env("WARREN_HOME", home.path()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let next = home.path().join("next/garden.sock");
    assert!(told.contains(&format!(" {} ", next.display())), "{told}");
    let body = r#"{"Type":"ContainerNotFoundError","Message":"unknown handle: a","Handle":"a"}"#;
    let ran = Server::answering(&[(404, body)]).run(&["info", "a", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(
        error["error"],
        "cannot ask about container a: unknown handle: a"
    );
    assert!(
        error["remedy"]
            .as_str()
            .unwrap()
            .contains("warren container list")
    );
    for words in [
        ["create", "-m", "/a", "", ""],
        ["create", "-g", "soon", "", ""],
        ["run", "a", "-c", "ls 'x", ""],
        ["run", "a", "", "", ""],
        ["net-out", "a", "-p", "sctp", ""],
    ] {
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        let ran = warren(&[&["container"], words.as_slice()].concat());
        assert_eq!(ran.code, 2, "{words:?}: {ran:?}");
    }
}
