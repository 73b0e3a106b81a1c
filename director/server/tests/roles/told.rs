//! What a director tells of itself: when its certificates end, and that it was started.

use std::process::Command;

use serde_json::{Value, json};
use warren_tests_harness::programs;

use crate::scene::Scene;

/// Names as stock has them, and the files that they are about.
const CERTIFICATES: [(&str, &str); 6] = [
    ("director.ssl.cert", "director-ADDRESS"),
    ("blobstore.tls.cert.ca", "ca"),
    ("nats.tls.ca", "nats-ca"),
    ("nats.tls.client_ca.certificate", "nats-ca"),
    ("nats.tls.director.certificate", "nats-director"),
    ("nats.tls.server.certificate", "nats-ADDRESS"),
];

/// When a certificate ends, as OpenSSL reads it.
fn end(scene: &Scene, name: &str) -> String {
    let name = name.replace("ADDRESS", &scene.address);
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
        .arg(scene.at(&format!("home/certs/{name}.crt")))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let end = text.trim().strip_prefix("notAfter=");
    end.unwrap_or_else(|| panic!("{name}: {text}"))
        .replace(' ', "T")
}

#[test]
fn certificates_are_told_of_with_their_ends() {
    let scene = Scene::started(&[]);
    let told = scene.json("/director/certificate_expiry");
    let expected: Vec<Value> = CERTIFICATES
        .iter()
        .enumerate()
        .map(|(at, (path, file))| {
            // They were made for ten years, this very second or one of the last.
            let days = told[at]["days_left"].as_i64();
            assert!(matches!(days, Some(3649 | 3650)), "{told}");
            json!({"certificate_path": path, "expiry": end(&scene, file), "days_left": days})
        })
        .collect();
    assert_eq!(told, json!(expected), "{}", scene.logs());
    let secrets = scene.secrets();
    let output = Command::new(programs::warren())
        .args(["env", "--tty", "--details", "-e"])
        .arg(format!("https://{}:25555", scene.address))
        .arg("--ca-cert")
        .arg(scene.at("home/certs/ca.crt"))
        .args(["--client", "admin", "--client-secret"])
        .arg(secrets["admin_password"].as_str().unwrap())
        .env("HOME", scene.directory.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("CERTIFICATE EXPIRY DATE INFORMATION\n"),
        "{output:?}"
    );
    for (path, file) in CERTIFICATES {
        let mut lines = text.lines();
        let line = lines.find(|line| line.starts_with(path)).unwrap();
        assert!(line.contains(&end(&scene, file)), "{line}");
    }
}

#[test]
fn each_start_is_an_event() {
    let mut scene = Scene::started(&[]);
    let starts = |scene: &Scene| -> Vec<Value> {
        let all = scene.json("/events?action=start");
        all.as_array().cloned().unwrap_or_default()
    };
    let of = |all: &[Value], kind: &str| -> Vec<Value> {
        let some = all.iter().filter(|event| event["object_type"] == kind);
        some.cloned().collect()
    };
    scene.wait("both starts", || starts(&scene).len() == 2);
    let all = starts(&scene);
    let director = &of(&all, "director")[0];
    assert_eq!(director["user"], "_director");
    assert_eq!(director["object_name"], scene.secrets()["uuid"]);
    let version = scene.json("/info")["version"].clone();
    assert_eq!(director["context"], json!({ "version": version }));
    let worker = &of(&all, "worker")[0];
    assert_eq!(
        (&worker["user"], &worker["context"]),
        (&json!("_director"), &json!({}))
    );
    scene.kill("worker");
    scene.start("worker");
    scene.wait("another worker", || {
        of(&starts(&scene), "worker").len() == 2
    });
}
