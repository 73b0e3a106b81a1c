//! The language, on files shaped as releases write them, and on junk.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;

use super::assemble::{Source, assemble, name_matches};
use super::model::*;
use super::*;

fn read(text: &str) -> File {
    parse(Path::new("/t.monitrc"), text).unwrap()
}

fn refused(text: &str) -> (usize, String) {
    let error = parse(Path::new("/t.monitrc"), text).unwrap_err();
    (error.line, error.reason)
}

fn only(text: &str) -> Service {
    let mut file = read(text);
    assert_eq!(file.services.len(), 1, "{text}");
    file.services.remove(0)
}

#[test]
fn a_process_with_everything() {
    let service = only(
        "check process Post_gres with pidfile /var/vcap/sys/run/bpm/p/p.pid
           start program \"/var/vcap/jobs/p/bin/ctl 'start it' now\" as uid vcap and gid 1000
             with timeout 300 seconds
           stop program = \"/var/vcap/jobs/p/bin/ctl stop\" with timeout 2 minutes as uid 0
           group vcap
           depends on a, b
           every 2 cycles
           mode passive
           if totalmem > 500 MB for 3 cycles then alert
           if cpu > 90% 4 times within 5 cycles then restart else if passed 1 cycles then alert
           if loadavg(5min) greater than 3.5 then unmonitor
           if 5 restarts within 5 cycles then timeout
           if does not exist for 2 cycles then stop",
    );
    assert_eq!(service.name, "Post_gres");
    let start = service.start.unwrap();
    assert_eq!(
        start.command,
        ["/var/vcap/jobs/p/bin/ctl", "start it", "now"]
    );
    assert_eq!(
        (start.user.as_deref(), start.group.as_deref()),
        (Some("vcap"), Some("1000"))
    );
    assert_eq!(start.timeout, Duration::from_secs(300));
    assert_eq!(service.stop.unwrap().timeout, Duration::from_secs(120));
    assert_eq!(service.groups, ["vcap"]);
    assert_eq!(service.depends, ["a", "b"]);
    assert_eq!((service.every, service.mode), (2, Mode::Passive));
    let tests: Vec<&Test> = service.rules.iter().map(|rule| &rule.test).collect();
    // Monit's megabyte.
    let limit = f64::from(1_048_580 * 500 / 1024);
    let expected = Test::Resource {
        what: Resource::TotalMemoryKilobyte,
        op: Op::Greater,
        limit,
    };
    assert_eq!(tests[0], &expected);
    assert_eq!(
        service.rules[1].window,
        Window {
            count: 4,
            cycles: 5
        }
    );
    assert!(matches!(
        tests[2],
        Test::Resource {
            what: Resource::Load5,
            ..
        }
    ));
    assert_eq!(
        tests[3],
        &Test::Restarts {
            count: 5,
            cycles: 5
        }
    );
    assert_eq!(service.rules[3].action, Action::Unmonitor);
    assert_eq!(service.rules[4].action, Action::Stop);
}

#[test]
fn connections() {
    let service = only(
        "check process a with pidfile /a
         if failed host 127.0.0.1 port 25555 protocol http and request '/info' hostheader 'x'
            with timeout 60 seconds for 3 cycles then exec \"/bin/x a\"
         if failed unixsocket /var/vcap/data/garden.sock with timeout 5 seconds for 12 cycles
            then restart
         if failed port 6379 send \"PING\\r\\n\" expect \"PONG\" then restart
         if failed url http://u:p@10.0.0.1:81/x?y=z content == \"ok\" then alert
         if failed port 443 type tcpssl protocol https request '/' then alert",
    );
    let connection = |at: usize| match &service.rules[at].test {
        Test::Connection(connection) => connection.clone(),
        other => panic!("{other:?}"),
    };
    let first = connection(0);
    assert_eq!(first.target, Target::Tcp("127.0.0.1".into(), 25555));
    assert_eq!(first.timeout, Duration::from_secs(60));
    assert!(matches!(first.protocol, Protocol::Http(http) if http.path == "/info"));
    assert!(matches!(&service.rules[0].action, Action::Exec(p) if p.command == ["/bin/x", "a"]));
    assert!(matches!(connection(1).target, Target::Unix(_)));
    assert_eq!(
        service.rules[1].window,
        Window {
            count: 12,
            cycles: 12
        }
    );
    let steps = [
        Step::Send(b"PING\r\n".to_vec()),
        Step::Expect("PONG".into()),
    ];
    assert_eq!(connection(2).protocol, Protocol::Exchange(steps.to_vec()));
    let url = connection(3);
    assert_eq!(url.target, Target::Tcp("10.0.0.1".into(), 81));
    assert!(matches!(url.protocol, Protocol::Http(http)
        if http.path == "/x?y=z" && http.credentials == Some(("u".into(), "p".into()))));
    assert_eq!(connection(4).protocol, Protocol::None);
}

