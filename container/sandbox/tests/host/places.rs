//! What a program finds: files, network, processes, itself.

use std::net::TcpListener;

use warren_tests_harness::{ActorBuilder, Leaks, Ns, shared};

use crate::scene::{AS_NOBODY, REFUSED, SANDBOX, err, out, script, script_by};

/// A file that anybody may read, outside of all that a sandbox shows.
fn secret() -> (tempfile::TempDir, String) {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.path(), open).unwrap();
    let path = place.path().join("secret");
    std::fs::write(&path, "swordfish").unwrap();
    let path = path.to_str().unwrap().to_owned();
    (place, path)
}

/// Each line ends in what became of it.
fn questions(secret: &str, port: u16) -> String {
    let directory = secret.rsplit_once('/').unwrap().0;
    format!(
        "def t(name)
          yield
          puts \"#{{name}} yes\"
        rescue SystemCallError, ThreadError, SocketError
          puts \"#{{name}} no\"
        end
        t('secret') {{ File.read('{secret}') }}
        t('shadow') {{ File.read('/etc/shadow') }}
        t('proc') {{ File.read('/proc/self/status') }}
        t('write') {{ File.write('{directory}/new', 'x') }}
        t('tmp') {{ File.write('/tmp/new', 'x') }}
        t('root') {{ Dir.mkdir('/new') }}
        t('usr') {{ File.write('/usr/new', 'x') }}
        t('null') {{ File.write('/dev/null', 'x') }}
        t('disk') {{ File.read('/dev/kmsg', 1) }}
        t('library') {{ File.read('/usr/bin/env') }}
        t('tcp') {{ TCPSocket.new('127.0.0.1', {port}) }}
        t('unix') {{ UNIXServer.new('x') }}
        t('ruby') {{ OpenSSL::PKey::EC.generate('prime256v1') }}
        t('thread') {{ Thread.new {{ }}.join }}
        t('kill') {{ Process.kill(0, {parent}) }}
        ",
        parent = std::process::id(),
    )
}

const EXPECTED: &str = "secret no\nshadow no\nproc no\nwrite no\ntmp no\nroot no\nusr no\nnull yes\n\
                        disk no\nlibrary yes\ntcp no\nunix no\nruby yes\nthread yes\nkill no\n";

#[test]
fn nothing_but_the_system_is_there_on_any_rung() {
    let leaks = Leaks::snapshot();
    let (place, secret) = secret();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let asked = questions(&secret, listener.local_addr().unwrap().port());
    for (name, before) in [
        ("root", &[] as &[&str]),
        ("nobody", AS_NOBODY),
        ("bare", REFUSED),
    ] {
        let output = script_by(before, &[], &asked);
        assert_eq!(out(&output), EXPECTED, "{name}: {}", err(&output));
        // Where it is bare, that is said with its reasons.
        let is_weak = err(&output).contains("files: Landlock alone");
        assert_eq!(is_weak, name == "bare", "{name}: {}", err(&output));
    }
    let without = script(&[], "exit 7");
    assert_eq!(without.status.code(), Some(7));
    drop((place, listener));
    leaks.assert_same();
}

#[test]
fn what_is_given_can_be_read_and_not_written() {
    let _gate = shared();
    let (_place, secret) = secret();
    let line = format!("print File.read('{secret}'); $stdout.flush; File.write('{secret}', '')");
    for before in [&[] as &[&str], AS_NOBODY, REFUSED] {
        let output = script_by(before, &["--read", &secret], &line);
        assert_eq!(out(&output), "swordfish", "{}", err(&output));
        assert!(!output.status.success());
    }
}

#[test]
fn the_caller_is_out_of_sight() {
    let _gate = shared();
    // One's own number is 1, and one is not root.
    let output = script(&[], "puts Process.pid, Process.uid");
    assert_eq!(out(&output), "1\n65533\n", "{}", err(&output));
    let output = script_by(AS_NOBODY, &[], "puts Process.pid, Process.uid");
    assert_eq!(out(&output), "1\n65534\n");
}

/// Containers of namespaces and groups alone, one inside the other, as a director's machine is.
#[test]
fn it_stands_in_a_container_in_a_container() {
    let leaks = Leaks::snapshot();
    let kinds = [Ns::Mount, Ns::Pid, Ns::Net];
    let first = ActorBuilder::new().unshare(&kinds).spawn();
    let second = ActorBuilder::contained().spawn_in(&first);
    for (level, actor) in [(1, &first), (2, &second)] {
        let ran = actor.run(&[SANDBOX, "--check"]).success();
        assert!(
            ran.stdout.starts_with("files: a root of its own"),
            "level {level}: {ran:?}"
        );
        let ran = actor.run(&[
            SANDBOX,
            "--",
            "ruby",
            "-e",
            "print Process.pid, Process.uid",
        ]);
        assert_eq!(ran.success().stdout, "165533", "level {level}");
    }
    drop((second, first));
    leaks.assert_same();
}
