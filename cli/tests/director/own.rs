//! Which director is meant: this machine's own, where nobody names another.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output};

use crate::server::WARREN;
use crate::terminal;

const OWN: &str = "https://127.0.0.77:25555";

/// An environment as `up` leaves it, with nobody behind it.
fn environment() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let record = r#"{"name":"warren","depth":1,"database":"sqlite","database_password":"","bpm":false,
        "tag":"u","machines":[10,244],"levels":[10,255],"image":"i","addresses":["127.0.0.77"]}"#;
    let director = home.path().join("next/vcap/store/director");
    fs::create_dir_all(director.join("certs")).unwrap();
    fs::write(home.path().join("environment.json"), record).unwrap();
    // What `stop` takes away.
    fs::write(home.path().join("garden.sock"), "").unwrap();
    fs::write(
        director.join("secrets.json"),
        r#"{"admin_password":"it's"}"#,
    )
    .unwrap();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args([
            "-nodes",
            "-subj",
            "/CN=own",
            "-days",
            "1",
            "-keyout",
            "/dev/null",
            "-out",
        ])
        .arg(director.join("certs/ca.crt"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    home
}

fn run(home: &Path, named: Option<&str>, words: &[&str]) -> (i32, String) {
    let mut command = Command::new(WARREN);
    command
        .args(words)
        .env_clear()
        .env("HOME", home)
        .env("WARREN_HOME", home)
        .env("BOSH_NON_INTERACTIVE", "true");
    command.envs(named.map(|url| ("BOSH_ENVIRONMENT", url)));
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    (status.code().unwrap(), text)
}

#[test]
fn it_is_this_machines_own_unless_another_is_named() {
    let home = environment();
    let (code, text) = run(home.path(), None, &["stemcells"]);
    assert_eq!(code, 1);
    assert!(text.contains(&format!("'{OWN}/info'")), "{text}");
    assert!(
        text.contains("does the director run? 'warren status'"),
        "{text}"
    );
    let other = "https://127.0.0.78:25555";
    let (_, text) = run(home.path(), Some(other), &["stemcells"]);
    assert!(text.contains(other) && !text.contains(OWN), "{text}");
    // Where there is none, somebody has to say.
    let nothing = tempfile::tempdir().unwrap();
    let (_, text) = run(nothing.path(), None, &["stemcells"]);
    assert!(text.contains("Expected non-empty Director URL"), "{text}");
}

/// Nothing of it is asked, and it is said once what to do.
#[test]
fn one_that_is_stopped_says_so() {
    let home = environment();
    fs::remove_file(home.path().join("garden.sock")).unwrap();
    let shown = home.path().display();
    let said = format!("the environment in {shown} is stopped: warren start brings it back");
    let of_director = format!("{said}\n\nExit code 1\n");
    for (words, text) in [
        (&["status"][..], format!("Error: {said}\n")),
        (
            &["status", "--json"],
            format!("{{\"error\":\"{said}\",\"remedy\":null}}\n"),
        ),
        (&["tree"], format!("Error: {said}\n")),
        (&["shell", "director"], format!("Error: {said}\n")),
        (&["stemcells"], of_director.clone()),
    ] {
        assert_eq!(run(home.path(), None, words), (1, text), "{words:?}");
    }
    // Also if it is named as `env` does, with its authority; another may have its address by now.
    let authority = home.path().join("next/vcap/store/director/certs/ca.crt");
    let words = ["stemcells", "--ca-cert", authority.to_str().unwrap()];
    assert_eq!(run(home.path(), Some(OWN), &words), (1, of_director));
    let (_, text) = run(home.path(), Some(OWN), &["stemcells"]);
    assert!(text.contains(&format!("'{OWN}/info'")), "{text}");
    // What it is called is known all the same.
    assert_eq!(run(home.path(), None, &["env"]).0, 0);
}

/// Its Garden server is stuck: who looks on a terminal sees what is waited for, and nobody else does.
#[test]
fn who_waits_on_a_terminal_sees_for_what() {
    let home = environment();
    let socket = home.path().join("garden.sock");
    fs::remove_file(&socket).unwrap();
    let _stuck = UnixListener::bind(&socket).unwrap();
    for verb in ["status", "tree"] {
        let line = format!("'{WARREN}' {verb} --home {}", home.path().display());
        let is_seen = |seen: &[u8]| String::from_utf8_lossy(seen).contains("\rWaiting for ");
        let (_seen, mut child, _stdout) = terminal::run_until(&line, is_seen);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

/// It is asked on a terminal whether all that goes may go; whoever gives a script is not.
#[test]
fn what_has_deployments_is_not_removed_unasked() {
    let home = environment();
    fs::remove_file(home.path().join("garden.sock")).unwrap();
    let line = format!("'{WARREN}' down --home {}", home.path().display());
    let on_a_terminal = |more: &str| {
        let line = format!("{line}{more}");
        let mut terminal = Command::new("script");
        terminal.args(["-qec", &line, "/dev/null"]);
        terminal
            .env_remove("BOSH_NON_INTERACTIVE")
            .env_remove("WARREN_NON_INTERACTIVE");
        let output = crate::server::told(&mut terminal, "n\n");
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
        )
    };
    let (code, text) = on_a_terminal("");
    assert_eq!(code, 1, "{text}");
    for said in [
        "with their disks",
        "is stopped",
        "Continue? [yN]: ",
        "Error: Stopped",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(home.path().join("environment.json").exists());
    let (code, text) = on_a_terminal(" --all --non-interactive");
    assert!(code == 0 && !home.path().exists(), "{text}");
    // There is nothing any more, which is good, and is told.
    let (code, text) = on_a_terminal("");
    assert!(code == 0 && text.contains("there is none in"), "{text}");
}

#[test]
fn a_shell_can_evaluate_what_it_has_to_export() {
    let home = environment();
    let (code, text) = run(home.path(), Some("https://127.0.0.78:25555"), &["env"]);
    assert_eq!(code, 0, "{text}");
    let script = format!("{text}\necho \"$BOSH_ENVIRONMENT $BOSH_CLIENT $BOSH_CLIENT_SECRET\"");
    let said = Command::new("sh").args(["-ec", &script]).output().unwrap();
    let said = String::from_utf8(said.stdout).unwrap();
    assert_eq!(said, format!("{OWN} admin it's\n"));
}

#[test]
fn nothing_of_this_machine_stops_when_another_director_is_named() {
    let home = environment();
    let (_, text) = run(home.path(), Some("https://127.0.0.78:25555"), &["stop"]);
    // That one is asked, and nothing of the other is touched.
    assert!(text.contains("https://127.0.0.78:25555/info"), "{text}");
    assert!(home.path().join("environment.json").exists());
}
