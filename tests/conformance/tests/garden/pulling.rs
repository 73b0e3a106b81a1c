//! While an image is on its way nothing else waits for it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use warren_container_rootfs::layer::Digest;
use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, shell};
use warren_tests_conformance::said;
use warren_wire_garden::container::{ContainerSpec, ImageRef, Properties};
use warren_wire_garden::process::ProcessSpec;

use crate::image::archive;
use crate::pea::{pea, wait_until_nothing_is_left};

const PATIENCE: Duration = Duration::from_secs(60);

/// An image whose last layer comes only when it is let go. One pull of it can be held.
struct Held {
    uri: String,
    asked: Receiver<()>,
    go: Sender<()>,
}

impl Held {
    #[track_caller]
    fn new(server: &Server) -> Self {
        let layer = archive(server.directory(), "held.tar", &[("held", "yes")]);
        let layer = std::fs::read(layer).unwrap();
        let digest = Digest::of(&layer).hex();
        let listener = server.net().inside(|| TcpListener::bind("127.0.0.1:5001"));
        let listener = listener.unwrap();
        let (told, asked) = channel();
        let (go, held) = channel();
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            told.send(()).unwrap();
            // A test that has failed lets it go as well.
            _ = held.recv();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", layer.len());
            _ = (&stream).write_all(head.as_bytes());
            _ = (&stream).write_all(&layer);
        });
        let uri = format!(
            "preloaded+layer:{}?layer=http%3A%2F%2F127.0.0.1:5001%2Fheld&layer_path=/\
             &layer_digest={digest}",
            server.rootfs.path().display()
        );
        Self { uri, asked, go }
    }

    /// Waits until somebody pulls it.
    #[track_caller]
    fn wait(&self) {
        self.asked.recv_timeout(PATIENCE).unwrap();
    }

    fn spec(&self, handle: &str) -> ContainerSpec {
        ContainerSpec {
            handle: handle.to_owned(),
            image: ImageRef {
                uri: self.uri.clone(),
                ..ImageRef::default()
            },
            ..ContainerSpec::default()
        }
    }
}

/// Does something that has to be possible meanwhile.
#[track_caller]
fn meanwhile<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = channel();
    std::thread::spawn(move || _ = done.send(work()));
    match outcome.recv_timeout(PATIENCE) {
        Ok(outcome) => outcome,
        Err(_) => panic!("{what} waits for the pull"),
    }
}

fn with_state(state: &str) -> Properties {
    Properties::from([("garden.state".to_owned(), state.to_owned())])
}

#[test]
fn a_container_is_not_listed_before_it_is_whole_whatever_its_client_says() {
    let server = Server::new();
    let held = Held::new(&server);
    let mut spec = held.spec("half");
    spec.properties = with_state("created");
    let client = server.client();
    let making = std::thread::spawn(move || client.create(&spec));
    held.wait();
    let client = server.client();
    let list = |filter: &Properties| client.list(filter).unwrap();
    assert_eq!(list(&Properties::new()), [""; 0]);
    assert_eq!(list(&with_state("created")), [""; 0]);
    assert_eq!(list(&with_state("all")), ["half"]);
    held.go.send(()).unwrap();
    assert_eq!(making.join().unwrap().unwrap(), "half");
    assert_eq!(list(&Properties::new()), ["half"]);
    assert_eq!(list(&with_state("created")), ["half"]);
}

#[test]
fn a_container_can_be_destroyed_while_its_image_is_pulled() {
    let server = Server::new();
    let held = Held::new(&server);
    let (client, spec) = (server.client(), held.spec("again"));
    let making = std::thread::spawn(move || client.create(&spec));
    held.wait();
    let client = server.client();
    meanwhile("DELETE", move || client.destroy("again")).unwrap();
    // The handle is free, and what comes late of the first does not touch the second.
    let (client, spec) = (server.client(), server.spec("again"));
    meanwhile("another container", move || client.create(&spec)).unwrap();
    held.go.send(()).unwrap();
    let error = making.join().unwrap().map_err(said).unwrap_err();
    assert!(error.contains("destroyed while"), "{error}");
    let client = server.client();
    let process = client.run("again", &shell("root", "exit 7"), Streams::default());
    assert_eq!(process.unwrap().wait().unwrap(), 7);
    client.destroy("again").unwrap();
}

#[test]
fn a_process_that_pulls_its_image_holds_up_no_other_and_not_its_containers_end() {
    let server = Server::new();
    let held = Held::new(&server);
    let container = server.container();
    let pulling = ProcessSpec {
        image: held.spec("").image,
        ..shell("", "true")
    };
    let (client, handle) = (server.client(), container.handle().to_owned());
    let starting = std::thread::spawn(move || {
        let started = client.run(&handle, &pulling, Streams::default());
        started.map(drop).map_err(said)
    });
    held.wait();
    let (client, handle) = (server.client(), container.handle().to_owned());
    let other = pea(&server, "exit 3");
    let status = meanwhile("another process", move || {
        let process = client.run(&handle, &other, Streams::default()).unwrap();
        process.wait().unwrap()
    });
    assert_eq!(status, 3);
    // What it leaves is cleared away meanwhile, too.
    wait_until_nothing_is_left(&server);
    let (client, handle) = (server.client(), container.handle().to_owned());
    meanwhile("DELETE", move || client.destroy(&handle)).unwrap();
    held.go.send(()).unwrap();
    let error = starting.join().unwrap().unwrap_err();
    assert!(error.contains("unknown handle"), "{error}");
    wait_until_nothing_is_left(&server);
}
