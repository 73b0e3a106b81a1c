//! Why an instance is updated.

use serde_json::{Map, Value, json};

use crate::changes::{Change, Desired, of};
use crate::output::State;
use crate::{AgentState, Instance, Vm};

fn instance() -> Instance {
    Instance {
        id: 1,
        group: "web".to_owned(),
        index: 0,
        uuid: "u".to_owned(),
        az: None,
        bootstrap: true,
        ignored: false,
        state: "started".to_owned(),
        update_completed: true,
        spec: Some(json!({
            "packages": {"a": {"version": "1"}}, "configuration_hash": "h",
            "job": {"name": "web", "templates": [{"name": "b", "version": "2"}, {"name": "a", "version": "1"}]},
        })),
        agent: AgentState::Says(json!({"job_state": "running"})),
        vm: Some(Vm {
            id: 1,
            cid: "v".to_owned(),
            created_at: 0,
            stemcell: Some(("s".to_owned(), "1".to_owned())),
            env: Some(json!({"a": 1, "b": 2})),
            cloud_properties: Some(json!({})),
            networks: None,
        }),
        spares: vec![],
        disks: vec![],
    }
}

fn desired() -> Desired {
    let networks: Map<String, Value> = [(
        "default".to_owned(),
        json!({"ip": "10.0.0.2", "type": "manual"}),
    )]
    .into_iter()
    .collect();
    Desired {
        stemcell: ("s".to_owned(), "1".to_owned()),
        env: json!({"b": 2, "a": 1}),
        old_networks: networks.clone(),
        networks,
        packages: json!({"a": {"version": "1"}}),
        job: json!({"name": "web", "templates": [{"name": "a", "version": "1"}, {"name": "b", "version": "2"}]}),
        configuration_hash: "h".to_owned(),
        state: Some(State::Started),
        ..Desired::default()
    }
}

#[test]
fn nothing_is_changed_if_nothing_changed() {
    assert_eq!(of(&instance(), &desired()), []);
    let mut with_name = desired();
    with_name.networks["default"]["dns_record_name"] = json!("x");
    assert_eq!(of(&instance(), &with_name), []);
}

#[test]
fn every_reason_is_named() {
    type Edit = fn(&mut Instance, &mut Desired);
    let cases: [(Edit, Change); 19] = [
        (|i, _| i.update_completed = false, Change::Dirty),
        (|_, d| d.once = Some("restart".to_owned()), Change::Restart),
        (
            |_, d| d.once = Some("recreate".to_owned()),
            Change::Recreate,
        ),
        (|_, d| d.recreate = true, Change::Recreate),
        (
            |_, d| d.cloud_properties = json!({"x": 1}),
            Change::CloudProperties,
        ),
        (|_, d| d.stemcell.1 = "2".to_owned(), Change::Stemcell),
        (|_, d| d.env = json!({}), Change::Env),
        (
            |_, d| d.networks["default"]["ip"] = json!("10.0.0.3"),
            Change::Network,
        ),
        (|_, d| d.addresses_change = true, Change::Network),
        (|_, d| d.packages = json!({}), Change::Packages),
        (
            |_, d| d.disks = vec![(String::new(), 10, json!({}))],
            Change::PersistentDisk,
        ),
        (
            |_, d| d.configuration_hash = "i".to_owned(),
            Change::Configuration,
        ),
        (
            |_, d| d.job["templates"][0]["version"] = json!("9"),
            Change::Job,
        ),
        (
            |i, _| i.agent = AgentState::Says(json!({"job_state": "failing"})),
            Change::State,
        ),
        (|_, d| d.state = Some(State::Stopped), Change::State),
        (|_, d| d.dns_change = true, Change::Dns),
        (|_, d| d.certs_change = true, Change::TrustedCerts),
        (|_, d| d.nats_change = true, Change::NatsConfig),
        (|_, d| d.tags_change = true, Change::Tags),
    ];
    for (edit, expected) in cases {
        let (mut instance, mut desired) = (instance(), desired());
        edit(&mut instance, &mut desired);
        assert_eq!(of(&instance, &desired), [expected]);
    }
}

#[test]
fn a_new_instance_has_no_machine_to_compare_with() {
    let mut new = instance();
    (new.vm, new.spec, new.agent, new.update_completed) = (None, None, AgentState::Unknown, false);
    let bare = Desired {
        packages: json!({}),
        configuration_hash: String::new(),
        ..desired()
    };
    assert_eq!(of(&new, &bare), [Change::Dirty, Change::State]);
    let all = [
        Change::Dirty,
        Change::Packages,
        Change::Configuration,
        Change::State,
    ];
    assert_eq!(of(&new, &desired()), all);
    // One that was made to be stopped is what it shall be.
    let mut stopped = new.clone();
    stopped.update_completed = true;
    assert_eq!(of(&stopped, &desired()), [Change::State]);
    let mut detached = desired();
    detached.state = Some(State::Detached);
    assert_eq!(of(&new, &detached), all[..3]);
    let mut silent = instance();
    silent.agent = AgentState::Unresponsive;
    assert_eq!(of(&silent, &desired()), [Change::Recreate, Change::State]);
}
