//! The table against the API's own list, matching, building, query strings.

use proptest::prelude::*;

use super::{NoRoute, Params, Query, Route, TABLE, find, split_target};
use crate::container::Properties;

/// The API's list: method, path with parameters as `:name`, one call a line.
const API: &str = "\
GET /ping
GET /capacity
GET /containers
POST /containers
GET /containers/:h/info
GET /containers/bulk_info
GET /containers/bulk_metrics
DELETE /containers/:h
PUT /containers/:h/stop
PUT /containers/:h/files
GET /containers/:h/files
GET /containers/:h/limits/bandwidth
GET /containers/:h/limits/cpu
GET /containers/:h/limits/disk
GET /containers/:h/limits/memory
POST /containers/:h/net/in
POST /containers/:h/net/out
POST /containers/:h/net/out/bulk
POST /containers/:h/processes
GET /containers/:h/processes/:pid
GET /containers/:h/processes/:pid/attaches/:streamid/stdout
GET /containers/:h/processes/:pid/attaches/:streamid/stderr
PUT /containers/:h/grace_time
GET /containers/:h/properties
GET /containers/:h/properties/:key
PUT /containers/:h/properties/:key
DELETE /containers/:h/properties/:key
GET /containers/:h/metrics
";

fn full() -> Params {
    Params::handle("h")
        .with("pid", "p")
        .with("streamid", "7")
        .with("key", "k")
}

#[test]
fn the_table_is_the_api_and_nothing_else() {
    let mut ours: Vec<String> = TABLE
        .iter()
        .map(|entry| {
            format!(
                "{} {}",
                entry.method,
                entry.pattern.replace(":handle", ":h")
            )
        })
        .collect();
    let mut theirs: Vec<&str> = API.lines().collect();
    ours.sort();
    theirs.sort_unstable();
    assert_eq!(ours, theirs);
}

#[test]
fn every_route_finds_itself() {
    for entry in TABLE {
        let path = entry.route.path(&full()).unwrap();
        let found = find(entry.method.name(), &path).unwrap();
        assert_eq!(found.route, entry.route, "{path}");
        assert_eq!(entry.route.entry(), *entry);
        for name in entry.params() {
            assert_eq!(found.params.get(name), full().get(name), "{path}");
        }
    }
}

#[test]
fn paths_are_as_clients_write_them() {
    assert_eq!(
        Route::Stdout.path(&full()).unwrap(),
        "/containers/h/processes/p/attaches/7/stdout"
    );
    assert_eq!(
        Route::Property
            .path(&Params::handle("a b").with("key", "x/y?z"))
            .unwrap(),
        "/containers/a%20b/properties/x%2Fy%3Fz"
    );
    let missing = Route::Attach.path(&Params::handle("h")).unwrap_err();
    assert_eq!(missing.name, "pid");
    assert!(Route::Info.path(&Params::handle("")).is_err());
}

#[test]
fn segments_are_decoded_with_query_rules() {
    let found = find("GET", "/containers/a+b%2Fc/info").unwrap();
    assert_eq!(found.params.get("handle"), Some("a b/c"));
}

#[test]
fn what_is_no_path() {
    for path in [
        "",
        "/",
        "ping",
        "/ping/",
        "/PING",
        "/%70ing",
        "/containers/",
        "/containers/h/",
        "/containers/h/nope",
        "/containers/h/processes/p/attaches/7",
        "/containers/%zz/info",
        "/containers/%FF/info",
        "/containers/h/info/more",
        "//ping",
    ] {
        assert_eq!(find("GET", path), Err(NoRoute::NotFound), "{path}");
    }
    assert_eq!(NoRoute::NotFound.status(), 404);
}

#[test]
fn an_empty_parameter_in_the_middle_is_one() {
    let found = find("GET", "/containers//info").unwrap();
    assert_eq!(found.params.get("handle"), Some(""));
}

#[test]
fn a_known_path_with_another_method() {
    let refused = |method, path| match find(method, path) {
        Err(error @ NoRoute::MethodNotAllowed { .. }) => {
            assert_eq!(error.status(), 405);
            let NoRoute::MethodNotAllowed { allow } = error else {
                unreachable!()
            };
            allow
        }
        other => panic!("{method} {path}: {other:?}"),
    };
    assert_eq!(refused("PUT", "/ping"), "GET, HEAD");
    assert_eq!(refused("PATCH", "/containers"), "GET, HEAD, POST");
    assert_eq!(refused("GET", "/containers/h"), "DELETE");
    assert_eq!(refused("put", "/containers/h/stop"), "PUT");
    assert_eq!(
        refused("POST", "/containers/h/properties/k"),
        "DELETE, GET, HEAD, PUT"
    );
}

