//! A task's output by ranges.

use warren_director_store::output::Kind;
use warren_director_store::tasks;

use super::scene::{ADMIN, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn tails_are_read_by_offset() {
    let scene = Scene::new().await;
    let pool = scene.store.pool();
    let id = tasks::create_done(pool, "vms", "x", "admin", None, "[]", "")
        .await
        .unwrap();
    let path = format!("/tasks/{id}/output?type=event");
    let range = async |range: &str| {
        let header = format!("Range: {range}");
        scene.curl(&path, &["-u", ADMIN, "-H", &header]).await
    };
    let nothing = range("bytes=0-").await;
    assert_eq!((nothing.status, nothing.text()), (200, ""));
    let writer = scene.outputs.writer(id).unwrap();
    writer.append(Kind::Event, b"{\"time\":1}\n").unwrap();
    let first = range("bytes=0-").await;
    assert_eq!((first.status, first.text()), (206, "{\"time\":1}\n"));
    assert_eq!(first.header("content-range"), Some("bytes 0-10/11"));
    assert_eq!(first.header("content-length"), Some("11"));
    let end = range("bytes=11-").await;
    assert_eq!((end.status, end.text()), (416, ""));
    assert_eq!(end.header("content-range"), Some("bytes */11"));
    assert_eq!(range("bytes=99-").await.status, 416);
    writer.append(Kind::Event, b"{\"time\":2}\n").unwrap();
    let more = range("bytes=11-").await;
    assert_eq!((more.status, more.text()), (206, "{\"time\":2}\n"));
    let whole = scene.get(&path).await;
    assert_eq!(
        (whole.status, whole.text()),
        (200, "{\"time\":1}\n{\"time\":2}\n")
    );
    assert_eq!(range("bytes=1-2").await.text(), "\"t");
    assert_eq!(range("bytes=x").await.status, 200);
    let none = scene.get(&format!("/tasks/{id}/output?type=none")).await;
    assert_eq!((none.status, none.text()), (204, ""));
    let other = scene
        .get(&format!("/tasks/{id}/output?type=../event"))
        .await;
    assert_eq!((other.status, other.code()), (401, 600_000));
    // The log is what is meant without a type.
    writer.append(Kind::Debug, b"log").unwrap();
    assert_eq!(
        scene.get(&format!("/tasks/{id}/output")).await.text(),
        "log"
    );
    assert_eq!(scene.get("/tasks/..%2F1/output").await.code(), 10_000);
}
