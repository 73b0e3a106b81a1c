//! The end of containers whose grace time is over.
//!
//! Each is destroyed by a thread of its own, so that one that takes its time holds up no other. A few
//! at once at most: they meet at the same locks anyway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::{Id, JoinSet};
use tokio::time::timeout;

use crate::gardener::Gardener;

/// Most that are destroyed at once.
const MOST: usize = 8;

/// Destroys containers whose grace time is over.
pub(super) async fn reap(gardener: Arc<Gardener>) {
    let changed = Arc::clone(gardener.grace());
    let destroying = Arc::clone(&gardener);
    let destroy = move |handle: &str| {
        // A failure is in the log already.
        let _removed = destroying.destroy_expired(handle);
    };
    run(&changed, || gardener.expired(), destroy).await;
}

/// `expired` names those to destroy now and when to look again; so does `changed`.
async fn run(
    changed: &Notify,
    expired: impl Fn() -> (Vec<String>, Option<Instant>),
    destroy: impl Fn(&str) + Clone + Send + 'static,
) {
    let mut threads = JoinSet::new();
    let mut under_way: BTreeMap<Id, String> = BTreeMap::new();
    loop {
        let changed = changed.notified();
        let (over, next) = expired();
        for handle in over {
            if under_way.len() >= MOST {
                break;
            }
            if !under_way.values().any(|other| *other == handle) {
                let (destroy, of) = (destroy.clone(), handle.clone());
                let thread = threads.spawn_blocking(move || destroy(&of));
                under_way.insert(thread.id(), handle);
            }
        }
        let wait = async {
            match next {
                None => changed.await,
                Some(when) => {
                    let left = when.saturating_duration_since(Instant::now());
                    let _whichever = timeout(left, changed).await;
                }
            }
        };
        tokio::select! {
            () = wait => {}
            Some(ended) = threads.join_next_with_id() => {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                under_way.remove(&id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_that_hangs_holds_up_no_other() {
        let all: BTreeSet<String> = (0..20).map(|n| format!("c-{n:02}")).collect();
        let left = Arc::new((Mutex::new(all), Condvar::new()));
        let known = Arc::clone(&left);
        let expired = move || {
            let left = known.0.lock().unwrap();
            (left.iter().cloned().collect(), None)
        };
        let (done, is_done) = tokio::sync::oneshot::channel();
        let done = Arc::new(Mutex::new(Some(done)));
        let destroy = move |handle: &str| {
            let (all, changed) = &*left;
            let mut all = all.lock().unwrap();
            if handle == "c-00" {
                // It gets on only when it is the last.
                all = changed.wait_while(all, |all| all.len() > 1).unwrap();
                done.lock().unwrap().take().unwrap().send(()).unwrap();
            }
            assert!(all.remove(handle), "{handle} twice");
            changed.notify_all();
        };
        let changed = Notify::new();
        let both = async {
            tokio::select! {
                () = run(&changed, expired, destroy) => {}
                done = is_done => done.unwrap(),
            }
        };
        timeout(Duration::from_secs(30), both).await.unwrap();
    }
}
