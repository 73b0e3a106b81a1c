//! Names of others.

use crate::recursor::{Recursor, address, code};
use crate::wire::{self, A};
use crate::world::{PATIENCE, World, server};

/// A world whose `/etc/resolv.conf` names these servers.
fn asking(servers: &[&str]) -> World {
    let mut world = World::new();
    let lines: String = servers
        .iter()
        .map(|s| format!("nameserver {s}\n"))
        .collect();
    world.write("resolv.conf", &lines);
    world.start();
    world
}

#[test]
fn answers_are_kept_as_long_as_they_say() {
    let world = asking(&["127.0.0.11"]);
    let recursor = Recursor::start(&world.net, "127.0.0.11", |query, _| {
        vec![address(query, 1, 300)]
    });
    let said = world.ask("www.example.com", A);
    assert_eq!(said.addresses, ["192.0.2.1"]);
    assert_eq!(recursor.asked(), 1);
    for _ in 0..20 {
        let again = world.ask("WWW.example.COM", A);
        assert_eq!(again.addresses, ["192.0.2.1"]);
        assert!(again.ttl.unwrap() <= 300);
    }
    assert_eq!(recursor.asked(), 1);
    // Another kind is another question.
    world.ask("www.example.com", 16);
    assert_eq!(recursor.asked(), 2);
}

#[test]
fn answers_without_time_are_asked_for_each_time() {
    let world = asking(&["127.0.0.11"]);
    let recursor = Recursor::start(&world.net, "127.0.0.11", |query, _| {
        vec![address(query, 1, 0)]
    });
    for count in 1..4 {
        assert_eq!(world.ask("www.example.com", A).addresses, ["192.0.2.1"]);
        assert_eq!(recursor.asked(), count);
    }
}

#[test]
fn one_that_is_down_or_fails_is_passed_over() {
    // Nobody is at the first, the second fails, the third answers.
    let world = asking(&["127.0.0.11", "127.0.0.12", "127.0.0.13"]);
    let failing = Recursor::start(&world.net, "127.0.0.12", |query, _| vec![code(query, 2)]);
    let good = Recursor::start(&world.net, "127.0.0.13", |query, _| {
        vec![address(query, 3, 0)]
    });
    for count in 1..4 {
        assert_eq!(world.ask("www.example.com", A).addresses, ["192.0.2.3"]);
        assert_eq!(good.asked(), count);
    }
    // It was asked last from then on.
    assert_eq!(failing.asked(), 1);
}

#[test]
fn a_silent_server_costs_its_time_once() {
    let world = asking(&["127.0.0.11", "127.0.0.12"]);
    let silent = Recursor::start(&world.net, "127.0.0.11", |_, _| Vec::new());
    let _good = Recursor::start(&world.net, "127.0.0.12", |query, _| {
        vec![address(query, 2, 0)]
    });
    for _ in 0..5 {
        assert_eq!(world.ask("www.example.com", A).addresses, ["192.0.2.2"]);
    }
    assert_eq!(silent.asked(), 1);
}

#[test]
fn nobody_to_ask_is_a_failure_and_no_such_name_is_none() {
    let world = asking(&[]);
    assert_eq!(world.ask("www.example.com", A).code, 2);
    // Our own address in the file is nobody to ask.
    world.write(
        "resolv.conf",
        "nameserver 169.254.0.2\nnameserver 127.0.0.11\n",
    );
    let recursor = Recursor::start(&world.net, "127.0.0.11", |query, _| vec![code(query, 3)]);
    world.until("it is asked", || world.ask("www.example.com", A).code == 3);
    assert!(recursor.asked() > 0);
}

#[test]
fn what_is_no_answer_to_the_question_is_not_taken() {
    let world = asking(&["127.0.0.11"]);
    let _liar = Recursor::start(&world.net, "127.0.0.11", |query, _| {
        let mut number = address(query, 66, 300);
        number[1] ^= 1;
        let mut question = address(query, 67, 300);
        question[13] ^= 1;
        let mut no_answer = address(query, 68, 300);
        no_answer[2] &= 0x7f;
        let short = address(query, 69, 300)[..40].to_vec();
        vec![
            number,
            question,
            no_answer,
            short,
            vec![],
            address(query, 1, 300),
        ]
    });
    assert_eq!(world.ask("www.example.com", A).addresses, ["192.0.2.1"]);
}

