//! Properties, and finding containers by them.

use warren_tests_conformance::garden::Server;
use warren_tests_conformance::said;
use warren_wire_garden::container::Properties;

fn pairs(pairs: &[(&str, &str)]) -> Properties {
    let owned = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

#[test]
fn properties_are_set_read_listed_removed_and_filtered() {
    let server = Server::new();
    let client = server.client();
    let mut spec = server.spec("one");
    spec.properties = pairs(&[("foo", "bar"), ("a", "b")]);
    let one = server.create(&spec);
    let _two = server.create(&server.spec("two"));
    assert_eq!(client.property("one", "foo").unwrap(), "bar");
    client.set_property("one", "foo", "baz").unwrap();
    client
        .set_property("one", "new", "with spaces & more")
        .unwrap();
    let all = client.properties("one").unwrap();
    assert_eq!(all["foo"], "baz");
    assert_eq!(all["new"], "with spaces & more");
    assert_eq!(client.info("one").unwrap().properties["a"], "b");
    assert_eq!(
        client.list(&pairs(&[("foo", "baz"), ("a", "b")])).unwrap(),
        ["one"]
    );
    assert!(client.list(&pairs(&[("foo", "bar")])).unwrap().is_empty());
    client.remove_property("one", "foo").unwrap();
    // Removing what is not there is no error.
    client.remove_property("one", "foo").unwrap();
    let error = client.property("one", "foo").map_err(said).unwrap_err();
    assert!(error.contains("property does not exist: foo"), "{error}");
    let mut handles = client.list(&Properties::new()).unwrap();
    handles.sort();
    assert_eq!(handles, ["one", "two"]);
    drop(one);
    assert_eq!(client.list(&Properties::new()).unwrap(), ["two"]);
}

#[test]
fn unknown_handles_are_not_found_everywhere() {
    let server = Server::new();
    let client = server.client();
    let unknown = [
        client.destroy("x").unwrap_err(),
        client.stop("x", false).unwrap_err(),
        client.info("x").unwrap_err(),
        client.metrics("x").unwrap_err(),
        client.memory_limits("x").unwrap_err(),
        client.cpu_limits("x").unwrap_err(),
        client.properties("x").unwrap_err(),
        client.set_property("x", "a", "b").unwrap_err(),
        client.net_in("x", 0, 80).unwrap_err(),
    ];
    for error in unknown {
        assert!(error.is_unknown_container(), "{error:?}");
        let error = said(error);
        assert!(error.ends_with("unknown handle: x"), "{error}");
    }
}
