//! Calls of CPIs that are shell scripts.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};
use tempfile::TempDir;
use warren_director_cpi::{Cpi, Error, ErrorKind, Settings};

struct Scene {
    cpi: Cpi,
    directory: TempDir,
    log: Arc<Mutex<String>>,
}

/// A CPI whose answer to `info` is given, and that then runs `script` with the request in `request`.
fn scene(info: &str, script: &str) -> Scene {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("cpi");
    let text = format!(
        "#!/bin/sh\ncd {}\nrequest=$(cat)\necho \"$request\" >>requests\ncase $request in\n\
         '{{\"method\":\"info\"'*) echo '{info}'; exit 0;;\nesac\n{script}\n",
        directory.path().display()
    );
    std::fs::write(&program, text).unwrap();
    let log = Arc::new(Mutex::new(String::new()));
    let lines = Arc::clone(&log);
    let settings = Settings {
        // Read by the shell: a file that was just written cannot be executed while another thread forks.
        command: vec!["/bin/sh".into(), program],
        director_uuid: "d".to_owned(),
        properties: Map::new(),
        preferred_version: 3,
    };
    let cpi = Cpi::new(
        settings,
        Arc::new(move |line| lines.lock().unwrap().push_str(line)),
    );
    Scene {
        cpi,
        directory,
        log,
    }
}

const V2: &str =
    r#"{"result":{"api_version":2,"stemcell_formats":["warden-tar"]},"error":null,"log":""}"#;

#[tokio::test]
async fn info_is_asked_once_and_secrets_are_not_logged() {
    let scene = scene(
        V2,
        r#"echo oops >&2; echo '{"result":true,"error":null,"log":"inner"}'; exit 3"#,
    );
    for _ in 0..3 {
        assert_eq!(scene.cpi.has_vm("secret-cid").await.unwrap(), Some(true));
    }
    let requests = std::fs::read_to_string(scene.directory.path().join("requests")).unwrap();
    let methods: Vec<serde_json::Value> = requests
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .collect();
    assert_eq!(methods.len(), 4);
    assert!(methods[0].get("api_version").is_none());
    assert_eq!(methods[1]["api_version"], 2);
    assert_eq!(methods[1]["context"]["director_uuid"], "d");
    let log = scene.log.lock().unwrap().clone();
    assert!(log.contains("oops") && log.contains("inner"), "{log}");
    assert!(!log.contains("secret-cid"), "{log}");
}

#[tokio::test]
async fn refusals_have_kinds() {
    let refusal = |kind: &str, retry: bool| {
        format!(
            r#"echo '{{"result":null,"error":{{"type":"Bosh::Clouds::{kind}","message":"m","ok_to_retry":{retry}}},"log":""}}'"#
        )
    };
    let scene = scene_with(&refusal("VMNotFound", false));
    scene.cpi.delete_vm("v", Some(3)).await.unwrap();
    let error = scene.cpi.reboot_vm("v").await.unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::VmNotFound));
    let text = error.to_string();
    assert!(
        text.starts_with(
            "CPI error 'Bosh::Clouds::VMNotFound' with message 'm' in 'reboot_vm' CPI method (CPI request ID: 'cpi-"
        ),
        "{text}"
    );
    let scene = scene_with(&refusal("NotImplemented", true));
    assert_eq!(scene.cpi.has_disk("d").await.unwrap(), None);
    assert_eq!(scene.cpi.get_vm_log("v").await.unwrap(), None);
    scene.cpi.set_vm_metadata("v", Map::new()).await.unwrap();
    let error = scene.cpi.resize_disk("d", 1).await.unwrap_err();
    assert!(error.is_unsupported() && error.ok_to_retry());
}

fn scene_with(script: &str) -> Scene {
    scene(V2, script)
}

#[tokio::test]
async fn an_answer_without_end_is_not_kept() {
    let scene =
        scene_with("head -c 70000000 /dev/zero; head -c 70000000 /dev/zero >&2; echo >whole");
    let error = scene.cpi.has_vm("v").await.unwrap_err();
    assert!(error.to_string().contains("longer than 64 MiB"), "{error}");
    // It was read to its end, and its process ended well.
    assert!(scene.directory.path().join("whole").exists());
    let length = scene.log.lock().unwrap().len();
    assert!(length < 65 << 20, "{length}");
}

