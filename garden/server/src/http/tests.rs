//! Connections from end to end, over pipes in memory.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{RwLock, mpsc};

use super::answer::Answer;
use super::body::Body;
use super::connection::{Connection, Handler, Times};
use super::head::Head;

/// Answers with what it was asked, by path.
pub(super) struct Echo;

impl Handler for Echo {
    fn answer<'a>(
        &'a self,
        head: &'a Head,
        body: &'a mut Body<'_>,
    ) -> Pin<Box<dyn Future<Output = Answer> + Send + 'a>> {
        Box::pin(async move {
            match head.target.as_str() {
                "/ignore" => Answer::text(404, "no"),
                "/stream" | "/broken" => {
                    let (sender, pieces) = mpsc::channel(8);
                    sender.send(b"one".to_vec()).await.unwrap();
                    sender.send(b"two".to_vec()).await.unwrap();
                    if head.target == "/stream" {
                        sender.send(Vec::new()).await.unwrap();
                    }
                    Answer::Stream {
                        media: "application/x-tar",
                        pieces,
                    }
                }
                "/take" => {
                    let whole = body.whole(100).await.unwrap();
                    Answer::take_over(201, move |mut taken| async move {
                        taken.io.write_all(&whole).await.unwrap();
                        taken.io.write_all(&taken.received).await.unwrap();
                        let mut more = [0; 100];
                        let count = taken.io.read(&mut more).await.unwrap();
                        taken.io.write_all(&more[..count]).await.unwrap();
                    })
                }
                _ => match body.whole(1000).await {
                    Ok(bytes) => Answer::json(bytes),
                    Err(error) => Answer::text(400, &error.to_string()),
                },
            }
        })
    }
}

fn times() -> Times {
    Times {
        idle: Duration::from_secs(30),
        head: Duration::from_secs(30),
        body: Duration::from_secs(30),
    }
}

fn served(times: Times) -> DuplexStream {
    let (near, far) = duplex(1 << 16);
    let connection = Connection::new(Box::new(far), times);
    tokio::spawn(connection.serve(Arc::new(Echo), Arc::new(RwLock::new(()))));
    near
}

/// All that is answered when `pieces` are sent one by one and then no more.
async fn talk(pieces: &[&[u8]]) -> String {
    let mut near = served(times());
    for piece in pieces {
        near.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    near.shutdown().await.unwrap();
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

fn bodies(answers: &str) -> Vec<&str> {
    let parts = answers.split("HTTP/1.1 ").skip(1);
    parts
        .map(|part| part.split_once("\r\n\r\n").unwrap().1)
        .collect()
}

const TWO: &[u8] = b"POST /a HTTP/1.1\r\nHost: api\r\nContent-Length: 5\r\n\r\nhello\
    PUT /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";

proptest! {
    #[test]
    fn requests_are_answered_the_same_however_they_are_cut(size in 1_usize..180) {
        let answers = run(talk(&TWO.chunks(size).collect::<Vec<_>>()));
        prop_assert_eq!(bodies(&answers), ["hello", "abcde"]);
        prop_assert!(!answers.contains("Connection: close"));
    }
}

#[test]
fn close_and_old_clients_end_the_connection() {
    let closing = b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\n\r\n";
    let answers = run(talk(&[closing]));
    assert_eq!(bodies(&answers), [""]);
    assert!(answers.contains("Connection: close\r\n"));
    let old = run(talk(&[b"GET /stream HTTP/1.0\r\n\r\n"]));
    assert!(old.ends_with("\r\n\r\nonetwo"), "{old}");
    assert!(!old.contains("chunked"));
}

#[test]
fn a_head_request_gets_a_head() {
    let answers = run(talk(&[
        b"HEAD /ignore HTTP/1.1\r\n\r\nGET /ignore HTTP/1.1\r\n\r\n",
    ]));
    assert_eq!(bodies(&answers), ["", "no\n"]);
    assert_eq!(answers.matches("Content-Length: 3\r\n").count(), 2);
}

#[test]
fn what_is_no_request_is_refused() {
    let refused = |text: &'static [u8]| run(talk(&[text]));
    assert!(refused(b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(
        refused(b"PUT / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n").starts_with("HTTP/1.1 501 ")
    );
    assert!(
        refused(b"PUT / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
            .starts_with("HTTP/1.1 400 ")
    );
    let truncated = refused(b"PUT / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc");
    assert!(truncated.contains("broke off"), "{truncated}");
    assert!(truncated.contains("Connection: close"), "{truncated}");
    let large = b"PUT / HTTP/1.1\r\nContent-Length: 1001\r\n\r\n";
    let large = run(talk(&[large, &[b'x'; 1001]]));
    assert!(large.contains("larger than 1000 bytes"), "{large}");
}

#[test]
fn a_client_that_waits_for_a_word_gets_it_only_if_its_body_is_wanted() {
    run(async {
        let mut near = served(times());
        let head = b"PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
        near.write_all(head).await.unwrap();
        let mut word = [0; 25];
        near.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"HTTP/1.1 100 Continue\r\n\r\n");
        near.write_all(b"ok").await.unwrap();
        let mut answer = vec![0; 15];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 200 OK");
    });
    let unwanted = run(talk(&[
        b"PUT /ignore HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
    ]));
    assert!(unwanted.starts_with("HTTP/1.1 404 "), "{unwanted}");
    assert!(unwanted.contains("Connection: close"), "{unwanted}");
}

#[test]
fn a_small_body_nobody_read_does_not_end_the_connection() {
    let text = b"PUT /ignore HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET /a HTTP/1.1\r\n\r\n";
    let answers = run(talk(&[text]));
    assert_eq!(bodies(&answers), ["no\n", ""]);
}

#[test]
fn a_stream_ends_with_the_last_chunk_only_if_it_is_whole() {
    let whole = run(talk(&[b"GET /stream HTTP/1.1\r\n\r\n"]));
    assert!(
        whole.ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"),
        "{whole}"
    );
    let broken = run(talk(&[b"GET /broken HTTP/1.1\r\n\r\n"]));
    assert!(broken.ends_with("3\r\none\r\n3\r\ntwo\r\n"), "{broken}");
}

#[test]
fn a_taken_connection_is_raw_and_keeps_what_came_early() {
    run(async {
        let mut near = served(times());
        near.write_all(b"POST /take HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiearly")
            .await
            .unwrap();
        let expected = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nhiearly";
        let mut answer = vec![0; expected.len()];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(String::from_utf8(answer).unwrap(), expected);
        near.write_all(b"more").await.unwrap();
        let mut rest = Vec::new();
        near.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"more");
    });
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    run(async {
        let brief = Times {
            head: Duration::from_millis(1),
            ..times()
        };
        let mut near = served(brief);
        near.write_all(b"GET /").await.unwrap();
        let mut answer = vec![0; 13];
        near.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 408 ");
    });
}
