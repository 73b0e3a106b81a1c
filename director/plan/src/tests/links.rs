//! Who provides what to whom.

use serde_json::json;

use super::scene::Scene;

fn text(server: &str, client: &str) -> String {
    format!(
        "instance_groups:\n\
         - {{name: zk, instances: 2, stemcell: s, vm_type: default, azs: [z1, z2], \
            networks: [{{name: default}}], jobs: [{{name: server, release: r{server}}}]}}\n\
         - {{name: app, instances: 1, stemcell: s, vm_type: default, azs: [z1], \
            networks: [{{name: default}}], jobs: [{{name: client, release: r{client}}}]}}\n"
    )
}

#[test]
fn the_only_provider_of_a_type_is_found() {
    let scene = Scene::new();
    let draft = scene
        .plan(&text(", properties: {port: 1, tls: {ca: ((ca))}}", ""))
        .unwrap();
    let link = &draft.groups[1].jobs[0].links["conn"];
    assert_eq!(
        link["properties"],
        json!({"port": 1, "tls": {"ca": "((ca))"}})
    );
    assert_eq!(
        link["instances"],
        json!([
            {"name": "zk", "id": "u1", "index": 0, "bootstrap": true, "az": "z1", "address": "10.0.0.3"},
            {"name": "zk", "id": "u2", "index": 1, "bootstrap": false, "az": "z2", "address": "10.0.0.4"},
        ])
    );
    assert!(!draft.groups[1].jobs[0].links.contains_key("opt"));
    assert_eq!(
        draft.groups[0].jobs[0].links["peers"]["instances"][1]["id"],
        "u2"
    );
    // Declared properties only, defaults filled in.
    assert_eq!(
        json!(draft.groups[0].jobs[0].properties),
        json!({"hidden": "x", "port": 1, "tls": {"ca": "((ca))"}})
    );
}

#[test]
fn names_take_the_place_of_numbers_where_asked() {
    let mut scene = Scene::new();
    scene.ids.azs.insert("z1".to_owned(), 7);
    scene.ids.networks.insert("default".to_owned(), 3);
    scene
        .ids
        .groups
        .insert(("instance-group".to_owned(), "zk".to_owned()), 9);
    scene
        .ids
        .groups
        .insert(("link".to_owned(), "conn-zookeeper".to_owned()), 11);
    let draft = scene
        .plan(&text("", ", consumes: {conn: {ip_addresses: false}}"))
        .unwrap();
    let link = &draft.groups[1].jobs[0].links["conn"];
    assert_eq!(link["instances"][0]["address"], "u1.zk.default.d.bosh");
    assert_eq!(link["names"]["az_ids"], json!({"z1": "7"}));
    assert_eq!(link["names"]["group_id"], "9");
    assert_eq!(
        draft.groups[0].jobs[0].provides,
        [("zookeeper".to_owned(), "conn".to_owned(), "11".to_owned())]
    );
    let short = format!(
        "{}features: {{use_short_dns_addresses: true, use_dns_addresses: true}}\n",
        text("", "")
    );
    let draft = scene.plan(&short).unwrap();
    scene.accept(&draft);
    let draft = scene.plan(&short).unwrap();
    let link = &draft.groups[1].jobs[0].links["conn"];
    assert_eq!(link["instances"][0]["address"], "q-m1n3s0.q-g9.bosh");
}

#[test]
fn what_cannot_be_resolved_is_said_all_at_once() {
    let scene = Scene::new();
    let two = text(
        ", provides: {conn: {as: a}}",
        ", consumes: {conn: {from: b}}",
    );
    let error = scene.plan(&two).unwrap_err();
    assert_eq!(
        error.message,
        "Failed to resolve links from deployment 'd'. See errors below:\n  \
         - Failed to resolve link 'conn' with type 'zookeeper' from job 'client' in instance group 'app'. Details below:\n    \
         - No link providers found with type 'zookeeper' and name 'b'; the deployment has: a"
    );
    let none = text(", provides: {conn: nil}", "");
    let error = scene.plan(&none).unwrap_err();
    assert_eq!(
        error.message.matches("Failed to resolve link '").count(),
        2,
        "{error}"
    );
    let blocked = text("", ", consumes: {conn: nil}");
    let error = scene.plan(&blocked).unwrap_err();
    assert!(
        error.message.contains("explicitly blocked by 'nil'"),
        "{error}"
    );
    let network = text("", ", consumes: {conn: {network: nope}}");
    let error = scene.plan(&network).unwrap_err();
    assert!(
        error.message.contains("does not have network: 'nope'"),
        "{error}"
    );
    let unknown = text("", ", consumes: {other: {from: x}}");
    let error = scene.plan(&unknown).unwrap_err();
    assert!(error.message.contains("link consumer 'other'"), "{error}");
}

