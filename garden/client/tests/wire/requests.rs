//! What each call says, and what it makes of a plain answer.

use std::time::Duration;

use warren_garden_client::{Client, Error};
use warren_wire_garden::container::{ContainerSpec, Properties};
use warren_wire_garden::network::{NetOutRule, Protocol};

use crate::server::{Server, answer};

/// Makes a call to a server that gives this answer; the answer is the request's method and target,
/// and its body.
fn said<T: std::fmt::Debug>(
    body: &str,
    call: impl FnOnce(&Client) -> Result<T, Error>,
) -> (String, String, T) {
    let server = Server::saying(&answer(200, body));
    let got = call(&server.client).unwrap();
    let request = server.request();
    server.finish();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let (first, rest) = head.split_once("\r\n").unwrap();
    let target = first.strip_suffix(" HTTP/1.1").unwrap();
    // As the stock client.
    assert!(rest.starts_with("Host: api\r\nConnection: close"), "{rest}");
    let is_json = rest.contains("Content-Type: application/json\r\n");
    assert_eq!(is_json, !body.is_empty(), "{rest}");
    (target.to_owned(), body.to_owned(), got)
}

macro_rules! says {
    ($answer:literal, $call:expr, $target:literal, $body:literal) => {{
        let (target, body, got) = said($answer, $call);
        assert_eq!((target.as_str(), body.as_str()), ($target, $body));
        got
    }};
}

#[test]
fn every_plain_call() {
    says!("{}\n", Client::ping, "GET /ping", "");
    let got = says!(
        r#"{"memory_in_bytes":1,"max_containers":2}"#,
        Client::capacity,
        "GET /capacity",
        ""
    );
    assert_eq!((got.memory_in_bytes, got.max_containers), (1, 2));
    let spec = ContainerSpec {
        handle: "a b".to_owned(),
        ..ContainerSpec::default()
    };
    let got = says!(
        r#"{"Handle":"a b"}"#,
        |client| client.create(&spec),
        "POST /containers",
        "{\"handle\":\"a b\",\"image\":{},\"limits\":{\"bandwidth_limits\":{},\"cpu_limits\":{},\"disk_limits\":{},\"memory_limits\":{},\"pid_limits\":{}}}\n"
    );
    assert_eq!(got, "a b");
    let filter = Properties::from([("k&".to_owned(), "v 1".to_owned())]);
    let got = says!(
        r#"{"Handles":["x","y"]}"#,
        |client| client.list(&filter),
        "GET /containers?k%26=v+1",
        ""
    );
    assert_eq!(got, ["x", "y"]);
    assert!(says!(
        r#"{"Handles":["x"]}"#,
        |client| client.exists("x"),
        "GET /containers",
        ""
    ));
    assert!(!says!(
        r#"{"Handles":[]}"#,
        |client| client.exists("x"),
        "GET /containers",
        ""
    ));
    says!(
        "{}",
        |client| client.destroy("a/b"),
        "DELETE /containers/a%2Fb",
        ""
    );
    says!(
        "{}",
        |client| client.stop("h", true),
        "PUT /containers/h/stop",
        "{\"kill\":true}\n"
    );
    let got = says!(
        r#"{"State":"active","ContainerIP":"10.1.2.3"}"#,
        |client| client.info("h"),
        "GET /containers/h/info",
        ""
    );
    assert_eq!(
        (got.state.as_str(), got.container_ip.as_str()),
        ("active", "10.1.2.3")
    );
    let got = says!(
        r#"{"a":{"Info":{},"Err":{"Message":"gone"}}}"#,
        |client| client.bulk_info(&["a", "b"]),
        "GET /containers/bulk_info?handles=a%2Cb",
        ""
    );
    assert_eq!(got["a"].err.as_ref().unwrap().to_string(), "gone");
    let got = says!(
        r#"{"CPUStat":{"Usage":7}}"#,
        |client| client.metrics("h"),
        "GET /containers/h/metrics",
        ""
    );
    assert_eq!(got.cpu_stat.usage, 7);
    let got = says!(
        r#"{"h":{"Metrics":{"Age":9}}}"#,
        |client| client.bulk_metrics(&["h"]),
        "GET /containers/bulk_metrics?handles=h",
        ""
    );
    assert_eq!(got["h"].metrics.age.0, 9);
}

#[test]
fn limits_networks_and_properties() {
    let got = says!(
        r#"{"limit_in_shares":5}"#,
        |client| client.cpu_limits("h"),
        "GET /containers/h/limits/cpu",
        ""
    );
    assert_eq!(got.limit_in_shares, 5);
    let got = says!(
        r#"{"limit_in_bytes":6}"#,
        |client| client.memory_limits("h"),
        "GET /containers/h/limits/memory",
        ""
    );
    assert_eq!(got.limit_in_bytes, 6);
    says!(
        "{}",
        |client| client.disk_limits("h"),
        "GET /containers/h/limits/disk",
        ""
    );
    says!(
        "{}",
        |client| client.bandwidth_limits("h"),
        "GET /containers/h/limits/bandwidth",
        ""
    );
    let got = says!(
        r#"{"host_port":61001,"container_port":80}"#,
        |client| client.net_in("h", 0, 80),
        "POST /containers/h/net/in",
        "{\"handle\":\"h\",\"container_port\":80}\n"
    );
    assert_eq!((got.host_port, got.container_port), (61001, 80));
    let rule = NetOutRule {
        protocol: Protocol::TCP,
        ..NetOutRule::default()
    };
    says!(
        "{}",
        |client| client.net_out("h", &rule),
        "POST /containers/h/net/out",
        "{\"protocol\":1}\n"
    );
    says!(
        "{}",
        |client| client.bulk_net_out("h", std::slice::from_ref(&rule)),
        "POST /containers/h/net/out/bulk",
        "[{\"protocol\":1}]\n"
    );
    says!(
        "{}",
        |client| client.set_grace_time("h", Duration::from_millis(1)),
        "PUT /containers/h/grace_time",
        "1000000\n"
    );
    assert!(
        says!(
            "null",
            |client| client.properties("h"),
            "GET /containers/h/properties",
            ""
        )
        .is_empty()
    );
    let got = says!(
        r#"{"value":"v"}"#,
        |client| client.property("h", "k/1"),
        "GET /containers/h/properties/k%2F1",
        ""
    );
    assert_eq!(got, "v");
    says!(
        "{}",
        |client| client.set_property("h", "k", "v"),
        "PUT /containers/h/properties/k",
        "{\"value\":\"v\"}\n"
    );
    says!(
        "{}",
        |client| client.remove_property("h", "k"),
        "DELETE /containers/h/properties/k",
        ""
    );
}

#[test]
fn nothing_is_sent_for_an_empty_handle() {
    // Nobody listens there.
    let client = Client::new(warren_garden_client::Target::parse("127.0.0.1:1"));
    assert!(matches!(client.destroy(""), Err(Error::Request(_))));
}
