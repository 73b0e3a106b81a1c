//! The wire inside TLS: every kind of call, and what a client is told when certificates do not fit.

use std::io::{Cursor, Read};
use std::time::{Duration, Instant};

use warren_garden_client::{Client, Error, Identity, Streams, Target, Tls, TlsProblem};
use warren_tests_conformance::garden::{
    ADDRESS, Certificates, Container, Server, ServerBuilder, Sink, shell,
};
use warren_tests_harness::programs;
use warren_wire_garden::process::Signal;

/// Certificates as people have them: one authority, a server and a client of it.
fn certificates() -> Certificates {
    let certificates = Certificates::new();
    certificates.sign("server", "ca");
    certificates.sign("client", "ca");
    certificates
}

/// A client's files, by the authority it trusts and the name it has.
fn files(certificates: &Certificates, roots: &str, name: Option<&str>) -> Tls {
    Tls {
        roots: Some(certificates.at(roots)),
        identity: name.map(|name| Identity {
            certificate: certificates.at(&format!("{name}.pem")),
            key: certificates.at(&format!("{name}.key")),
        }),
    }
}

/// A server with the certificate of that name.
fn server(certificates: &Certificates, name: &str, wants_clients: bool) -> ServerBuilder {
    let at = |file: String| certificates.at(&file).display().to_string();
    let (certificate, key) = (at(format!("{name}.pem")), at(format!("{name}.key")));
    let roots = at("ca.pem".to_owned());
    let mut arguments = vec!["--tls-certificate", &certificate, "--tls-key", &key];
    if wants_clients {
        arguments.extend(["--tls-client-ca", &roots]);
    }
    Server::builder()
        .arguments(&arguments)
        .tls(files(certificates, "ca.pem", Some("client")))
}

