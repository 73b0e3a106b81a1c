//! What a stock director said to agents and CPI when it deployed, ran an errand, fetched logs, restarted and
//! recreated is what ours says: each method's call field by field.
//!
//! `recorded/agent.json` has arguments by method, `recorded/cpi.json` requests. What differs from run to
//! run is masked on both sides: ids, digests, times, device paths. What the recording hides is only there.
//! Not compared: `api_version`, which follows from what the CPI offers, and the password of machines, which
//! was a setting of the recorded director.

use serde_json::{Map, Value, json};
use warren_director_engine::Nats;
use warren_director_store::work::{Deploy, Errand, Logs, StateChange, Work};
use warren_director_store::{configs, disks, events};
use warren_director_variables::{Purpose, identity};

use crate::archives::{a_job, package};
use crate::director::Director;
use crate::rendered::deploy;

const MANIFEST: &str = "
name: zookeeper
releases: [{name: r, version: latest}]
stemcells: [{alias: default, os: debian-bookworm, version: latest}]
update: {canaries: 1, max_in_flight: 2, canary_watch_time: 1-30000, update_watch_time: 1-30000}
instance_groups:
- name: zookeeper
  instances: 1
  azs: [z1]
  stemcell: default
  vm_type: default
  persistent_disk: 1024
  networks: [{name: default}]
  jobs: [{name: zookeeper, release: r}, {name: status, release: r}]
- name: smoke-tests
  lifecycle: errand
  instances: 1
  azs: [z1]
  stemcell: default
  vm_type: default
  networks: [{name: default}]
  jobs: [{name: smoke-tests, release: r}]
";

