//! The one way out of a machine that has no network: a proxy for packages.
//!
//! ```text
//! the machine: 127.0.0.1:PORT ── this process ── the network that tests run in, or its own proxy
//! ```
//!
//! Requests for `http://HOST/...` and tunnels (`CONNECT`) are all that installers need. Where the tests
//! themselves reach packages only by way of a proxy, of the environment or of `apt.conf`, this one
//! hands everything on to that.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use warren_tests_conformance::environment::Environment;

/// Longest head of a request.
const HEAD: u64 = 1 << 16;

/// Listens until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    listener: TcpListener,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy of this machine's; apt there is told of it.
    #[track_caller]
    pub fn new(environment: &Environment) -> Self {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = environment.machine.net().inside(bind).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let further = further();
        let thread = std::thread::spawn({
            let (listener, over) = (listener.try_clone().unwrap(), Arc::clone(&over));
            move || accept(&listener, &over, further)
        });
        tell_apt(environment, &address.to_string());
        Self {
            address,
            listener,
            over,
            thread: Some(thread),
        }
    }

    /// Lines of a shell script that tell programs of it.
    pub fn exports(&self) -> String {
        let all = ["http_proxy", "https_proxy"];
        all.map(|name| format!("export {name}=http://{}\n", self.address))
            .concat()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // A listener that is shut down accepts no more.
        _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(thread) = self.thread.take() {
            _ = thread.join();
        }
    }
}

/// `HOST:PORT` of the proxy that this process has to ask, if there is one.
fn further() -> Option<String> {
    let of_apt = Command::new("apt-config")
        .args(["shell", "found", "Acquire::http::Proxy"])
        .output();
    let of_apt = of_apt.ok().and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        Some(
            text.trim()
                .strip_prefix("found='")?
                .strip_suffix('\'')?
                .to_owned(),
        )
    });
    let found = of_apt.filter(|found| found != "DIRECT");
    let found = found.or_else(|| std::env::var("http_proxy").ok())?;
    let host = found.strip_prefix("http://").unwrap_or(&found);
    let host = host.trim_end_matches('/');
    assert!(
        !host.contains('@'),
        "a proxy that wants a password cannot be used here"
    );
    (!host.is_empty()).then(|| with_port(host, 3128))
}

/// What apt reads last says so, whatever its other files say.
#[track_caller]
fn tell_apt(environment: &Environment, address: &str) {
    let own = environment.at("apt.conf");
    let main = Path::new("/etc/apt/apt.conf");
    let folder = Path::new("/etc/apt/apt.conf.d");
    let mut text = fs::read_to_string(main).unwrap_or_default();
    for scheme in ["http", "https"] {
        text += &format!("\nAcquire::{scheme}::Proxy \"http://{address}\";\n");
    }
    let (own, over) = match main.exists() {
        true => {
            fs::write(&own, text).unwrap();
            (own, main)
        }
        false => {
            environment.shell(&format!("cp -R {} {}", folder.display(), own.display()));
            fs::write(own.join("zz-of-this-test"), text).unwrap();
            (own, folder)
        }
    };
    environment.shell(&format!(
        "mount --bind {} {}",
        own.display(),
        over.display()
    ));
}

fn accept(listener: &TcpListener, over: &AtomicBool, further: Option<String>) {
    let further: Arc<Option<String>> = Arc::new(further);
    for client in listener.incoming() {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let Ok(client) = client else { continue };
        let further = Arc::clone(&further);
        // Who asked sees that it ends, and says so.
        std::thread::spawn(move || {
            if let Err(error) = serve(&client, (*further).as_deref()) {
                eprintln!("proxy: {error}");
                _ = client.shutdown(Shutdown::Both);
            }
        });
    }
}

/// One connection: all of its requests are for one host, or one tunnel.
fn serve(client: &TcpStream, further: Option<&str>) -> io::Result<()> {
    let mut requests = BufReader::new(client);
    let Some(head) = head(&mut requests)? else {
        return Ok(());
    };
    let (host, tunnel) = asked(&head)?;
    let server = TcpStream::connect(further.unwrap_or(&host))?;
    std::thread::scope(|scope| {
        let answers = scope.spawn(|| {
            if tunnel && further.is_none() {
                (&*client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            }
            let done = io::copy(&mut &server, &mut &*client);
            _ = client.shutdown(Shutdown::Write);
            done
        });
        let done = send(&mut requests, head, &server, (&host, tunnel), further);
        _ = server.shutdown(Shutdown::Write);
        // What the other side closes in the middle is asked for again by whoever wants it.
        _ = answers.join();
        done
    })
}

fn send(
    requests: &mut impl BufRead,
    first: String,
    mut server: &TcpStream,
    (host, tunnel): (&str, bool),
    further: Option<&str>,
) -> io::Result<()> {
    let mut next = Some(first);
    while let Some(head) = next {
        if asked(&head)?.0 != host {
            return Err(io::Error::other(format!("{host}, and then: {head}")));
        }
        match (further, tunnel) {
            (Some(_), _) => server.write_all(head.as_bytes())?,
            (None, true) => {}
            (None, false) => server.write_all(direct(&head).as_bytes())?,
        }
        if tunnel {
            return io::copy(requests, &mut server).map(drop);
        }
        next = self::head(requests)?;
    }
    Ok(())
}

/// Lines up to the first empty one; none at the end.
fn head(requests: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    let mut limited = requests.take(HEAD);
    while !head.ends_with("\r\n\r\n") {
        if limited.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head))
}

/// `HOST:PORT`, and whether it is a tunnel.
fn asked(head: &str) -> io::Result<(String, bool)> {
    let mut words = head.split(' ');
    match (words.next(), words.next()) {
        (Some("CONNECT"), Some(target)) => Ok((with_port(target, 443), true)),
        (Some("GET" | "HEAD"), Some(target)) if target.starts_with("http://") => {
            let host = target.split('/').nth(2).unwrap_or_default();
            Ok((with_port(host, 80), false))
        }
        _ => Err(io::Error::other(format!(
            "a request of no use here: {head}"
        ))),
    }
}

fn with_port(host: &str, port: u16) -> String {
    match host.rsplit_once(':') {
        Some((_, number)) if number.parse::<u16>().is_ok() => host.to_owned(),
        _ => format!("{host}:{port}"),
    }
}

/// A request as the server itself gets it.
fn direct(head: &str) -> String {
    match head.split_once("http://") {
        Some((method, rest)) => {
            let path = rest.find(['/', ' ']).map_or("", |at| &rest[at..]);
            let slash = if path.starts_with('/') { "" } else { "/" };
            format!("{method}{slash}{path}")
        }
        None => head.to_owned(),
    }
}

#[test]
fn a_request_says_where_to() {
    let rest = "HTTP/1.1\r\nHost: h\r\n\r\n";
    for (request, host, tunnel, sent) in [
        ("GET http://h/a?b", "h:80", false, "GET /a?b"),
        ("GET http://h:8080/a", "h:8080", false, "GET /a"),
        ("HEAD http://h", "h:80", false, "HEAD /"),
        ("CONNECT h:443", "h:443", true, "CONNECT h:443"),
    ] {
        let head = format!("{request} {rest}");
        assert_eq!(asked(&head).unwrap(), (host.to_owned(), tunnel));
        assert_eq!(direct(&head), format!("{sent} {rest}"));
    }
    for wrong in ["", "GET /a", "POST http://h/", "GET ftp://h/"] {
        assert!(asked(wrong).is_err(), "{wrong}");
    }
}
