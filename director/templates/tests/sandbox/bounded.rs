//! A template that takes too much is named, and the next one finds a worker.

use std::time::Duration;

use warren_director_templates::Error;

use crate::scene::one;
use crate::workers::{context, pool, pool_by, pool_with, said, ways};

/// Long enough to start a worker on a busy machine.
const PATIENCE: Duration = Duration::from_secs(6);

#[tokio::test]
async fn loops_and_bombs_are_given_up() {
    for (name, before) in ways() {
        let pool = pool_by(before, PATIENCE);
        for template in ["<% loop { } %>", "<% sleep %>"] {
            let error = one(&pool, template, context()).await.unwrap_err();
            assert!(
                matches!(&error, Error::TimedOut { job, template, .. }
                    if job == "web" && template.as_deref() == Some("f.erb")),
                "{name}: {template}: {error}"
            );
            assert_eq!(said(&pool, "<%= p('n') %>").await, "1", "{name}");
        }
    }
}

/// By a way round what the worker refuses: the kernel does too, upon which Ruby may try for ever.
#[tokio::test]
async fn programs_are_started_by_no_way_round() {
    for (name, before) in ways() {
        let pool = pool_by(before, PATIENCE);
        let error = one(&pool, "<%= open('|id').read %>", context()).await;
        let error = error.unwrap_err().to_string();
        assert!(error.contains("'f.erb'"), "{name}: {error}");
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1", "{name}");
    }
}

#[tokio::test]
async fn memory_is_bounded() {
    for (name, before) in ways() {
        let pool = pool_by(before, Duration::from_secs(300));
        for template in [
            "<%= 'x' * (4 << 30) %>",
            "<% a = []; loop { a << 'x' * 10_000_000 } %>",
            "<% a = []; loop { a << Object.new } %>",
        ] {
            let error = one(&pool, template, context()).await.unwrap_err();
            let is_named = match &error {
                Error::Templates { job, errors } => job == "web" && errors[0].name == "f.erb",
                Error::Ended { job, template, .. } => {
                    job == "web" && template.as_deref() == Some("f.erb")
                }
                _ => false,
            };
            let error = error.to_string();
            assert!(
                is_named && error.contains("failed to allocate memory"),
                "{name}: {template}: {error}"
            );
            assert_eq!(said(&pool, "<%= p('n') %>").await, "1", "{name}");
        }
    }
}

#[tokio::test]
async fn signals_reach_nobody() {
    let pool = pool();
    for template in [
        "<% Process.kill(:KILL, -1) %>",
        "<% Process.kill(:KILL, 1) %>",
        "<% %w[TERM INT HUP USR1 STOP ABRT SEGV].each { |s| Process.kill(s, 1) rescue nil } %>",
        "<% Process.kill(:KILL, Process.pid) %>",
        "<% Process.kill(:KILL, Process.ppid) rescue nil; exit!(81) %>",
        "<% begin; exit!(81); ensure; end %>",
    ] {
        said(&pool, template).await;
        assert_eq!(said(&pool, "<%= p('n') %>").await, "1", "{template}");
    }
}

#[tokio::test]
async fn no_process_is_left_behind() {
    let mark = format!("WARREN_TEST_MARK={}", std::process::id());
    let pool = pool_with(&["--env", &mark], &[], PATIENCE);
    said(&pool, "<% loop { } %>").await;
    assert_eq!(said(&pool, "<%= p('n') %>").await, "1");
    // The one that waits, the worker and mostly its next copy.
    assert!(marked(&mark) >= 2);
    drop(pool);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while marked(&mark) > 0 {
        assert!(std::time::Instant::now() < deadline, "they are still there");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// How many processes have this in their environment or command line.
fn marked(mark: &str) -> usize {
    let has = |path: std::path::PathBuf| {
        let bytes = std::fs::read(path).unwrap_or_default();
        bytes
            .windows(mark.len())
            .any(|part| part == mark.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let marked = processes.filter(|entry| {
        let is_process = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.parse::<u32>().is_ok());
        is_process && (has(entry.path().join("cmdline")) || has(entry.path().join("environ")))
    });
    marked.count()
}