#[test]
fn the_main_file_and_the_agents_alerts() {
    let file = read(
        "set daemon 10 with start delay 5
         set logfile /var/vcap/monit/monit.log
         set httpd port 2822 and use address 127.0.0.1
           allow cleartext /var/vcap/monit/monit.user
           allow me:secret read-only
           allow 10.0.0.0/8
         include /var/vcap/monit/*.monitrc
         set alert agent@local
         set alert ops@x not on { instance, action }
         set mailserver localhost port 2825 with timeout 15 seconds
         set eventqueue basedir /var/vcap/monit/events slots 5000
         set mail-format {
           from: monit@localhost
           subject: Monit Alert
           message: Service: $SERVICE
           Event: $EVENT
         }",
    );
    let mut settings = Settings::default();
    file.settings
        .into_iter()
        .for_each(|each| settings.apply(each));
    assert_eq!(settings.start_delay, Duration::from_secs(5));
    let httpd = settings.httpd.unwrap();
    assert_eq!((httpd.port, httpd.allow.len()), (2822, 3));
    assert_eq!(settings.event_slots, 5000);
    assert_eq!(settings.alerts[1].but, ["instance", "action"]);
    assert_eq!(settings.mail_servers[0].port, 2825);
    let message = settings.mail_format.message.unwrap();
    assert!(message.starts_with("Service: $SERVICE"), "{message}");
    assert_eq!(file.includes[0].0, "/var/vcap/monit/*.monitrc");
}

#[test]
fn other_kinds() {
    let file = read(
        "check file log with path /l if size > 1 GB then alert if timestamp > 15 minutes then alert
         check filesystem data path /data if space usage > 80% then alert
         check host db with address 10.0.0.1 if failed port 5432 then alert
         check program ok with path \"/bin/ok x\" with timeout 5 seconds
           if status != 0 then alert
         check system here if memory usage > 90% then alert if cpu usage (wait) > 20% then alert",
    );
    let kinds: Vec<bool> = file
        .services
        .iter()
        .map(|each| {
            matches!(
                each.kind,
                Kind::File(_)
                    | Kind::Filesystem(_)
                    | Kind::Host(_)
                    | Kind::Program(_)
                    | Kind::System
            ) && !each.rules.is_empty()
        })
        .collect();
    assert_eq!(kinds, [true; 5]);
    assert!(matches!(&file.services[2].rules[0].test,
        Test::Connection(c) if c.target == Target::Tcp("10.0.0.1".into(), 5432)));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let (line, reason) = refused("check process a with pidfile /a\n\n  frobnicate yes");
    assert_eq!(line, 3);
    assert!(reason.contains("frobnicate"), "{reason}");
    for text in [
        "check process a with pidfile a",
        "check process a",
        "check process /a with pidfile /a",
        "check process a with pidfile /a start program \"bin/a\"",
        "check process a with pidfile /a start program \"/bin/a 'b\"",
        "check process a with pidfile /a if cpu > 90% for 65 cycles then alert",
        "check process a with pidfile /a if cpu > x% then alert",
        "check process a with pidfile /a if failed icmp then alert",
        "check process a with pidfile /a if failed port 70000 then alert",
        "check process a with pidfile /a if failed port 7 then explode",
        "check process a with pidfile /a every \"* 8 * * *\"",
        "check process a matching \"(\"",
        "set daemon 0",
        "set httpd port 1 allow pam",
        "set thing",
        "start",
        "check process a with pidfile \"/a",
    ] {
        assert!(!refused(text).1.is_empty(), "{text}");
    }
}

fn source(path: &str, text: &str) -> Source {
    Source {
        path: path.into(),
        read: parse(Path::new(path), text),
    }
}

#[test]
fn a_bad_file_harms_only_itself() {
    let all = assemble(
        vec![
            source("/good", "check process a with pidfile /a"),
            source("/bad", "check process b with pidfile b"),
            source(
                "/double",
                "check process A with pidfile /a check process c with pidfile /c",
            ),
            // Falls with the file that falls before it.
            source("/needs", "check process d with pidfile /d depends on c"),
            source(
                "/circle",
                "check process e with pidfile /e depends on f
                check process f with pidfile /f depends on e",
            ),
            source("/fine", "check process g with pidfile /g depends on a"),
        ],
        "here",
    );
    let names: Vec<&str> = all.services.iter().map(|each| each.name.as_str()).collect();
    assert_eq!(
        names,
        ["a", "g", "bad", "double", "needs", "circle", "system_here"]
    );
    let reasons: Vec<String> = all.problems.iter().map(ToString::to_string).collect();
    assert!(reasons[0].starts_with("/bad:1: "), "{reasons:?}");
    assert!(reasons[1].contains("/good:1"), "{reasons:?}");
    assert!(reasons[3].contains("depends on itself"), "{reasons:?}");
    assert_eq!(all.services[2].groups, ["vcap"]);
}

#[test]
fn names_of_files() {
    for (pattern, name, expected) in [
        ("*.monitrc", "a.monitrc", true),
        ("*.monitrc", ".monitrc", false),
        ("*.monitrc", "a.monitrc~", false),
        ("a?c*[0-9]", "abcxx7", true),
        ("[!a]b", "ab", false),
        ("[!a]b", "cb", true),
        ("[", "[", false),
        ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
    ] {
        assert_eq!(name_matches(pattern, name), expected, "{pattern} {name}");
    }
}

/// Words of the language, for junk that gets further than plain junk.
fn junk_words() -> impl Strategy<Value = String> {
    let words = [
        "check",
        "process",
        "a",
        "with",
        "pidfile",
        "/a",
        "start",
        "program",
        "\"/a b\"",
        "if",
        "failed",
        "port",
        "80",
        "then",
        "alert",
        "else",
        "cycles",
        "for",
        "3",
        "mem",
        ">",
        "90%",
        "set",
        "httpd",
        "allow",
        "x:y",
        "{",
        "}",
        "mail-format",
        "include",
        "url",
        "http://a/",
        "depends",
        "on",
        "not",
        "exist",
        "alert",
        "timeout",
        "system",
        "\n",
        "'",
        "loadavg",
        "(1min)",
        "send",
        "expect",
        "matching",
        "\"(a+)+\"",
        "5",
        "restarts",
        "within",
        ":",
        "mailserver",
    ];
    let word = proptest::sample::select(words.to_vec());
    proptest::collection::vec(word, 0..40).prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn any_text_gives_a_file_or_an_error(text in ".{0,200}") {
        let _ = parse(Path::new("/t"), &text);
    }

    #[test]
    fn any_words_give_a_file_or_an_error(text in junk_words()) {
        let lines = text.lines().count().max(1);
        match parse(Path::new("/t"), &text) {
            Ok(file) => {
                let read = Ok(file);
                let all = assemble(vec![Source { path: "/t".into(), read }], "h");
                prop_assert!(!all.services.is_empty());
            }
            Err(error) => prop_assert!(error.line >= 1 && error.line <= lines + 1),
        }
    }
}

/// Files written for this test, in the ways that public releases write theirs.
#[test]
fn files_of_releases_are_read_without_loss() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/corpus");
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let read = parse(&path, &text);
        assert!(read.is_ok(), "{}: {read:?}", path.display());
        sources.push(Source { path, read });
    }
    let all = assemble(sources, "here");
    assert_eq!(all.problems, []);
    assert_eq!(all.warnings, []);
    let find = |name: &str| all.services.iter().find(|each| each.name == name).unwrap();
    assert_eq!(all.services.len(), 11);
    assert_eq!(
        find("postgres").start.as_ref().unwrap().timeout,
        Duration::from_secs(300)
    );
    assert_eq!(find("worker_1").depends, ["director"]);
    let dump = &find("health_monitor").rules[0];
    assert!(matches!(&dump.action, Action::Exec(program) if program.command.len() == 3));
    assert_eq!(dump.window.count, 15);
    let web = find("web");
    assert_eq!((web.groups.len(), web.rules.len()), (2, 7));
    assert_eq!(web.start.as_ref().unwrap().user.as_deref(), Some("vcap"));
    let consensus = find("consensus");
    assert_eq!(
        consensus.rules[0].window,
        Window {
            count: 4,
            cycles: 5
        }
    );
    assert!(matches!(&consensus.rules[1].test,
        Test::Connection(c) if matches!(&c.protocol, Protocol::Exchange(steps) if steps.len() == 2)));
    assert_eq!(all.settings.event_slots, 5000);
    assert_eq!(find("localhost").kind, Kind::System);
}
