//! Templates are programs: they print, hang, exit and leave things behind.

use std::time::Duration;

use serde_json::json;
use warren_director_templates::{Error, Options, Pool};

use crate::scene::{archive, one, pool, with};

#[tokio::test]
async fn printing_harms_nobody() {
    let pool = pool();
    for _ in 0..3 {
        let template = "<% puts 'x' * 300_000; $stderr.puts 'y'; STDOUT.flush %>fine";
        assert_eq!(one(&pool, template, json!({})).await.unwrap(), "fine");
    }
}

/// Lists of processes show command lines to everybody: the worker's is one line, with what it runs in another place.
#[tokio::test]
async fn a_worker_is_one_line_in_a_list_of_processes() {
    let template = "<%= File.binread('/proc/self/cmdline').split(\"\\0\").join(' ') %>";
    let line = one(&pool(), template, json!({})).await.unwrap();
    assert!(line.starts_with("ruby -e ") && line.len() < 200, "{line}");
    assert!(!line.contains('\n'), "{line}");
}

#[tokio::test]
async fn one_that_ends_the_process_is_named() {
    let pool = pool();
    let error = one(&pool, "<% $stderr.puts 'bye'; exit! %>", json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, Error::Ended { job, said, template }
            if job == "web" && said == "bye" && template.as_deref() == Some("f.erb")),
        "{error}"
    );
    // An orderly exit is an exception like others.
    let error = one(&pool, "<% exit %>", json!({})).await.unwrap_err();
    assert!(matches!(error, Error::Templates { .. }), "{error}");
    assert_eq!(one(&pool, "next", json!({})).await.unwrap(), "next");
}

#[tokio::test]
async fn one_that_hangs_is_given_up() {
    let pool = Pool::new(Options {
        workers: 1,
        patience: Duration::from_millis(500),
        ..Options::default()
    });
    let error = one(&pool, "<% sleep %>", json!({})).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    let pool = crate::scene::pool();
    assert_eq!(one(&pool, "next", json!({})).await.unwrap(), "next");
}

#[tokio::test]
async fn bytes_stay_bytes() {
    let pool = pool();
    let archive = archive(&[
        ("monit", b"".as_slice()),
        ("templates/latin", b"caf\xe9 <%= 1 %>"),
        ("templates/utf", "caf\u{e9} <%= p('x') %>".as_bytes()),
    ]);
    let job = with(
        &pool,
        &archive,
        &["latin", "utf"],
        json!({"properties": {"x": "\u{20ac}"}}),
    )
    .await
    .unwrap();
    assert_eq!(job.files[0].content, b"caf\xe9 1");
    assert_eq!(job.files[1].content, "caf\u{e9} \u{20ac}".as_bytes());
}

#[tokio::test]
async fn many_at_once_do_not_mix() {
    let pool = std::sync::Arc::new(pool());
    let mut asked = tokio::task::JoinSet::new();
    for number in 0..40 {
        let pool = std::sync::Arc::clone(&pool);
        asked.spawn(async move {
            let got = one(&pool, "<%= p('n') %>", json!({"properties": {"n": number}}))
                .await
                .unwrap();
            assert_eq!(got, number.to_string());
        });
    }
    assert_eq!(asked.join_all().await.len(), 40);
}

#[tokio::test]
async fn no_ruby_is_said() {
    let pool = Pool::new(Options {
        command: vec!["/no/such/ruby".to_owned()],
        ..Options::default()
    });
    let error = one(&pool, "x", json!({})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot start a template worker with \"/no/such/ruby\": install Ruby"
    );
    let pool = Pool::new(Options {
        command: vec![
            "sh".to_owned(),
            "-c".to_owned(),
            "echo no >&2; exit 1".to_owned(),
        ],
        ..Options::default()
    });
    let error = one(&pool, "x", json!({})).await.unwrap_err();
    assert_eq!(
        warren_lib_errchain::chain(&error).split(": ").last(),
        Some("no")
    );
}
