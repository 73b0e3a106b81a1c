//! The document of names, as a stock director wrote it for three instances in three zones.

use serde_json::Value;

use crate::names::{Record, document};

#[test]
fn the_document_is_as_recorded() {
    let recorded: Value =
        serde_json::from_str(include_str!("../../tests/fixtures/records.json")).unwrap();
    let of_instance = |index: u8, uuid: &str, agent: &str| Record {
        ip: format!("10.244.0.{}", index + 2),
        uuid: uuid.to_owned(),
        instance: i64::from(index) + 40,
        group: "zookeeper".to_owned(),
        group_ids: vec![21, 23, 24],
        az: Some((format!("z{}", index + 1), i64::from(index) + 1)),
        network: ("default".to_owned(), 1),
        deployment: "zookeeper".to_owned(),
        domain: "bosh".to_owned(),
        agent_id: Some(agent.to_owned()),
        index: i64::from(index),
    };
    let records = [
        of_instance(
            0,
            "9e53905a-4b45-4b55-9d58-3e6e9bb92794",
            "c5e4accb-16ad-4635-8b28-1d8c385adf9e",
        ),
        of_instance(
            1,
            "63fc6ae8-87be-4a0c-b9a9-fc0da561d074",
            "8e4d4e29-6391-4a09-aef2-a2fb5df0478e",
        ),
        of_instance(
            2,
            "c89822e6-a3f6-45d5-99a1-998fe2ad65d9",
            "2ff866cf-ff64-47e1-8287-89a8960258cd",
        ),
    ];
    assert_eq!(document(46, &records, &[], false), recorded);
}