fn problem(tls: &Tls, target: Target) -> TlsProblem {
    match Client::with_tls(target, tls).unwrap().ping() {
        Err(Error::Tls { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_call_goes_through() {
    let certificates = certificates();
    let server = server(&certificates, "server", true).start();
    server.inside(|| {
        let container = server.container();
        let ran = container.sh("echo out; echo err >&2; exit 42");
        assert_eq!(
            (ran.status, &*ran.stdout, &*ran.stderr),
            (42, "out\n", "err\n")
        );
        input_and_output_at_the_same_time(&container);
        let script = "trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done";
        let (process, output, _) = container.capture(&shell("root", script)).unwrap();
        while output.text().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        process.handle().signal(Signal::TERMINATE).unwrap();
        assert_eq!(process.wait().unwrap(), 42);

        let client = container.client();
        container.says("dd if=/dev/urandom of=/tmp/data bs=65536 count=50 2>/dev/null");
        let mut tar = Vec::new();
        let mut body = client.stream_out(container.handle(), "", "/tmp/data");
        body.as_mut().unwrap().read_to_end(&mut tar).unwrap();
        client
            .stream_in(container.handle(), "", "/back", Cursor::new(tar))
            .unwrap();
        container.says("cmp /tmp/data /back/data");
    });
}

/// Megabytes both ways: a thread that waits to send must not keep the other from reading.
fn input_and_output_at_the_same_time(container: &Container) {
    let input: Vec<u8> = (0..=255_u8).cycle().take(6_000_000).collect();
    let output = Sink::default();
    let streams = Streams {
        stdin: Some(Box::new(Cursor::new(input.clone()))),
        stdout: Some(Box::new(output.clone())),
        stderr: None,
    };
    let process = container.start(&shell("root", "cat"), streams).unwrap();
    assert_eq!(process.wait().unwrap(), 0);
    assert!(output.bytes() == input, "{} bytes", output.bytes().len());
    // One that reads nothing, and ends: more than all that is kept on the way.
    let streams = Streams {
        stdin: Some(Box::new(std::io::repeat(b'x').take(64 << 20))),
        ..Streams::default()
    };
    let process = container
        .start(&shell("root", "sleep 1; exit 7"), streams)
        .unwrap();
    assert_eq!(process.wait().unwrap(), 7);
}

#[test]
fn a_client_is_told_what_does_not_fit() {
    let certificates = certificates();
    certificates.sign("stranger", "other");
    certificates.sign_expired("late", "ca");
    let server = server(&certificates, "server", true).start();
    let tls = |roots, name| files(&certificates, roots, name);
    let here = || Target::Tls(ADDRESS.to_owned());
    server.inside(|| {
        let client = |roots, name| problem(&tls(roots, name), here());
        assert_eq!(client("other.pem", Some("client")), TlsProblem::Untrusted);
        assert_eq!(client("ca.pem", None), TlsProblem::CertificateWanted);
        for refused in ["stranger", "late"] {
            let told = client("ca.pem", Some(refused));
            assert_eq!(told, TlsProblem::CertificateRefused, "{refused}");
        }
        // The system's roots have not signed it.
        let nobody = Client::new(here()).ping().unwrap_err();
        let is_untrusted = matches!(
            nobody,
            Error::Tls {
                problem: TlsProblem::Untrusted,
                ..
            }
        );
        assert!(is_untrusted, "{nobody:?}");
        let good = tls("ca.pem", Some("client"));
        let named = Target::Tls(ADDRESS.replace("127.0.0.1", "localhost"));
        assert_eq!(problem(&good, named), TlsProblem::WrongName);
        // Without TLS at a server with it.
        let plain = Client::new(Target::Tcp(ADDRESS.to_owned())).ping();
        let plain = plain.unwrap_err();
        let is_told = matches!(plain, Error::Head { .. } | Error::Receive { .. });
        assert!(is_told, "{plain:?}");
    });
}

#[test]
fn an_expired_server_and_one_without_tls_are_told() {
    let certificates = certificates();
    certificates.sign_expired("late", "ca");
    let flags = ["--debug-bind-ip", "127.0.0.1", "--debug-bind-port", "7002"];
    let builder = server(&certificates, "server", false).arguments(&flags);
    let mut server = builder.start();
    let tls = files(&certificates, "ca.pem", None);
    // No certificate is wanted.
    let good = Client::with_tls(Target::Tls(ADDRESS.to_owned()), &tls).unwrap();
    server.inside(|| good.ping()).unwrap();
    // Its debug server has no TLS.
    let debug = Target::Tls("127.0.0.1:7002".to_owned());
    assert_eq!(server.inside(|| problem(&tls, debug)), TlsProblem::NoTls);

    server.end("-TERM");
    let swap = |to: &str| {
        for end in ["pem", "key"] {
            let (from, to) = (format!("{to}.{end}"), format!("server.{end}"));
            std::fs::copy(certificates.at(&from), certificates.at(&to)).unwrap();
        }
    };
    swap("late");
    server.launch();
    let deadline = Instant::now() + Duration::from_secs(30);
    let told = server.inside(|| {
        loop {
            match good.ping() {
                Err(Error::Connect { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                told => return told,
            }
        }
    });
    let is_expired = matches!(
        told,
        Err(Error::Tls {
            problem: TlsProblem::Expired,
            ..
        })
    );
    assert!(is_expired, "{told:?}");
    server.end("-TERM");
    certificates.sign("fresh", "ca");
    swap("fresh");
    server.start();
}

#[test]
fn the_command_line_has_flags_and_variables_for_it() {
    let certificates = certificates();
    let server = server(&certificates, "server", true).start();
    let path = |file| certificates.at(file).display().to_string();
    let (ca, other) = (path("ca.pem"), path("other.pem"));
    let (certificate, key) = (path("client.pem"), path("client.key"));
    let address = format!("https://{ADDRESS}");
    let warren = programs::warren().display().to_string();
    let run = |before: &[String], words: &[&str]| {
        let mut argv = vec!["env".to_owned()];
        argv.extend(before.iter().cloned());
        argv.extend([warren.clone(), "container".to_owned()]);
        argv.extend(words.iter().map(|word| (*word).to_owned()));
        server.net().run(&argv)
    };
    let flags = |ca| {
        [
            "--ca-cert",
            ca,
            "--client-cert",
            &*certificate,
            "--client-key",
            &*key,
        ]
    };
    let ping = |target, ca| {
        run(
            &[],
            &[&["ping", "--target", target][..], &flags(ca)].concat(),
        )
    };
    ping(&address, &ca).success();
    // Files for TLS mean TLS.
    ping(ADDRESS, &ca).success();
    let set = [
        format!("WARREN_GARDEN={address}"),
        format!("WARREN_GARDEN_CA_CERT={ca}"),
        format!("WARREN_GARDEN_CLIENT_CERT={certificate}"),
        format!("WARREN_GARDEN_CLIENT_KEY={key}"),
    ];
    run(&set, &["ping"]).success();
    run(&set, &["create", "--handle", "web"]).success();
    let ran = run(
        &set,
        &[
            "run",
            "web",
            "--attach",
            "--",
            "sh",
            "-c",
            "echo hi; exit 3",
        ],
    );
    assert_eq!((ran.code, &*ran.stdout), (3, "hi\n"), "{ran:?}");
    // Flags count for more.
    run(&set, &["ping", "--ca-cert", &ca]).success();

    let refused = |output: warren_tests_harness::Output, cause: &str, remedy: &str| {
        assert_ne!(output.code, 0, "{output:?}");
        assert!(output.stderr.contains(cause), "{output:?}");
        assert!(output.stderr.contains(remedy), "{output:?}");
    };
    refused(
        ping(&address, &other),
        "nobody who is trusted",
        "--ca-cert FILE",
    );
    let alone = run(&[], &["ping", "--target", &address, "--ca-cert", &ca]);
    refused(alone, "wants a client certificate", "--client-cert FILE");
    let half = run(&[], &["ping", "--target", &address, "--client-cert", &ca]);
    refused(half, "only a client certificate", "--client-key FILE");
    let unencrypted = format!("http://{ADDRESS}");
    let plain = ping(&unencrypted, &ca);
    refused(plain, "there is no TLS at", "https://HOST:PORT");
    let missing = ping(&address, "/no/such.pem");
    refused(missing, "/no/such.pem", "");
}
