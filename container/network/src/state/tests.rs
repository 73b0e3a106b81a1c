//! The directory after crashes, and in wrong hands.

use super::*;
use crate::record::Phase;
use crate::subnet::Lease;

fn record(handle: &str) -> Record {
    Record {
        handle: handle.to_owned(),
        phase: Phase::Creating,
        request: String::new(),
        lease: Lease {
            subnet: "10.254.0.0/30".parse().unwrap(),
            address: "10.254.0.2".parse().unwrap(),
        },
        ipv6: None,
        mtu: 1500,
        mappings: Vec::new(),
        net_out: Vec::new(),
    }
}

#[test]
fn records_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let handles = ["one", "two/../../etc", "$(reboot)"];
    for handle in handles {
        store.save(&record(handle)).unwrap();
    }
    store.remove(&record("one").id()).unwrap();
    store.remove(&record("one").id()).unwrap();
    store.set_next_port(61007).unwrap();
    drop(store);
    let store = Store::open(directory.path()).unwrap();
    let loaded = store.load().unwrap();
    let expected = handles[1..].iter().map(|handle| record(handle));
    assert_eq!(loaded, expected.map(|r| (r.id(), r)).collect());
    assert_eq!(store.next_port(), 61007);
}

#[test]
fn unfinished_writes_are_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.save(&record("one")).unwrap();
    drop(store);
    let torn = directory.path().join("torn.json.tmp");
    fs::write(&torn, "{\"handle\": \"o").unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(!torn.exists());
    assert_eq!(store.load().unwrap().len(), 1);
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(matches!(
        Store::open(directory.path()),
        Err(Error::Locked { .. })
    ));
    drop(store);
    Store::open(directory.path()).unwrap();
}

#[test]
fn an_owner_that_was_killed_is_waited_for_longer() {
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join("lock");
    let store = Store::open(directory.path()).unwrap();
    let written = fs::read_to_string(&lock).unwrap();
    assert_eq!(written, std::process::id().to_string());
    assert_eq!(patience(&lock), PATIENCE);
    drop(store);
    // The lock of a process that is gone, and what older versions left.
    let mut gone = std::process::Command::new("true").spawn().unwrap();
    gone.wait().unwrap();
    fs::write(&lock, gone.id().to_string()).unwrap();
    assert_eq!(patience(&lock), LAST_CALL);
    fs::write(&lock, "").unwrap();
    assert_eq!(patience(&lock), PATIENCE);
    Store::open(directory.path()).unwrap();
}

#[test]
fn what_cannot_be_read_is_an_error_and_stays() {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let bad = directory.path().join("aaaaaaaaaaa.json");
    fs::write(&bad, "[]").unwrap();
    assert!(matches!(store.load(), Err(Error::Malformed { .. })));
    fs::write(&bad, serde_json::to_vec(&record("one")).unwrap()).unwrap();
    assert!(matches!(store.load(), Err(Error::Misplaced { .. })));
    assert!(bad.exists());
    drop(store);
    fs::remove_file(&bad).unwrap();
    fs::write(directory.path().join("version"), "2\n").unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, Error::Version { .. }), "{error}");
}

#[test]
fn what_the_end_of_the_machine_has_torn_is_removed_once() {
    let directory = tempfile::tempdir().unwrap();
    let torn = directory.path().join("aaaaaaaaaaa.json");
    Store::open(directory.path())
        .unwrap()
        .save(&record("one"))
        .unwrap();
    fs::write(&torn, "").unwrap();
    // In the same boot nothing tears a record.
    let same_boot = Store::open(directory.path()).unwrap().load();
    assert!(matches!(same_boot, Err(Error::Malformed { .. })));
    fs::write(directory.path().join("boot"), "another\n").unwrap();
    let store = Store::open(directory.path()).unwrap();
    assert!(!torn.exists());
    assert_eq!(store.load().unwrap().len(), 1);
    fs::write(&torn, "").unwrap();
    assert!(matches!(store.load(), Err(Error::Malformed { .. })));
}
