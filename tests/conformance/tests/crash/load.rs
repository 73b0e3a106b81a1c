//! Clients that use a server without end.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use warren_tests_conformance::garden::Server;
use warren_wire_garden::container::Properties;

use super::caller::{self, Caller};
use super::model::{Known, Life};
use super::rules::Rules;

/// How long containers may take at the end whose grace time is over.
const PATIENCE: Duration = Duration::from_secs(60);

/// All clients.
pub struct Load {
    /// Held by each client for one call, and by whoever wants that no call is made.
    pub(super) gate: RwLock<()>,
    /// What each client knows.
    pub(super) known: Vec<Mutex<Vec<Known>>>,
    pub(super) witnesses: Vec<String>,
    pub(super) is_over: AtomicBool,
    /// What the server refused, which it never should.
    pub(super) refused: Mutex<Vec<String>>,
    pub(super) counts: [AtomicU64; KINDS.len()],
    /// Calls that were cut off.
    pub(super) broken: AtomicU64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What calls are about, as they are counted.
const KINDS: [&str; 12] = [
    "create",
    "destroy",
    "run",
    "pea",
    "stream-in",
    "net-in",
    "property",
    "exit codes",
    "stream-out",
    "net-out",
    "grace time",
    "bulk",
];

impl Load {
    /// Begins with so many clients.
    pub fn begin(server: &Server, seed: u64, clients: u64, witnesses: Vec<String>) -> Arc<Self> {
        let load = Arc::new(Self {
            gate: RwLock::default(),
            known: (0..clients).map(|_| Mutex::default()).collect(),
            witnesses,
            is_over: AtomicBool::new(false),
            refused: Mutex::default(),
            counts: Default::default(),
            broken: AtomicU64::new(0),
            threads: Mutex::default(),
        });
        let archives = caller::archives();
        for number in 0..clients {
            let mut caller = Caller::new(&load, server, number, seed, archives.clone());
            let thread = std::thread::spawn(move || caller.call());
            load.threads.lock().unwrap().push(thread);
        }
        load
    }

    /// Waits until no call is made, and keeps it so.
    pub fn pause(&self) -> RwLockWriteGuard<'_, ()> {
        self.gate.write().unwrap()
    }

    /// Compares what clients know with what there is; no call may be made meanwhile.
    pub fn check(&self, server: &Server, when: &str) {
        let refused = self.refused.lock().unwrap().clone();
        assert!(refused.is_empty(), "{when}: {refused:#?}\n{}", server.log());
        let client = server.client();
        let listed: BTreeSet<String> = client
            .list(&Properties::new())
            .unwrap()
            .into_iter()
            .collect();
        let all = Properties::from([("garden.state".to_owned(), "all".to_owned())]);
        let all: BTreeSet<String> = client.list(&all).unwrap().into_iter().collect();
        let rules = Rules::of(server);
        let mut expected: BTreeSet<String> = self.witnesses.iter().cloned().collect();
        // These go while we look.
        let mut fading = BTreeSet::new();
        let mut may_be = BTreeSet::new();
        for known in &self.known {
            let mut known = known.lock().unwrap();
            known.retain_mut(|each| {
                expected.insert(each.handle.clone());
                may_be.extend(each.rules.values().flatten().copied());
                if each.is_fading() {
                    fading.insert(each.handle.clone());
                }
                each.check(server, listed.contains(&each.handle), &rules)
            });
        }
        let half: Vec<_> = all.symmetric_difference(&listed).collect();
        assert!(
            half.iter().all(|handle| fading.contains(*handle)),
            "{when}: some are half made: {half:?}\n{}",
            server.log()
        );
        rules.assert_only(&may_be, when);
        let strange: Vec<_> = listed.difference(&expected).collect();
        assert!(strange.is_empty(), "{when}: nobody has made {strange:?}");
    }

    /// Ends all clients; what they have done.
    pub fn end(&self) -> String {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.lock().unwrap().drain(..) {
            thread.join().unwrap();
        }
        let count =
            |kind: &str, count: &AtomicU64| format!("{} {kind}", count.load(Ordering::Relaxed));
        let counts = KINDS.iter().zip(&self.counts);
        let done: Vec<String> = counts.map(|(kind, number)| count(kind, number)).collect();
        format!("{}, {}", done.join(", "), count("cut off", &self.broken))
    }

    /// Destroys all that clients still have; those with a short grace time go by themselves.
    pub fn destroy_all(&self, server: &Server) {
        let client = server.client();
        let deadline = Instant::now() + PATIENCE;
        for known in &self.known {
            for each in known.lock().unwrap().drain(..) {
                if each.life != Life::Fading {
                    client.destroy(&each.handle).unwrap();
                    continue;
                }
                while client.exists(&each.handle).unwrap() {
                    let (handle, log) = (&each.handle, server.log());
                    assert!(
                        Instant::now() < deadline,
                        "{handle} outlives its grace time\n{log}"
                    );
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}
