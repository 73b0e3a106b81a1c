//! What may differ by the database, on a real PostgreSQL as well: who waits for whom, what is taken up from workers
//! that died, what is large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use warren_tests_harness::Postgres;

use crate::{binding, delivery, endings, forgotten, scene, swaps};

/// How many go on at once: they wait for each other's processes more than for the database.
const AT_ONCE: usize = 4;

type Case = (&'static str, fn());

/// The cases, which are tests of their own on SQLite.
fn all() -> Vec<Case> {
    macro_rules! list {
        ($($case:path),* $(,)?) => {
            vec![$((stringify!($case), $case as fn())),*]
        };
    }
    list![
        binding::a_deploy_waits_for_who_has_its_release,
        delivery::large_templates_are_kept_once_and_no_longer_than_needed,
        endings::an_errand_that_is_cancelled_while_nobody_works_on_it_is_ended,
        endings::jobs_that_a_killed_director_started_are_ended_before_they_are_started_again,
        forgotten::a_disk_of_a_worker_that_died_is_deleted,
        forgotten::logs_that_were_packed_for_a_worker_that_died_are_deleted,
        forgotten::two_who_want_a_disk_of_one_name_get_one_disk,
        forgotten::what_was_compiled_for_a_worker_that_died_is_deleted,
        swaps::the_old_one_serves_until_the_new_one_has_all_it_needs,
    ]
}

#[test]
fn the_same_on_postgres() {
    let server = Arc::new(Postgres::start());
    let (cases, next) = (all(), AtomicUsize::new(0));
    std::thread::scope(|threads| {
        for _ in 0..AT_ONCE {
            threads.spawn(|| {
                while let Some((name, case)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    println!("{name}");
                    let (server, made) = (Arc::clone(&server), AtomicUsize::new(0));
                    let prefix = name.replace("::", "_");
                    let new = move || {
                        let number = made.fetch_add(1, Ordering::Relaxed);
                        // Names are cut at 63 letters.
                        let start = &prefix[..prefix.len().min(50)];
                        server.database(&format!("{start}_{number}"))
                    };
                    scene::on(Box::new(new), *case);
                }
            });
        }
    });
}
