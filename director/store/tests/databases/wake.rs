//! Workers are told of work, in whichever process it was enqueued.

use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

use tokio::time::timeout;

use crate::open;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn work_is_heard_of_by_other_processes(url: String) {
    let (here, there) = (open(&url).await, open(&url).await);
    // Nobody listens yet, which is no error.
    here.wake().await;
    let listening = there.listen().await.unwrap();
    let (mut mine, mut theirs) = (here.woken(), there.woken());
    for _ in 0..3 {
        here.wake().await;
        for woken in [&mut mine, &mut theirs] {
            timeout(PATIENCE, woken.changed()).await.unwrap().unwrap();
        }
    }
    drop(listening);
}

#[tokio::test]
async fn what_a_dead_process_left_is_cleared_away() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("director.db");
    let (here, there) = (
        open(path.to_str().unwrap()).await,
        open(path.to_str().unwrap()).await,
    );
    let listening = there.listen().await.unwrap();
    let directory = home.path().join("director.db-wake");
    let fifos = || {
        let entries = std::fs::read_dir(&directory).unwrap();
        entries
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_fifo())
            .count()
    };
    assert_eq!(fifos(), 1);
    // As a process leaves one that is killed.
    let dead = directory.join("dead");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &dead,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let mut woken = there.woken();
    here.wake().await;
    timeout(PATIENCE, woken.changed()).await.unwrap().unwrap();
    assert!(!dead.exists());
    assert_eq!(fifos(), 1);
    // One that is told again and again and does not look is not waited for.
    for _ in 0..100_000 {
        here.wake().await;
    }
    drop(listening);
    assert_eq!(fifos(), 0);
    here.wake().await;
}

#[tokio::test]
async fn a_database_that_went_away_is_listened_to_again() {
    let mut server = warren_tests_harness::Postgres::start();
    let url = server.database("wake");
    let (here, there) = (open(&url).await, open(&url).await);
    let _listening = there.listen().await.unwrap();
    let mut woken = there.woken();
    server.stop();
    server.go();
    let heard = async {
        loop {
            here.wake().await;
            // Also when the connection is back, because something may have been missed.
            if timeout(Duration::from_millis(200), woken.changed())
                .await
                .is_ok()
            {
                break;
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap();
    woken.mark_unchanged();
    let heard = async {
        loop {
            here.wake().await;
            if timeout(Duration::from_millis(200), woken.changed())
                .await
                .is_ok()
            {
                break;
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap();
}
