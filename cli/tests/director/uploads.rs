//! Releases: exported, and sent of directories, of repositories and while deploying.

use crate::requests::body;
use crate::server::{Server, json, started};

/// Digest of `packed`.
const SHA256: &str = "sha256:88cb8a087b6e8cebfc9ae5602f5a2159a6bcf923e7f2c56809bcda6cad1727a7";

#[test]
fn a_release_is_exported_and_checked() {
    let server = Server::new();
    let exported = |digest: &str| format!(r#"{{"blobstore_id":"b-1","sha1":"{digest}"}}"#);
    server
        .says("POST /releases/export", started(7))
        .has_task(7, "done", "", &exported(SHA256))
        .says(
            "GET /releases/zk?version=1",
            json(r#"{"jobs":[{"name":"zk"}],"packages":[]}"#),
        )
        .says("GET /resources/b-1", json("packed"));
    let words = [
        "export-release",
        "-d",
        "zk",
        "zk/1",
        "os/1.1",
        "--job",
        "zk",
    ];
    let ran = server.run(&words);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_eq!(
        body(&server, "POST /releases/export"),
        serde_json::json!({"deployment_name": "zk", "release_name": "zk", "release_version": "1",
            "stemcell_os": "os", "stemcell_version": "1.1", "sha2": true, "jobs": [{"name": "zk"}]})
    );
    let here = || -> Vec<String> {
        let all = std::fs::read_dir(server.at(".")).unwrap();
        all.map(|one| one.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let files = here();
    assert_eq!(files.len(), 1, "{files:?}");
    assert!(
        files[0].starts_with("zk-zk-1-os-1.1-") && files[0].ends_with(".tgz"),
        "{files:?}"
    );
    assert_eq!(std::fs::read(server.at(&files[0])).unwrap(), b"packed");

    let ran = server.run(&[
        "export-release",
        "-d",
        "zk",
        "zk/1",
        "os/1.1",
        "--job",
        "nope",
    ]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("Job 'nope' for release 'zk/1' doesn't exist"),
        "{ran:?}"
    );

    // What is not what was said is not kept.
    let wrong = SHA256.replace(':', ":0").get(..71).unwrap().to_owned();
    let other = Server::new();
    other
        .says("POST /releases/export", started(7))
        .has_task(7, "done", "", &exported(&wrong))
        .says("GET /resources/b-1", json("packed"));
    let ran = other.run(&["export-release", "-d", "zk", "zk/1", "os/1.1"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err
            .contains("Downloading exported release:\n  Checking resource 'b-1'"),
        "{ran:?}"
    );
    assert_eq!(std::fs::read_dir(other.at(".")).unwrap().count(), 0);
}

const MADE: &str = "
    mkdir demo && cd demo && $WARREN release init --git --local-blobstore ../store >/dev/null
    $WARREN release generate-job web >/dev/null
    printf 'name: web\\ntemplates: {}\\npackages: []\\n' >jobs/web/spec
    git add -A; git -c user.name=x -c user.email=x@x commit -qm x";

fn shell(server: &Server, line: &str) {
    let mut command = server.command(&[]);
    command = {
        let mut shell = std::process::Command::new("sh");
        shell
            .args(["-ec", line])
            .env("WARREN", crate::server::WARREN);
        shell.env("HOME", command.get_current_dir().unwrap());
        shell.env("GIT_CONFIG_GLOBAL", "/dev/null");
        shell.current_dir(command.get_current_dir().unwrap());
        shell
    };
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn releases_of_directories_and_repositories_are_sent() {
    let server = Server::new();
    shell(&server, MADE);
    server
        .says("GET /releases", json("[]"))
        .says("POST /packages/matches", json("[]"))
        .says("POST /releases", started(64))
        .has_task(64, "done", "", "");
    let directory = server.at("demo").display().to_string();
    let ran = server.run(&["upload-release", &directory]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.err.contains("at least one dev or final version"),
        "{ran:?}"
    );

    shell(
        &server,
        "cd demo && $WARREN release create >/dev/null && $WARREN release create --force >/dev/null",
    );
    for words in [
        &["upload-release", &directory][..],
        &["upload-release", "--dir", "demo"],
    ] {
        let ran = server.run(words);
        assert_eq!(ran.code, 0, "{ran:#?}");
        let sent = server.asked().pop().unwrap();
        assert_eq!(sent.line, "POST /releases");
        assert_eq!(sent.headers["content-type"], "application/x-compressed");
        std::fs::write(server.at("sent.tgz"), &sent.body).unwrap();
        let ran = server.run(&["inspect-local-release", "sent.tgz", "--json"]);
        let row = &ran.json()["Tables"][0]["Rows"][0];
        assert_eq!(row["name"], "demo", "{ran:?}");
        // The second: the newest.
        assert_eq!(row["version"], "0+dev.2", "{ran:?}");
    }
    let ran = server.run(&[
        "upload-release",
        "--dir",
        "demo",
        "--name=demo",
        "--version=0+dev.1",
    ]);
    assert_eq!(ran.code, 0, "{ran:#?}");

    // Only what everybody has is in a repository.
    shell(
        &server,
        "cd demo && $WARREN release create --final >/dev/null && git add -A && \
        git -c user.name=x -c user.email=x@x commit -qm final",
    );
    let url = format!("git+file://{directory}");
    let ran = server.run(&["upload-release", &url]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    let ran = server.run(&["upload-release", "git+file:///nowhere"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("Cloning git repo 'file:///nowhere'"),
        "{ran:?}"
    );
}

#[test]
fn a_deploy_makes_releases_of_version_create() {
    let server = Server::new();
    shell(&server, MADE);
    server
        .says("GET /releases", json("[]"))
        .says("POST /packages/matches", json("[]"))
        .says("POST /releases", started(64))
        .says(
            "POST /deployments/d/diff?redact=true",
            json(r#"{"context":{},"diff":[]}"#),
        )
        .says("POST /deployments?context=%7B%7D", started(65))
        .has_task(64, "done", "", "")
        .has_task(65, "done", "", "");
    let text = "name: d\nreleases:\n- {name: demo, version: create, url: file://demo}\n";
    let path = server.file("d.yml", text);
    let ran = server.run(&["deploy", "-d", "d", &path]);
    assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.lines());
    let sent = String::from_utf8(server.asked().pop().unwrap().body).unwrap();
    assert!(
        sent.contains("version: 0+dev.") && !sent.contains("create"),
        "{sent}"
    );
}
