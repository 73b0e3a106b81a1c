//! Links: between jobs, and to those whom no deployment has.

use serde_json::json;
use warren_director_store::deployments;
use warren_director_store::links::{self, Offer, Party, Want};

use crate::scene::Scene;

pub async fn linked(scene: &Scene) {
    let pool = scene.store.pool();
    let deployment = deployments::find(pool, "zookeeper").await.unwrap().unwrap();
    let serial = deployments::next_links_serial(pool, deployment.id)
        .await
        .unwrap();
    let party = Party {
        deployment_id: deployment.id,
        kind: "job",
        name: "zookeeper",
        instance_group: "zookeeper",
        serial_id: serial,
    };
    let provider = links::put_provider(pool, &party).await.unwrap();
    let offer = Offer {
        provider,
        original_name: "conn",
        kind: "zk",
        name: Some("shared-conn"),
        shared: true,
        consumable: true,
        content: Some("{}"),
        metadata: None,
        serial_id: serial,
    };
    let offer = links::put_offer(pool, &offer).await.unwrap();
    let consumer = links::put_consumer(pool, &party).await.unwrap();
    let want = Want {
        consumer,
        original_name: "peers",
        kind: "zk",
        name: None,
        optional: false,
        blocked: false,
        metadata: None,
        serial_id: serial,
    };
    let want = links::put_want(pool, &want).await.unwrap();
    let mut tx = scene.store.begin().await.unwrap();
    let link = links::put(&mut tx, want, Some(offer), "peers", "{}")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let owner =
        json!({"type": "job", "name": "zookeeper", "info": {"instance_group": "zookeeper"}});
    assert_eq!(
        scene
            .get("/link_providers?deployment=zookeeper")
            .await
            .json(),
        json!([{"id": offer.to_string(), "name": "shared-conn", "shared": true, "deployment": "zookeeper",
                "link_provider_definition": {"type": "zk", "name": "conn"}, "owner_object": owner}])
    );
    assert_eq!(
        scene
            .get("/link_consumers?deployment=zookeeper")
            .await
            .json(),
        json!([{"id": want.to_string(), "name": "peers", "optional": false, "deployment": "zookeeper",
                "link_consumer_definition": {"type": "zk", "name": "peers"}, "owner_object": owner}])
    );
    let kept = scene.delete(&format!("/links/{link}")).await;
    assert_eq!((kept.status, kept.code()), (400, 810_005));
    let all = scene.get("/links?deployment=zookeeper").await.json();
    assert_eq!(
        (&all[0]["id"], &all[0]["link_provider_id"]),
        (&json!(link.to_string()), &json!(offer.to_string()))
    );
    external(scene, &party, provider, link).await;
}

/// Links that no deployment consumes.
async fn external(scene: &Scene, party: &Party<'_>, provider: i64, of_job: i64) {
    let pool = scene.store.pool();
    let content = json!({"deployment_name": "zoo_keeper", "domain": "bosh", "default_network": "default",
        "networks": ["default", "other"], "instance_group": "zookeeper", "instances": [],
        "use_short_dns_addresses": false, "group_id": "4", "az_ids": {"z1": "1", "z2": "2"},
        "network_ids": {"default": "3", "other": "5"}});
    let short = content
        .to_string()
        .replace("addresses\":false", "addresses\":true");
    let mut offers = Vec::new();
    for (name, shared, content) in [
        ("long", true, content.to_string()),
        ("short", true, short),
        ("private", false, "{}".to_owned()),
    ] {
        let offer = Offer {
            provider,
            original_name: name,
            kind: "zk",
            name: Some(name),
            shared,
            consumable: true,
            content: Some(&content),
            metadata: None,
            serial_id: party.serial_id,
        };
        offers.push(links::put_offer(pool, &offer).await.unwrap());
    }
    let body = |provider: i64, network: &str| {
        format!(
            "{{\"link_provider_id\":\"{provider}\",\"link_consumer\":{{\"owner_object\":\
             {{\"name\":\"me\",\"type\":\"external\"}}}}{network}}}"
        )
    };
    let post = async |body: &str| scene.send("POST", "/links", "application/json", body).await;
    let made = post(&body(offers[0], "")).await.json();
    assert_eq!(
        (&made["name"], &made["link_provider_id"]),
        (&json!("long"), &json!(offers[0].to_string()))
    );
    let id = made["id"].as_str().unwrap().to_owned();
    // The same again is the same link.
    assert_eq!(post(&body(offers[0], "")).await.json()["id"], id.as_str());
    let address = async |id: &str, query: &str| {
        scene
            .get(&format!("/link_address?link_id={id}{query}"))
            .await
            .json()["address"]
            .clone()
    };
    assert_eq!(
        address(&id, "").await,
        "q-s0.zookeeper.default.zoo-keeper.bosh"
    );
    assert_eq!(
        address(&id, "&azs[]=z2&azs[]=z1&status=healthy").await,
        "q-a1a2s3.zookeeper.default.zoo-keeper.bosh"
    );
    let made = post(&body(offers[1], ",\"network\":\"other\""))
        .await
        .json();
    let second = made["id"].as_str().unwrap().to_owned();
    assert_eq!(address(&second, "&status=all").await, "q-n5s4.q-g4.bosh");
    let consumers = scene.get("/link_consumers?deployment=zookeeper").await;
    let consumers = consumers.json();
    let outside = &consumers.as_array().unwrap()[1];
    assert_eq!(
        outside["owner_object"],
        json!({"type": "external", "name": "me"})
    );
    let refused = [
        (body(offers[2], ""), 403, 810_009),
        (body(9_999, ""), 400, 810_002),
        (body(offers[0], ",\"network\":\"no\""), 400, 810_003),
        (body(offers[0], "").replace("external", "job"), 400, 810_001),
        (body(offers[0], "").replace("\"me\"", "\"\""), 400, 810_001),
        ("{\"link_provider_id\":7}".to_owned(), 400, 810_001),
        ("{}".to_owned(), 400, 810_001),
    ];
    for (body, status, code) in refused {
        let answer = post(&body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}");
    }
    for (query, status, code) in [
        ("", 400, 810_006),
        ("?link_id=9999", 404, 810_000),
        (&*format!("?link_id={id}&azs=z1"), 400, 810_007),
        (&*format!("?link_id={id}&azs[]=z9"), 400, 810_007),
        (&*format!("?link_id={id}&status=bad"), 400, 810_008),
    ] {
        let answer = scene.get(&format!("/link_address{query}")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{query}");
    }
    // A deploy does not end them.
    deployments::next_links_serial(pool, party.deployment_id)
        .await
        .unwrap();
    let mut tx = scene.store.begin().await.unwrap();
    links::clean_up(&mut tx, party.deployment_id, party.serial_id + 1)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let all = scene.get("/links?deployment=zookeeper").await.json();
    let ids: Vec<&str> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|link| link["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [id.as_str(), second.as_str()]);
    assert_eq!(
        scene.delete(&format!("/links/{of_job}")).await.status,
        404,
        "the deploy removed it"
    );
    for id in [&id, &second] {
        assert_eq!(scene.delete(&format!("/links/{id}")).await.status, 204);
    }
    let again = scene.delete(&format!("/links/{id}")).await;
    assert_eq!((again.status, again.code()), (404, 810_000));
    let left = scene.get("/link_consumers?deployment=zookeeper").await;
    assert_eq!(left.text(), "[]");
}
