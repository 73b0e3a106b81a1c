//! Updates by other processes: killed at any moment, or with fewer capabilities.
//!
//! Without the usual harness, because the file is also the program those processes run.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use common::{Cgroup, ids, program};
use warren_sys_devicefilter::attach::{ProgramRef, Record};
use warren_sys_devicefilter::{Owned, bpf, install, update};

const ROUNDS: u64 = 80;
const RULES: &[&str] = &["+c 1:3 rwm"];

/// One JSON file, replaced whole.
struct FileRecord(PathBuf);

impl Record for FileRecord {
    fn load(&mut self) -> std::io::Result<Option<Owned>> {
        match std::fs::read(&self.0) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&mut self, owned: &Owned) -> std::io::Result<()> {
        let new = self.0.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(&serde_json::to_vec(owned)?)?;
        std::fs::rename(new, &self.0)
    }
}

/// A second program of ours, recorded as an interrupted update leaves it: each update after this
/// replaces one and detaches one.
fn leave_another(cgroup: &Path, record: &mut FileRecord) {
    let second = bpf::load(&program(RULES)).unwrap();
    let info = second.info();
    let (id, tag, loaded_at_ns) = (info.id, info.tag.clone(), info.loaded_at_ns);
    let mut owned = record.load().unwrap().unwrap();
    owned.programs.push(ProgramRef {
        id,
        tag,
        loaded_at_ns,
    });
    record.save(&owned).unwrap();
    bpf::attach(File::open(cgroup).unwrap().as_fd(), second.as_fd()).unwrap();
}

/// Runs as a process of its own; what it prints is the test's to read.
fn other_process(verb: &str, cgroup: &Path, record: &Path) {
    let mut record = FileRecord(record.to_owned());
    let dir = File::open(cgroup).unwrap();
    match verb {
        "update-for-ever" => loop {
            update(dir.as_fd(), &program(RULES), &mut record).unwrap();
            leave_another(cgroup, &mut record);
            // Whoever kills it waits for the first one.
            let _no_longer = std::io::stdout().write_all(b".");
            let _no_longer = std::io::stdout().flush();
        },
        "update" => match update(dir.as_fd(), &program(RULES), &mut record) {
            Ok(report) => println!("leftover {:?}", report.leftover),
            Err(error) => println!("{error}"),
        },
        verb => panic!("no verb {verb}"),
    }
}

fn killed_at_any_moment() {
    let cgroup = Cgroup::v2("killed");
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("owned.json");
    let mut record = FileRecord(path.clone());
    install(cgroup.dir().as_fd(), &program(RULES), &mut record).unwrap();
    let mut extra = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .arg("update-for-ever")
            .args([&cgroup.path, &path])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // In half of the rounds it is well at work; in the others it may not even have begun.
        if round % 2 == 0 {
            let mut stdout = child.stdout.take().unwrap();
            stdout.read_exact(&mut [0]).unwrap();
        }
        std::thread::sleep(Duration::from_micros(round * 313));
        child.kill().unwrap();
        child.wait().unwrap();

        let attached = ids(&cgroup.path);
        let owned = record.load().unwrap().unwrap();
        let named: Vec<u32> = owned.programs.iter().map(|program| program.id).collect();
        assert!(!attached.is_empty(), "round {round}: no filter");
        assert!(
            attached.iter().all(|id| named.contains(id)),
            "{attached:?} not in {named:?}"
        );
        extra += attached.len() - 1;
    }
    let report = update(cgroup.dir().as_fd(), &program(RULES), &mut record).unwrap();
    assert_eq!(ids(&cgroup.path), [report.owned.programs[0].id]);
    assert!(
        extra > 0,
        "no kill ever left an extra program: the test tests nothing"
    );
    println!("test killed_at_any_moment ({ROUNDS} kills, {extra} extra programs) ... ok");
}

/// Without CAP_SYS_ADMIN programs cannot be opened by id, so old ones stay, recorded; without
/// CAP_BPF the error says what is needed.
fn with_fewer_capabilities() {
    let cgroup = Cgroup::v2("caps");
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("owned.json");
    let mut record = FileRecord(path.clone());
    let installed = install(cgroup.dir().as_fd(), &program(RULES), &mut record).unwrap();
    let old = installed.owned.programs[0].id;
    let update_without = |capabilities: &str| {
        let output = Command::new("setpriv")
            .arg(format!("--bounding-set={capabilities}"))
            .arg(std::env::current_exe().unwrap())
            .arg("update")
            .args([&cgroup.path, &path])
            .output()
            .expect("this test needs setpriv: apt-get install util-linux");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(update_without("-sys_admin"), format!("leftover [{old}]\n"));
    assert_eq!((ids(&cgroup.path)[0], ids(&cgroup.path).len()), (old, 2));
    let words = update_without("-sys_admin,-bpf");
    assert!(words.contains("needs CAP_BPF and CAP_NET_ADMIN"), "{words}");
    assert_eq!(ids(&cgroup.path).len(), 2);
    update(cgroup.dir().as_fd(), &program(RULES), &mut record).unwrap();
    assert_eq!(ids(&cgroup.path).len(), 1);
    println!("test with_fewer_capabilities ... ok");
}

fn main() {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if let [verb, cgroup, record] = args.as_slice() {
        return other_process(verb.to_str().unwrap(), cgroup.as_ref(), record.as_ref());
    }
    killed_at_any_moment();
    with_fewer_capabilities();
}