#[tokio::test]
async fn answers_that_break_the_contract_are_named() {
    for script in [
        "echo not json",
        "true",
        r#"echo '{"result":1}'"#,
        r#"echo '{"result":1,"error":{"type":"x"},"log":""}'"#,
        r#"echo '{"result":1,"error":null,"log":null}'"#,
        "kill -9 $$",
    ] {
        let error = scene_with(script).cpi.has_vm("v").await.unwrap_err();
        assert!(matches!(error, Error::Response { .. }), "{script}: {error}");
    }
    let scene = scene_with(r#"echo '{"result":"","error":null,"log":""}'"#);
    let error = scene.cpi.attach_disk("v", "d", None).await.unwrap_err();
    assert!(error.to_string().ends_with("No disk_hint"), "{error}");
}

#[tokio::test]
async fn versions_are_agreed_on() {
    for (reported, expected) in [("2", 2), ("3", 3), ("9", 3)] {
        let info = format!(r#"{{"result":{{"api_version":{reported}}},"error":null,"log":""}}"#);
        let scene = scene(&info, "true");
        let info = scene.cpi.info().await.unwrap();
        assert_eq!(
            (info.api_version, &info.stemcell_formats),
            (expected, &None)
        );
    }
    for result in ["{}", r#"{"api_version":1}"#, "null"] {
        let info = format!(r#"{{"result":{result},"error":null,"log":""}}"#);
        let error = scene(&info, "true").cpi.has_vm("v").await.unwrap_err();
        assert!(matches!(error, Error::Version { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let settings = Settings {
        command: vec!["/no/such/cpi".into()],
        director_uuid: String::new(),
        properties: Map::new(),
        preferred_version: 2,
    };
    let error = Cpi::new(settings, Arc::new(|_| ()))
        .info()
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "cannot run the CPI /no/such/cpi");
}

/// As one that was installed a moment ago, while somebody who has forked meanwhile has it open yet.
#[tokio::test]
async fn a_program_that_is_open_for_writing_is_waited_for() {
    use std::os::unix::fs::PermissionsExt;
    let scene = scene(V2, "true");
    let program = scene.directory.path().join("cpi");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut writing = Some(
        std::fs::File::options()
            .append(true)
            .open(&program)
            .unwrap(),
    );
    let settings = Settings {
        command: vec![program],
        director_uuid: String::new(),
        properties: Map::new(),
        preferred_version: 2,
    };
    let cpi = Cpi::new(settings, Arc::new(|_| ()));
    // The first is begun before the second, on the same thread, and waits.
    let (info, ()) = tokio::join!(cpi.info(), async { drop(writing.take()) });
    assert_eq!(info.unwrap().api_version, 2);
}

#[tokio::test]
async fn what_may_pass_is_tried_again() {
    let scene = scene_with(
        r#"count=$(grep -c delete_vm requests)
if [ $count -lt 3 ]; then
  echo '{"result":null,"error":{"type":"Bosh::Clouds::CloudError","message":"away","ok_to_retry":true},"log":""}'
else
  echo '{"result":null,"error":null,"log":""}'
fi"#,
    );
    scene.cpi.delete_vm("v", None).await.unwrap();
    let tries = || {
        let requests = std::fs::read_to_string(scene.directory.path().join("requests")).unwrap();
        requests.lines().count()
    };
    // And info.
    assert_eq!(tries(), 4);
    assert!(scene.log.lock().unwrap().contains("away"));
    // What would make two is not: nobody calls delete_vm here.
    std::fs::write(scene.directory.path().join("requests"), "").unwrap();
    let made = scene.cpi.create_disk(1, Map::new(), "v", "wanted").await;
    assert!(made.unwrap_err().ok_to_retry());
    let asked = std::fs::read_to_string(scene.directory.path().join("requests")).unwrap();
    let asked: Value = serde_json::from_str(&asked).unwrap();
    assert_eq!(asked["context"]["warren_disk_cid"], "wanted");
    assert_eq!(tries(), 1);
}