/// Both sides of a text, without what no two runs have in common.
fn masked(text: &str) -> String {
    let is_hex = |word: &str| word.chars().all(|c| c.is_ascii_hexdigit());
    let is_uuid = |word: &str| {
        let parts: Vec<usize> = word.split('-').map(str::len).collect();
        parts == [8, 4, 4, 4, 12] && word.split('-').all(is_hex)
    };
    // Of the CPI of tests, and of its director.
    let is_id = |word: &str| {
        let number = word
            .strip_prefix("vm-")
            .or_else(|| word.strip_prefix("disk-"));
        number.is_some_and(|number| number.parse::<u64>().is_ok())
            || ["stemcell-cid", "d-uuid"].contains(&word)
    };
    let is_request = |word: &str| {
        let number = word.strip_prefix("cpi-");
        number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    // To the second, in UTC.
    let is_time = text.len() == 20 && text.ends_with('Z') && text.contains('T');
    if is_time {
        return "TIME".to_owned();
    }
    if text.starts_with('/') {
        return "PATH".to_owned();
    }
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let words = text.split_inclusive(['/', '.']).map(|word| {
        let plain = word.trim_end_matches(['/', '.']);
        let rest = &word[plain.len()..];
        match plain {
            _ if is_uuid(plain) || is_id(plain) => format!("ID{rest}"),
            _ if is_request(plain) => format!("REQUEST{rest}"),
            _ if [40, 64].contains(&plain.len()) && is_hex(plain) => format!("DIGEST{rest}"),
            _ => word.to_owned(),
        }
    });
    words.collect()
}

/// Where ours differs from what is recorded.
fn compare(at: &str, ours: &Value, recorded: &Value, found: &mut Vec<String>) {
    match (ours, recorded) {
        (_, Value::String(text)) if text == "<redacted>" => {}
        (Value::String(one), Value::String(two)) if masked(one) == masked(two) => {}
        (Value::Object(one), Value::Object(two)) => {
            for (key, value) in one {
                let at = format!("{at}.{key}");
                match two.get(key) {
                    Some(other) => compare(&at, value, other, found),
                    None => found.push(format!("{at}: not recorded: {value}")),
                }
            }
            for (key, value) in two.iter().filter(|(key, _)| !one.contains_key(*key)) {
                found.push(format!("{at}.{key}: missing: {value}"));
            }
        }
        (Value::Array(one), Value::Array(two)) if one.len() == two.len() => {
            for (index, (one, two)) in one.iter().zip(two).enumerate() {
                compare(&format!("{at}[{index}]"), one, two, found);
            }
        }
        _ if ours == recorded => {}
        _ => found.push(format!("{at}: {ours}, recorded {recorded}")),
    }
}

async fn director() -> Director {
    let authority = identity("ca", &Purpose::Authority, None, 1_700_000_000, 36_500).unwrap();
    let it = Director::with(|config| {
        config.name = "stock".to_owned();
        let blobstores =
            json!([{"provider": "dav", "options": {"endpoint": "https://127.0.0.1:1"}}]);
        config.agent_env.insert("blobstores".to_owned(), blobstores);
        config.agent_env.insert("ntp".to_owned(), json!([]));
        config.nats = Some(Nats {
            server_ca: authority.certificate.clone(),
            client_ca: authority.certificate,
            client_ca_key: authority.key,
        });
    })
    .await;
    it.track_mounts();
    let zookeeper = "45e499491c8bb298000db970425361f9fdf034dc16f176546a61bd4a7534e5ac";
    let status = "299009e28f2b9a858f54245a14f670c5207afcbcd2fa672441214f73cc8d3998";
    let package_of_it = "94cb78c22f444df28dee534a2edb5fb1a24e173ac9900f4277a089506c948612";
    let java = "a5fb21171188d60868728b5371eaf4cacba139deb808ea11f75c86857fc3f1cf";
    let tests = "bf038db516d42e39da3e1e945d6952ebd69125da79a11a3556ce8fe6adfffd30";
    it.release(&[
        package("openjdk-8", java, ""),
        package("zookeeper", package_of_it, ""),
        package("smoke-tests", tests, ""),
        a_job("zookeeper", zookeeper, "openjdk-8, zookeeper"),
        a_job("status", status, ""),
        a_job("smoke-tests", tests, "smoke-tests"),
    ])
    .await;
    it
}

/// Has the first instance restarted or recreated.
async fn change(it: &Director, state: &str) {
    let pool = it.scene.engine.store.pool();
    let cloud = configs::latest(pool, "cloud", "default").await.unwrap();
    let work = Work::UpdateDeployment(Deploy {
        deployment: "zookeeper".to_owned(),
        cloud_configs: cloud.iter().map(|config| config.id).collect(),
        change: Some(StateChange {
            state: state.to_owned(),
            job: Some("zookeeper".to_owned()),
            id: Some("0".to_owned()),
        }),
        ..Deploy::default()
    });
    it.scene.work_on(Some("zookeeper"), work).await.done();
}

async fn recorded_events(it: &Director) -> Vec<events::Event> {
    let pool = it.scene.engine.store.pool();
    let all = events::list(pool, &events::Filter::default()).await;
    all.unwrap()
}

/// What agents were asked last by each of these names.
fn asked(it: &Director, names: &Map<String, Value>) -> Map<String, Value> {
    let mut last = Map::new();
    for name in names.keys() {
        let (method, kind) = name.split_once(':').unwrap_or((name, ""));
        let mut all = it.asked(method);
        all.retain(|arguments| match method {
            "apply" => arguments[0].get("packages").is_none() == (kind == "first"),
            "run_script" => arguments[0] == kind,
            "fetch_logs" => arguments[1].is_null() == (kind == "errand"),
            "compile_package" => arguments[2] == "smoke-tests",
            _ => true,
        });
        if let Some(arguments) = all.pop() {
            last.insert(name.clone(), arguments);
        }
    }
    last
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_cpi_are_told_what_a_stock_director_tells_them() {
    let it = director().await;
    deploy(&it, "zookeeper", MANIFEST, &[]).await.done();
    let on = |work| it.scene.work_on(Some("zookeeper"), work);
    let errand = Work::RunErrand(Errand {
        deployment: "zookeeper".to_owned(),
        name: "smoke-tests".to_owned(),
        keep_alive: false,
        when_changed: false,
        instances: Vec::new(),
    });
    on(errand).await.done();
    // What the first run of an errand changes.
    let updates = recorded_events(&it).await.into_iter().filter_map(|event| {
        let context: Value = serde_json::from_str(&event.context).unwrap();
        let of_errand = event.instance?.starts_with("smoke-tests/");
        let changes = context.get("changes")?.clone();
        (of_errand && event.action == "update").then_some(changes)
    });
    assert_eq!(
        updates.collect::<Vec<Value>>(),
        [json!([
            "dirty",
            "packages",
            "configuration",
            "state",
            "dns"
        ])]
    );
    let logs = Work::FetchLogs(Logs {
        deployment: "zookeeper".to_owned(),
        job: "zookeeper".to_owned(),
        id: "0".to_owned(),
        kind: "job".to_owned(),
        filters: Some(Vec::new()),
    });
    on(logs).await.done();
    change(&it, "restart").await;
    change(&it, "recreate").await;

    let mut found = Vec::new();
    let recorded: Map<String, Value> =
        serde_json::from_str(include_str!("recorded/agent.json")).unwrap();
    let ours = Value::Object(asked(&it, &recorded));
    compare("agent", &ours, &Value::Object(recorded), &mut found);

    let delete = Work::DeleteDeployment {
        deployment: "zookeeper".to_owned(),
        force: false,
    };
    // The last ones before are of the instance that was recreated.
    let mut ours = Map::new();
    for call in it.scene.cpi_calls() {
        ours.insert(call["method"].as_str().unwrap().to_owned(), call);
    }
    on(delete).await.done();
    let orphans = disks::orphans(it.scene.engine.store.pool()).await.unwrap();
    let delete = Work::DeleteDisk {
        cid: orphans[0].disk_cid.clone(),
        orphan: false,
    };
    it.scene.work(delete).await.done();
    let mut deleted = recorded_events(&it).await;
    deleted.retain(|event| event.object_type == "disk" && event.action == "delete");
    assert_eq!(deleted.len(), 2);
    for event in deleted {
        assert_eq!(event.object_name.as_ref(), Some(&orphans[0].disk_cid));
        assert_eq!(event.deployment.as_deref(), Some("zookeeper"));
        assert_eq!(event.instance.as_ref(), Some(&orphans[0].instance_name));
        let instance = masked(&orphans[0].instance_name);
        assert_eq!(instance, "zookeeper/ID");
    }
    ours.insert("delete_disk".to_owned(), it.calls("delete_disk").remove(0));
    // By which something is found whose director died while it was made: stock has nothing like it.
    for kind in ["disk", "vm"] {
        let call = ours.get_mut(&format!("create_{kind}")).unwrap();
        let context = call["context"].as_object_mut().unwrap();
        assert!(context.remove(&format!("warren_{kind}_cid")).is_some());
    }
    if let Some(call) = ours.get_mut("create_stemcell") {
        let context = call["context"].as_object_mut().unwrap();
        assert!(context.remove("warren_stemcell_cid").is_some());
    }
    let recorded: Map<String, Value> =
        serde_json::from_str(include_str!("recorded/cpi.json")).unwrap();
    for (method, recorded) in &recorded {
        for key in ["arguments", "context"] {
            let ours = ours.get(method).map_or(&Value::Null, |call| &call[key]);
            compare(
                &format!("cpi.{method}.{key}"),
                ours,
                &recorded[key],
                &mut found,
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