#[test]
fn a_long_answer_comes_over_tcp() {
    fn manner(query: &[u8], over_tcp: bool) -> Vec<Vec<u8>> {
        let mut answer = address(query, 1, 300);
        if over_tcp {
            answer[6..8].copy_from_slice(&100_u16.to_be_bytes());
            let record = answer[answer.len() - 16..].to_vec();
            answer.extend(record.repeat(99));
        } else {
            answer[2] |= 2;
        }
        vec![answer]
    }
    let world = asking(&["127.0.0.11"]);
    let recursor = Recursor::start(&world.net, "127.0.0.11", manner);
    let said = world.ask("www.example.com", A);
    assert!(said.cut);
    let said = world.ask_tcp("www.example.com", A);
    assert!(!said.cut && said.addresses.len() == 100);
    assert_eq!(recursor.asked(), 2);
    // What came over TCP is known now, and too long for UDP.
    assert!(world.ask("www.example.com", A).cut);
    assert_eq!(world.ask_tcp("www.example.com", A).addresses.len(), 100);
    assert_eq!(recursor.asked(), 3);
}

#[test]
fn handlers_of_jobs_are_asked_for_their_domains() {
    let world = asking(&["127.0.0.11"]);
    let _others = Recursor::start(&world.net, "127.0.0.11", |query, _| {
        vec![address(query, 1, 0)]
    });
    let _corp = Recursor::start(&world.net, "127.0.0.12", |query, _| {
        vec![address(query, 2, 0)]
    });
    world.write(
        "jobs/some/dns/handlers.json",
        r#"[{"domain": "corp.example.", "source": {"type": "dns", "recursors": ["127.0.0.12:53"]}},
            {"domain": "web.example.", "source": {"type": "http", "url": "http://127.0.0.1/"}}]"#,
    );
    world.until("the handler is asked", || {
        world.ask("a.corp.example", A).addresses == ["192.0.2.2"]
    });
    assert_eq!(world.ask("www.example.com", A).addresses, ["192.0.2.1"]);
    assert_eq!(world.ask("a.web.example", A).code, 2);
    assert!(world.read("log").contains("is of type http"));
}

#[test]
fn slow_questions_hold_up_nobody() {
    let world = asking(&["127.0.0.11"]);
    let _silent = Recursor::start(&world.net, "127.0.0.11", |_, _| Vec::new());
    // All from one socket, whose answers are read as they come: their order is the server's.
    let client = world.client();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let ours = 1000;
    let read = |said: &mut Vec<(u16, u8)>| {
        let mut buffer = [0; 512];
        let count = client.recv(&mut buffer).unwrap();
        assert!(count >= 12);
        let id = u16::from_be_bytes([buffer[0], buffer[1]]);
        said.push((id, buffer[3] & 15));
    };
    let mut said = Vec::new();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut said = Vec::new();
            (0..=300).for_each(|_| read(&mut said));
            said
        });
        // More than may be under way at once.
        for number in 0..300_u16 {
            let asked = wire::query(number, &format!("n{number}.example.com"), A);
            client.send_to(&asked, server()).unwrap();
        }
        let asked = wire::query(ours, "uuid-a.web.default.dep.bosh", A);
        client.send_to(&asked, server()).unwrap();
        said = reader.join().unwrap();
    });
    // All get an answer, if a bad one; the first hundred waited for somebody who says nothing.
    let place = |is: &dyn Fn(u16) -> bool| said.iter().position(|(id, _)| is(*id)).unwrap();
    let (own, slow) = (place(&|id| id == ours), place(&|id| id < 100));
    assert!(own < slow, "{own} {slow}");
    assert_eq!(said[own].1, 0);
    let failed = said.iter().filter(|(_, code)| *code == 2).count();
    assert_eq!(failed, 300);
}
