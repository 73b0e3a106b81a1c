//! Debian's monit beside us, on the same control file.

use std::process::{Child, Command, Stdio};

use crate::world::{STEADY, World, end, eventually, field, tool};

struct Monit<'a>(Child, &'a World);

impl Monit<'_> {
    fn start(world: &World) -> Monit<'_> {
        let monit = tool("/usr/bin/monit");
        let child = Command::new(monit)
            .args(["-I", "-c"])
            .arg(world.control_file())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let monit = Monit(child, world);
        eventually("monit answers", || world.xml().contains("<monit id="));
        monit
    }
}

impl Drop for Monit<'_> {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
        // It keeps its state in another form.
        let _ = std::fs::remove_file(self.1.path("state"));
    }
}

/// Each service's own elements, in order.
fn shape(xml: &str, service: &str) -> Vec<String> {
    let (_, rest) = xml
        .split_once(&format!("<service name=\"{service}\">"))
        .unwrap();
    let (inside, _) = rest.split_once("</service>").unwrap();
    let tags = inside
        .split('<')
        .skip(1)
        .filter(|tag| !tag.starts_with('/'));
    tags.map(|tag| tag.split('>').next().unwrap().to_owned())
        .collect()
}

/// What both say after a while, with the same files.
fn both(world: &World, ready: impl Fn(&str) -> bool) -> [String; 2] {
    let peer = {
        let _monit = Monit::start(world);
        eventually("monit has come so far", || ready(&world.xml()));
        world.xml()
    };
    let _served = world.serve();
    eventually("we have come so far", || ready(&world.xml()));
    [peer, world.xml()]
}

#[test]
fn the_status_says_the_same() {
    let world = World::new();
    world.job("1_a", &world.service("a", STEADY, ""));
    world.job("0_b", &world.service("b", STEADY, "depends on a"));
    let passive = "check process gone with pidfile /nonexistent/x\n mode passive\n group vcap\n group \
        others";
    world.job("2_gone", passive);
    let is = |xml: &str, name: &str, element: &str, value: &str| {
        field(xml, name, element).as_deref() == Some(value)
    };
    let [peer, ours] = both(&world, |xml| {
        is(xml, "a", "monitor", "1")
            && is(xml, "b", "monitor", "1")
            && is(xml, "a", "status", "0")
            && is(xml, "b", "status", "0")
            && is(xml, "gone", "status", "512")
            && field(xml, "b", "pid").is_some()
    });
    for name in ["a", "b", "gone"] {
        for element in [
            "type",
            "status",
            "status_hint",
            "monitor",
            "monitormode",
            "pendingaction",
            "pid",
            "ppid",
            "children",
        ] {
            let (peer, ours) = (field(&peer, name, element), field(&ours, name, element));
            assert_eq!(peer, ours, "{name} {element}");
        }
        // Debian's is newer: it says all that we say, in the same order, and more between.
        let (peer, ours) = (shape(&peer, name), shape(&ours, name));
        let mut left = peer.iter();
        for element in ours
            .iter()
            .filter(|element| !element.starts_with("status_message"))
        {
            // This one has CDATA inside.
            if element.starts_with('!') {
                continue;
            }
            assert!(
                left.any(|other| other == element),
                "{element}: {ours:?} in {peer:?}"
            );
        }
    }
    let group = |xml: &str| {
        let (_, rest) = xml.split_once("<servicegroup name=\"vcap\">").unwrap();
        let mut members: Vec<String> = rest
            .split_once("</servicegroup>")
            .unwrap()
            .0
            .split("</service>")
            .map(|each| each.replace("<service>", ""))
            .filter(|each| !each.is_empty())
            .collect();
        members.sort();
        members
    };
    assert_eq!(group(&peer), group(&ours));
}

#[test]
fn the_same_files_are_refused() {
    let world = World::new();
    for (text, good) in [
        (
            "check process a with pidfile /a\n start program \"/bin/true\" as uid root and gid root with timeout 3 seconds\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if totalmem > 50 MB for 3 cycles then alert\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if cpu > 90 % for 3 cycles then restart\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if 3 restarts within 5 cycles then timeout\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if failed host 127.0.0.1 port 1 protocol http\n and request \"/x\" with timeout 5 seconds for 3 cycles then restart\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if failed unixsocket /x with timeout 5 seconds for 12 cycles then restart\n",
            true,
        ),
        (
            "check process a with pidfile /a\n depends on b\ncheck process b with pidfile /b\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if loadavg(1min) > 4 then alert\n",
            true,
        ),
        (
            "check process a with pidfile /a\n if does not exist for 3 cycles then alert\n",
            true,
        ),
        (
            "check file a with path /a\n if size > 100 MB then alert\n",
            true,
        ),
        ("check process a with pidfile /a\n depends on c\n", false),
        (
            "check process a with pidfile /a\n depends on b\ncheck process b with pidfile /b\n depends on a\n",
            false,
        ),
        (
            "check process a with pidfile /a\ncheck process a with pidfile /b\n",
            false,
        ),
        (
            "check process a with pidfile /a\n frobnicate \"/bin/true\"\n",
            false,
        ),
        (
            "check process a with pidfile /a\n if cpu > 90% for cycles then restart\n",
            false,
        ),
        ("check process a with pidfile\n", false),
    ] {
        world.job("a", text);
        let peer = Command::new(tool("/usr/bin/monit"))
            .args(["-t", "-c"])
            .arg(world.control_file())
            .output()
            .unwrap();
        let (code, _, err) = world.monit(&["-t"]);
        assert_eq!(peer.status.success(), good, "{text}: {peer:?}");
        assert_eq!(code == 0, good, "{text}: {err}");
    }
}

#[test]
fn we_are_no_slower_to_start_again() {
    let world = World::new();
    world.job("a", &world.service("a", STEADY, ""));
    let mut took = Vec::new();
    let measure = |what: &str| {
        let age = || field(&world.xml(), "a", "uptime").and_then(|text| text.parse::<u64>().ok());
        eventually("it has run for a while", || {
            age().is_some_and(|age| age >= 3)
        });
        let pid = world.pid("a").unwrap();
        let began = std::time::Instant::now();
        end(pid);
        eventually("it runs again", || {
            world.pid("a").is_some_and(|now| now != pid)
        });
        println!("{what}: {:?}", began.elapsed());
        began.elapsed()
    };
    {
        let _monit = Monit::start(&world);
        took.push(measure("monit, cycles of 1 s"));
    }
    let _served = world.serve();
    took.push(measure("ours, cycles of 1 s"));
    assert_eq!(took.len(), 2);
}
