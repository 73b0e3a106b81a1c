//! Blobs over real connections, with curl as the client.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::process::Command;

use tokio::net::TcpListener;
use warren_director_blobstore::{Access, LIFE, Local, Method, Signer, User, router};

struct Scene {
    directory: tempfile::TempDir,
    endpoint: String,
    blobs: Local,
    signer: Signer,
}

async fn scene() -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let blobs = Local::open(directory.path(), "test").await.unwrap();
    let user = |name: &str| User {
        name: name.to_owned(),
        password: format!("{name}-password"),
    };
    let signer = Signer::new("secret");
    let access = Access {
        readers: vec![user("agent")],
        writers: vec![user("director")],
        signer: Some(signer.clone()),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = router(blobs.clone(), access);
    tokio::spawn(warren_lib_https::serve(
        listener,
        None,
        routes,
        std::future::pending(),
    ));
    Scene {
        directory,
        endpoint,
        blobs,
        signer,
    }
}

/// What curl prints: the body, a space and the status.
async fn curl(arguments: Vec<String>) -> String {
    tokio::task::spawn_blocking(move || {
        let output = Command::new("curl")
            .args(["-sS", "-w", " %{http_code}"])
            .args(arguments)
            .output()
            .unwrap();
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    })
    .await
    .unwrap()
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_may_do_what_they_may() {
    let scene = scene().await;
    let stored = scene.blobs.create(&b"content"[..]).await.unwrap();
    assert_eq!(stored.size, 7);
    assert_eq!(stored.sha1, "040f06fd774092478d450774f5ba30c5da78acc8");
    let prefix = scene.blobs.path(&stored.id).unwrap();
    let prefix = prefix
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let url = format!("{}/{prefix}/{}", scene.endpoint, stored.id);
    let agent = "agent:agent-password";
    let director = "director:director-password";
    for (arguments, expected) in [
        (words(&[&url]), " 401"),
        (words(&["-u", "agent:wrong", &url]), " 401"),
        (words(&["-u", agent, &url]), "content 200"),
        (words(&["-u", agent, "-X", "DELETE", &url]), " 403"),
        (words(&["-u", agent, "-X", "PUT", "-d", "x", &url]), " 403"),
        (
            words(&["-u", director, "-X", "PUT", "-d", "new", &url]),
            " 204",
        ),
        (words(&["-u", agent, &url]), "new 200"),
        (words(&["-u", director, "-X", "POST", &url]), " 405"),
        (words(&["-u", director, "-X", "DELETE", &url]), " 204"),
        (words(&["-u", director, "-X", "DELETE", &url]), " 404"),
        (words(&["-u", agent, &url]), " 404"),
        (
            words(&[
                "-u",
                director,
                "--path-as-is",
                &format!("{}/../../etc/passwd", scene.endpoint),
            ]),
            " 404",
        ),
        (
            words(&["-u", director, &format!("{}/00/abc", scene.endpoint)]),
            " 404",
        ),
    ] {
        assert_eq!(curl(arguments.clone()).await, expected, "{arguments:?}");
    }
    let left = std::fs::read_dir(scene.directory.path().join(".writing/test"))
        .unwrap()
        .count();
    assert_eq!(left, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_urls_need_no_password() {
    let scene = scene().await;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let now = i64::try_from(now).unwrap();
    let id = "23822964-061f-4e4f-400c-23f478f23c6d";
    let put = scene
        .signer
        .url(&scene.endpoint, Method::Put, id, now, LIFE);
    let get = scene
        .signer
        .url(&scene.endpoint, Method::Get, id, now, LIFE);
    let old = scene
        .signer
        .url(&scene.endpoint, Method::Get, id, now - 61, 60);
    for (arguments, expected) in [
        (
            words(&[
                "-X",
                "PUT",
                "-H",
                "Expect: 100-continue",
                "-d",
                "signed",
                &put,
            ]),
            " 201",
        ),
        (words(&[&put]), " 403"),
        (words(&[&get]), "signed 200"),
        (words(&["-X", "PUT", "-d", "x", &get]), " 403"),
        (words(&["-X", "DELETE", &get]), " 405"),
        (words(&[&old]), " 403"),
        // Neither without a signature.
        (words(&[get.split('?').next().unwrap()]), " 403"),
        (
            words(&[&get.split('?').next().unwrap().replace("signed/", "")]),
            " 401",
        ),
    ] {
        assert_eq!(curl(arguments.clone()).await, expected, "{arguments:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_cut_off_leaves_nothing() {
    let scene = scene().await;
    let big = scene.directory.path().join("big");
    std::fs::write(&big, vec![7_u8; 3 << 20]).unwrap();
    let id = "cut";
    let path = scene.blobs.path(id).unwrap();
    let prefix = path
        .parent()
        .unwrap()
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    // It announces more than it sends.
    let host = scene.endpoint.trim_start_matches("http://").to_owned();
    tokio::task::spawn_blocking(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        write!(
            stream,
            "PUT /{prefix}/cut HTTP/1.1\r\nHost: x\r\nAuthorization: Basic \
             ZGlyZWN0b3I6ZGlyZWN0b3ItcGFzc3dvcmQ=\r\nContent-Length: 100\r\n\r\nhalf"
        )
        .unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // The server has begun to write when it says that this was not all.
        let _ = stream.read_to_end(&mut Vec::new());
    })
    .await
    .unwrap();
    let writing = scene.directory.path().join(".writing/test");
    for _ in 0..1500 {
        if std::fs::read_dir(&writing).unwrap().count() == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(std::fs::read_dir(&writing).unwrap().count(), 0);
    assert!(!scene.blobs.exists(id).await.unwrap());
    let stored = scene
        .blobs
        .put(id, tokio::fs::File::open(&big).await.unwrap())
        .await
        .unwrap();
    assert_eq!(stored.size, 3 << 20);
    let copy = "another";
    scene.blobs.copy(id, copy).await.unwrap();
    assert!(scene.blobs.delete(id).await.unwrap());
    assert_eq!(
        scene.blobs.read(copy, 4 << 20).await.unwrap().len(),
        3 << 20
    );
    assert!(scene.blobs.read(copy, 10).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_what_cannot_be_kept_is_told_why() {
    let scene = scene().await;
    let big = scene.directory.path().join("big");
    // More than what connections hold while nobody reads.
    std::fs::write(&big, vec![7_u8; 32 << 20]).unwrap();
    std::fs::remove_dir(scene.directory.path().join(".writing/test")).unwrap();
    let path = scene.blobs.path("blob").unwrap();
    let place = path.strip_prefix(scene.directory.path()).unwrap();
    let url = format!("{}/{}", scene.endpoint, place.display());
    let put = ["-u", "director:director-password", "-H", "Expect:", "-T"];
    let put = [&put[..], &[big.to_str().unwrap(), &url]].concat();
    let said = curl(words(&put)).await;
    assert!(said.contains("No such file or directory"), "{said}");
    assert!(said.ends_with(" 500"), "{said}");
}