#[test]
fn manual_and_shared_links() {
    let mut scene = Scene::new();
    let manual = text(
        "",
        ", consumes: {conn: {instances: [{address: example.com}], properties: {port: 9}, address: lb.example.com}}",
    );
    let draft = scene.plan(&manual).unwrap();
    assert_eq!(
        draft.groups[1].jobs[0].links["conn"],
        json!({"instances": [{"address": "example.com"}], "properties": {"port": 9}, "address": "lb.example.com"})
    );
    let shared = text("", ", consumes: {conn: {from: far, deployment: other}}");
    assert!(scene.plan(&shared).is_err());
    let draft = scene.plan(&text("", "")).unwrap();
    scene.providers.push(crate::Provider {
        deployment: "other".to_owned(),
        group: "zk".to_owned(),
        owner: "server".to_owned(),
        kind: "zookeeper".to_owned(),
        name: "far".to_owned(),
        content: draft.links.offers[0].content.clone(),
        id: 5,
    });
    let draft = scene.plan(&shared).unwrap();
    let want = draft
        .links
        .wants
        .iter()
        .find(|want| want.owner == "client" && want.original_name == "conn")
        .unwrap();
    assert_eq!(
        want.found.as_ref().unwrap().from,
        crate::links::From::Shared(5)
    );
}

#[test]
fn aliases_and_links_of_the_manifest_have_groups() {
    let scene = Scene::new();
    let groups = text(
        ", custom_provider_definitions: [{name: own, type: mine, properties: [port]}], \
         provides: {conn: {as: a, aliases: [{domain: x.test, health_filter: all}]}, \
         own: {aliases: [{domain: _.y.test, placeholder_type: uuid}]}}",
        ", consumes: {conn: {from: a}}",
    );
    let (_, _, wanted) = crate::links::names_wanted(&scene.deployment(&groups), &scene.releases);
    for name in ["a-zookeeper", "own-mine"] {
        assert!(
            wanted.contains(&("link".to_owned(), name.to_owned())),
            "{wanted:?}"
        );
    }
    let draft = scene.plan(&groups).unwrap();
    let all: Vec<String> = draft
        .links
        .offers
        .iter()
        .flat_map(|offer| &offer.aliases)
        .map(|alias| format!("{alias:?}"))
        .collect();
    assert_eq!(
        all,
        [
            "Alias { domain: \"x.test\", health_filter: Some(\"all\"), initial_health_check: None, placeholder_type: None }",
            "Alias { domain: \"_.y.test\", health_filter: None, initial_health_check: None, placeholder_type: Some(\"uuid\") }",
        ]
    );
    for wrong in [
        "x",
        "{}",
        "{domain: 1}",
        "{domain: ''}",
        "{domain: x, health_filter: [1]}",
    ] {
        let groups = text(&format!(", provides: {{conn: {{aliases: [{wrong}]}}}}"), "");
        assert_eq!(scene.plan(&groups).unwrap_err().code, 40_000, "{wrong}");
    }
}

#[test]
fn a_property_beside_one_inside_of_it_is_the_same_for_templates_and_links() {
    let mut scene = Scene::new();
    let spec = "name: server\nproperties: {over: {}, over.deep: {default: 1}}\n\
                provides: [{name: conn, type: zookeeper, properties: [over, over.deep]}]\n";
    scene.releases[0].jobs[0].spec = warren_wire_release::JobSpec::parse(spec.as_bytes()).unwrap();
    for (given, seen) in [
        ("", json!({"over": {"deep": 1}})),
        (", properties: {over: null}", json!({"over": {"deep": 1}})),
        (
            ", properties: {over: {deep: 2, more: 3}}",
            json!({"over": {"deep": 2, "more": 3}}),
        ),
    ] {
        let draft = scene.plan(&text(given, "")).unwrap();
        assert_eq!(json!(draft.groups[0].jobs[0].properties), seen, "{given}");
        let link = &draft.groups[1].jobs[0].links["conn"];
        assert_eq!(link["properties"], seen, "{given}");
    }
}
