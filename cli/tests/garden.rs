//! The executable as server, keeper and init of containers, and as the client that uses them.
//!
//! Needs root, and busybox (Debian: busybox-static).
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use warren_tests_harness::{Actor, Leaks, Ns, Output, RootfsTar, Sandbox};

const LONG: Duration = Duration::from_secs(30);

/// The client's side.
struct Client<'a> {
    actor: &'a Actor,
    socket: String,
}

impl Client<'_> {
    fn run(&self, words: &[&str]) -> Output {
        let all = [&["container", "--target", &self.socket], words].concat();
        self.actor.warren(&all)
    }

    /// Standard output of what must succeed.
    #[track_caller]
    fn done(&self, words: &[&str]) -> String {
        self.run(words).success().stdout
    }
}

#[test]
fn a_container_from_its_making_to_its_end() {
    let leaks = Leaks::snapshot();
    {
        let sandbox = Sandbox::new("cli-garden");
        sandbox.net().address("lo", "192.0.2.1/32");
        let actor = sandbox.actor_in("server").unshare(&[Ns::Mount]).spawn();
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name).display().to_string();
        let rootfs = RootfsTar::new();
        let config = format!(
            "[server]\nbind-socket = {}\ndepot = {}\ndefault-rootfs = {}\nexternal-ip = 192.0.2.1\n",
            path("socket"),
            path("depot"),
            rootfs.path().display()
        );
        std::fs::write(place.path().join("config.ini"), config).unwrap();
        let (settings, store, state) = (path("config.ini"), path("store"), path("state"));
        let server = actor.start_warren(&[
            "serve", "garden", "--config", &settings, "--store", &store, "--state", &state,
        ]);
        let client = Client {
            actor: &actor,
            socket: path("socket"),
        };
        let began = Instant::now();
        while client.run(&["ping"]).code != 0 {
            assert!(began.elapsed() < LONG, "{:?}", client.run(&["ping"]));
        }
        use_it(&client, place.path());
        let ended = server.finish(Some(Signal::TERM), LONG);
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(
            ended.stdout.starts_with("Serving containers on "),
            "{ended:?}"
        );
    }
    leaks.assert_same();
}

fn use_it(client: &Client<'_>, place: &Path) {
    let path = |name: &str| place.join(name).display().to_string();
    assert_eq!(
        client.done(&["create", "-n", "one", "-p", "--property", "a=b"]),
        "one\n"
    );
    assert_eq!(client.done(&["list", "-p", "a=b"]), "one\n");
    assert!(client.done(&["properties", "one"]).contains("a\tb\n"));

    let line = "echo out; echo err >&2; cat /proc/1/comm; exit 42";
    let ran = client.run(&["run", "one", "-a", "--", "sh", "-c", line]);
    let said = (ran.code, ran.stdout.as_str(), ran.stderr.as_str());
    assert_eq!(said, (42, "out\ngarden-init\n", "err\n"));
    let id = client.done(&["run", "one", "-c", "sh -c 'sleep 0.2; exit 7'"]);
    assert_eq!(client.run(&["attach", "one", "-p", id.trim()]).code, 7);

    std::fs::create_dir(place.join("site")).unwrap();
    std::fs::write(place.join("site/page"), "hello").unwrap();
    let (packed, from) = (path("in.tar"), path(""));
    client
        .actor
        .run(&["tar", "-C", &from, "-cf", &packed, "site"])
        .success();
    client.done(&["stream-in", "one", "-d", "/srv/www", "-f", &packed]);
    let ran = client.done(&["run", "one", "-a", "-c", "cat /srv/www/site/page"]);
    assert_eq!(ran, "hello");
    let out = path("out.tar");
    client.done(&["stream-out", "one", "-s", "/srv/www/", "-f", &out]);
    let names = client.actor.run(&["tar", "-tf", &out]).success().stdout;
    assert_eq!(names, "./\n./site/\n./site/page\n");
    // An absolute link leads where it does in the container, when the whole of it is the destination.
    client.done(&["run", "one", "-a", "-c", "ln -s /srv/www /link"]);
    std::fs::create_dir(place.join("link")).unwrap();
    std::fs::write(place.join("link/other"), "followed").unwrap();
    let through = path("through.tar");
    client
        .actor
        .run(&["tar", "-C", &from, "-cf", &through, "link/other"])
        .success();
    client.done(&["stream-in", "one", "-d", "/", "-f", &through]);
    let ran = client.done(&["run", "one", "-a", "-c", "cat /srv/www/other"]);
    assert_eq!(ran, "followed");
    // Not when it is a part of it.
    client.done(&["run", "one", "-a", "-c", "ln -s /srv/www /tmp/link"]);
    let ran = client.run(&["stream-in", "one", "-d", "/tmp", "-f", &through]);
    assert!(
        ran.code == 1 && ran.stderr.contains("cannot find the directory link"),
        "{ran:?}"
    );
    // Cut off in the middle of the file's header.
    let tar = std::fs::read(place.join("in.tar")).unwrap();
    std::fs::write(place.join("in.tar"), &tar[..700]).unwrap();
    let ran = client.run(&["stream-in", "one", "-d", "/srv/www", "-f", &packed]);
    assert!(
        ran.code == 1 && ran.stderr.contains("cut off at byte 700"),
        "{ran:?}"
    );

    let mapped = client.done(&["net-in", "one", "-p", "80", "--json"]);
    assert!(mapped.contains("\"container_port\": 80"), "{mapped}");
    assert!(client.done(&["info", "one"]).contains("to 80"));
    assert!(client.done(&["stats"]).contains("one "));

    client.done(&["destroy", "one"]);
    assert_eq!(client.done(&["list"]), "");
    let ran = client.run(&["info", "one"]);
    assert!(
        ran.code == 1 && ran.stderr.contains("unknown handle: one"),
        "{ran:?}"
    );
}