#[test]
fn head_finds_get() {
    assert_eq!(find("HEAD", "/ping").unwrap().route, Route::Ping);
}

#[test]
fn four_routes_take_over_and_one_creates() {
    let taking: Vec<&str> = TABLE
        .iter()
        .filter(|entry| entry.route.takes_over())
        .map(|entry| entry.name)
        .collect();
    assert_eq!(taking, ["Stdout", "Stderr", "Run", "Attach"]);
    for entry in TABLE {
        let expected = if entry.name == "Run" { 201 } else { 200 };
        assert_eq!(entry.route.success(), expected);
    }
}

#[test]
fn targets() {
    assert_eq!(split_target("/containers?a=b?c"), ("/containers", "a=b?c"));
    assert_eq!(split_target("/ping"), ("/ping", ""));
    assert_eq!(split_target("http://api/ping?x"), ("/ping", "x"));
    assert_eq!(split_target("http://api"), ("", ""));
    assert_eq!(split_target("/a?u=http://b/c"), ("/a", "u=http://b/c"));
}

#[test]
fn queries_as_go_reads_them() {
    let query = Query::parse("a=1&a=2&b=x+y%3D&c&&d=%zz&e;f=1&=v");
    assert_eq!(query.get("a"), "1");
    assert_eq!(query.get("b"), "x y=");
    assert_eq!(query.get("c"), "");
    let filter = query.into_filter();
    assert_eq!(
        filter.keys().map(String::as_str).collect::<Vec<_>>(),
        ["", "a", "b", "c"]
    );
}

#[test]
fn queries_as_go_writes_them() {
    assert_eq!(
        Query::of_stream_in("root", "/var/vcap/bosh/").encode(),
        "destination=%2Fvar%2Fvcap%2Fbosh%2F&user=root"
    );
    assert_eq!(
        Query::of_stream_out("root", "/a b").encode(),
        "source=%2Fa+b&user=root"
    );
    assert_eq!(Query::of_handles(&["a", "b"]).encode(), "handles=a%2Cb");
    let none: [&str; 0] = [];
    assert_eq!(Query::of_handles(&none).encode(), "handles=");
    assert_eq!(Query::of_filter(&Properties::new()).encode(), "");
}

#[test]
fn handles_of_bulk_calls() {
    let handles =
        |text: &str| -> Vec<String> { Query::parse(text).handles().map(str::to_owned).collect() };
    assert_eq!(handles("handles=a,b"), ["a", "b"]);
    assert_eq!(handles("handles=a%2Cb,"), ["a", "b"]);
    assert!(handles("handles=").is_empty());
    assert!(handles("").is_empty());
}

proptest! {
    #[test]
    fn parameters_round_trip(handle in ".+", pid in ".+", stream in ".+") {
        let params = Params::handle(&handle).with("pid", &pid).with("streamid", &stream);
        let path = Route::Stderr.path(&params).unwrap();
        let found = find("GET", &path).unwrap();
        prop_assert_eq!(found.route, Route::Stderr);
        prop_assert_eq!(found.params, params);
    }

    #[test]
    fn queries_round_trip(filter in proptest::collection::btree_map(".*", ".*", 0..5)) {
        let text = Query::of_filter(&filter).encode();
        // Go reads an empty pair as none.
        let mut expected = filter;
        if expected.len() == 1 && expected.get("").is_some_and(String::is_empty) {
            prop_assert_eq!(&text, "=");
        }
        prop_assert_eq!(Query::parse(&text).into_filter(), std::mem::take(&mut expected));
    }

    #[test]
    fn any_request_gives_an_answer(method in "[A-Z]{0,7}", target in ".*") {
        let (path, query) = split_target(&target);
        let _ = find(&method, path);
        let _ = Query::parse(query).encode();
    }

    #[test]
    fn anything_like_a_path_gives_an_answer(path in "(/(containers|bulk_info|h|processes|%[0-9a-z]{0,2}|)){0,8}") {
        let _ = find("GET", &path);
    }
}
