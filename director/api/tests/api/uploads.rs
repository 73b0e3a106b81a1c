//! Large bodies in, large blobs out, and what is refused before it is sent.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use warren_director_store::work::{Source, Work};

use super::scene::{ADMIN, Scene};

const SIZE: usize = 50 << 20;

/// The most memory that this process has ever had, in bytes.
fn most_memory() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<usize>()
        .unwrap()
        << 10
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_become_files_and_blobs_come_back() {
    let scene = Scene::new().await;
    let content: Vec<u8> = (0..SIZE / 4)
        .flat_map(|number: usize| (number as u32).to_le_bytes())
        .collect();
    let archive = scene.path("archive");
    std::fs::write(&archive, &content).unwrap();
    let before = most_memory();
    let data = format!("@{}", archive.display());
    let path_of = async |arguments: &[&str]| {
        let mut all = vec!["-u", ADMIN, "-X", "POST"];
        all.extend(arguments);
        let id = scene.curl("/stemcells", &all).await.task();
        let Work::UpdateStemcell(upload) = scene.work(id).await else {
            panic!()
        };
        let Source::Path(path) = upload.source else {
            panic!()
        };
        std::path::PathBuf::from(path)
    };
    let kind = ["-H", "Content-Type: application/x-compressed"];
    // As a stream from the file, with 100-continue as curl sends it, and in chunks.
    let raw = path_of(&[kind[0], kind[1], "-T", archive.to_str().unwrap()]).await;
    let chunked = [
        "-H",
        "Transfer-Encoding: chunked",
        "-T",
        archive.to_str().unwrap(),
    ];
    let chunked = path_of(&[&kind[..], &chunked[..]].concat()).await;
    let form = path_of(&[
        "-F",
        "nginx_upload_path=/etc/passwd",
        "-F",
        &format!("file={data};filename=s.tgz"),
    ])
    .await;
    let blob = scene
        .blobs
        .create(tokio::fs::File::open(&archive).await.unwrap())
        .await
        .unwrap();
    let got = scene.path("got");
    let answer = scene
        .curl(
            &format!("/resources/{}", blob.id),
            &["-u", ADMIN, "-o", got.to_str().unwrap()],
        )
        .await;
    let grown = most_memory().saturating_sub(before);
    assert_eq!(answer.header("content-type"), Some("application/x-gzip"));
    assert_eq!(answer.header("content-length"), Some(&*SIZE.to_string()));
    println!("{grown} bytes of memory for four bodies of {SIZE}");
    // The server has held none of the bodies.
    assert!(grown < SIZE / 2, "{grown} bytes more");
    for path in [raw, chunked, form, got] {
        assert!(
            std::fs::read(&path).unwrap() == content,
            "{}",
            path.display()
        );
    }
    // A field that names a path is no upload, and leaves no file.
    let files = || std::fs::read_dir(scene.path("uploads")).unwrap().count();
    let before = files();
    let refused = scene
        .curl(
            "/releases",
            &[
                "-u",
                ADMIN,
                "-X",
                "POST",
                "-F",
                "nginx_upload_path=/etc/passwd",
            ],
        )
        .await;
    assert_eq!((refused.status, refused.code()), (400, 40_000));
    assert_eq!(files(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_before_the_body() {
    let scene = Scene::new().await;
    let port = scene.port;
    // Says how long a body would be, waits, and never sends one.
    let ask = move |path: &str, user: Option<&str>| {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-compressed\r\n{}\
             Content-Length: 9000000000\r\nExpect: 100-continue\r\n\r\n",
            user.map(|user| format!("Authorization: Basic {user}\r\n"))
                .unwrap_or_default()
        );
        let ca = std::fs::read(scene.path("ca.pem")).unwrap();
        (head, ca)
    };
    // base64 of reader:reader-password and of releaser:releaser-password
    let reader = "cmVhZGVyOnJlYWRlci1wYXNzd29yZA==";
    let releaser = "cmVsZWFzZXI6cmVsZWFzZXItcGFzc3dvcmQ=";
    for (path, user, status) in [
        ("/releases", None, "401"),
        ("/releases", Some(reader), "401"),
        ("/stemcells", Some(releaser), "401"),
        ("/releases", Some(releaser), "100"),
    ] {
        let (head, _) = ask(path, user);
        let first = tokio::task::spawn_blocking(move || first_line(port, &head))
            .await
            .unwrap();
        assert!(
            first.starts_with(&format!("HTTP/1.1 {status}")),
            "{path} {user:?}: {first}"
        );
    }
}

/// The first line of the answer to a head, through openssl's client.
fn first_line(port: u16, head: &str) -> String {
    let mut client = std::process::Command::new("openssl")
        .args([
            "s_client",
            "-quiet",
            "-connect",
            &format!("127.0.0.1:{port}"),
        ])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut input = client.stdin.take().unwrap();
    input.write_all(head.as_bytes()).unwrap();
    input.flush().unwrap();
    let mut line = [0_u8; 12];
    client.stdout.take().unwrap().read_exact(&mut line).unwrap();
    client.kill().unwrap();
    client.wait().unwrap();
    String::from_utf8_lossy(&line).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let scene = Scene::new().await;
    let port = scene.port;
    let uploads = scene.path("uploads");
    let begun = uploads.clone();
    tokio::task::spawn_blocking(move || {
        let mut client = std::process::Command::new("openssl")
            .args(["s_client", "-quiet", "-connect", &format!("127.0.0.1:{port}")])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let head = "POST /releases HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-compressed\r\n\
                    Authorization: Basic YWRtaW46YWRtaW4tcGFzc3dvcmQ=\r\nContent-Length: 1000\r\n\r\nabc";
        let mut input = client.stdin.take().unwrap();
        input.write_all(head.as_bytes()).unwrap();
        input.flush().unwrap();
        wait_for(|| std::fs::read_dir(&begun).is_ok_and(|files| files.count() == 1));
        client.kill().unwrap();
        client.wait().unwrap();
        wait_for(|| std::fs::read_dir(&begun).unwrap().count() == 0);
    })
    .await
    .unwrap();
    assert_eq!(scene.get("/tasks?verbose=2").await.text(), "[]");
    // Something else than TLS gets nothing and does no harm.
    let mut plain = TcpStream::connect(("127.0.0.1", port)).unwrap();
    plain.write_all(b"GET /info HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(scene.get("/info").await.status, 200);
}

fn wait_for(condition: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !condition() {
        assert!(
            std::time::Instant::now() < end,
            "it did not happen within 30 s"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
