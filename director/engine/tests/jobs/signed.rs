//! Signed URLs: machines without a password of the blobstore, and what their agents are told instead of ids.

use std::path::Path;
use std::time::Duration;

use serde_json::{Map, Value, json};
use warren_director_blobstore::{Method, Signer};
use warren_director_engine::{Config, SignedUrls};
use warren_director_store::work::{Logs, Work};
use warren_director_store::{Flag, intents, now, vms};

use crate::archives::{a_job, package};
use crate::director::{CLOUD, Director, manifest};
use crate::rendered::showing;

const ENDPOINT: &str = "https://192.0.2.1:25250";
/// SHA-1 of what a machine without a password is told, its keys in order.
const BARE: &str = "3508c03ae664716ffea0610819d41413f89e2b14";
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;

/// More than what goes by the bus, or next to nothing.
const TEMPLATE: &str = "<%= p('x') %><% if p('x').start_with?('large') %><%= Random.new(1).bytes(900_000).unpack1('H*') %><% end %>";

fn blobstores(more: &Value) -> Value {
    let mut options = json!({"endpoint": ENDPOINT, "tls": {"cert": {"ca": "an authority"}}});
    let more = more.as_object().unwrap().clone();
    options.as_object_mut().unwrap().extend(more);
    json!([{"provider": "dav", "options": options}])
}

/// A director that has a blobstore with a password, and signs URLs.
async fn director(change: impl FnOnce(&mut SignedUrls)) -> Director {
    let mut urls = SignedUrls::new(Signer::new("secret"), ENDPOINT.to_owned(), true);
    change(&mut urls);
    Director::with(|config: &mut Config| {
        let all = blobstores(&json!({"user": "agent", "password": "blob-password"}));
        config.agent_env.insert("blobstores".to_owned(), all);
        config.signed_urls = Some(urls);
    })
    .await
}

fn with(x: &str) -> String {
    let job = "{name: web, release: r";
    manifest(1, "").replace(job, &format!("{job}, properties: {{x: {x}}}"))
}

/// The blob behind a URL that the server takes for this method, for so long from now on and no longer.
fn blob(url: &Value, method: Method, seconds: i64) -> String {
    let url = url.as_str().unwrap();
    let (path, query) = url.split_once('?').unwrap();
    let id = path.rsplit('/').next().unwrap();
    let mut values = query.split('&');
    let begun = values.find_map(|pair| pair.strip_prefix("ts=")).unwrap();
    let begun: i64 = begun.parse().unwrap();
    assert!((now() - 120..=now()).contains(&begun), "{url}");
    let signer = Signer::new("secret");
    assert_eq!(url, signer.url(ENDPOINT, method, id, begun, seconds));
    id.to_owned()
}

/// Takes URLs away from a spec that an agent was given; each leads to the blob that it stands beside.
fn unsigned(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let take = |place: &mut Map<String, Value>| {
        let url = place.remove("signed_url").unwrap();
        assert_eq!(place["blobstore_id"], blob(&url, Method::Get, HOUR));
    };
    for one in spec["packages"].as_object_mut().unwrap().values_mut() {
        take(one.as_object_mut().unwrap());
    }
    let archive = spec["rendered_templates_archive"].as_object_mut().unwrap();
    if archive.contains_key("signed_url") {
        take(archive);
    }
    spec
}

/// Where a text is in what a director keeps and says of its tasks.
fn found(it: &Director, text: &str) -> Vec<String> {
    found_in(it, &["db", "db-wal", "tasks"], text)
}

/// Where a text is in these.
fn found_in(it: &Director, names: &[&str], text: &str) -> Vec<String> {
    fn look(at: &Path, text: &[u8], found: &mut Vec<String>) {
        if at.is_dir() {
            for entry in std::fs::read_dir(at).unwrap() {
                look(&entry.unwrap().path(), text, found);
            }
        } else if let Ok(bytes) = std::fs::read(at)
            && bytes.windows(text.len()).any(|part| part == text)
        {
            found.push(at.display().to_string());
        }
    }
    let mut all = Vec::new();
    for name in names {
        let at = it.scene.directory.path().join(name);
        look(&at, text.as_bytes(), &mut all);
    }
    all
}

/// All logs of jobs of the one instance.
fn logs_of_web() -> Work {
    Work::FetchLogs(Logs {
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        id: "0".to_owned(),
        kind: "job".to_owned(),
        filters: None,
    })
}

async fn logs(it: &Director) -> Value {
    let logs = Work::FetchLogs(Logs {
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        id: "0".to_owned(),
        kind: "job,agent".to_owned(),
        filters: None,
    });
    let ended = it.scene.work_on(Some("d"), logs).await.done();
    assert!(it.scene.engine.blobs.exists(&ended.result).await.unwrap());
    json!(ended.result)
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_get_urls_and_no_password() {
    let it = director(|_| ()).await;
    it.release(&[
        package("p", "p", ""),
        package("q", "q", "p"),
        a_job("web", "bbbb", "p, q"),
    ])
    .await;
    // Secrets that CPI and agents are told.
    let vm_type = "vm_types: [{name: default";
    let with_key = format!("{vm_type}, cloud_properties: {{key: cloud-secret}}");
    it.cloud(&CLOUD.replace(vm_type, &with_key)).await;
    let text = manifest(1, "  env: {bosh: {password: env-secret}}\n");
    let log = it.deploy(&text).await.done().log;

    // What machines are told names the blobstore and its authority.
    let bare = blobstores(&json!({}));
    let made = it.calls("create_vm");
    assert_eq!(made.len(), 3);
    for call in &made {
        assert_eq!(call["arguments"][5]["bosh"]["blobstores"], bare);
    }
    let told = it.asked("update_settings");
    assert!(told.iter().all(|told| told[0]["blobstores"] == bare));
    assert!(!told.is_empty());

    // As a stock director asks for it, field by field.
    assert!(it.asked("compile_package").is_empty());
    let compiled = it.asked("compile_package_with_signed_url");
    let [first, second] = compiled.as_slice() else {
        panic!("{compiled:?}");
    };
    let result = |asked: &Value| blob(&asked[0]["upload_signed_url"], Method::Put, DAY);
    let source = |asked: &Value| blob(&asked[0]["package_get_signed_url"], Method::Get, HOUR);
    for (asked, name) in [(first, "p"), (second, "q")] {
        assert!(it.scene.engine.blobs.exists(&source(asked)).await.unwrap());
        let one = asked[0].as_object().unwrap();
        let mut keys: Vec<&str> = one.keys().map(String::as_str).collect();
        keys.sort_unstable();
        let wanted = "deps digest name package_get_signed_url upload_signed_url version";
        assert_eq!(keys.join(" "), wanted);
        assert_eq!(one["name"], name);
        assert_eq!(one["version"], format!("{name}.1"));
    }
    assert_eq!(first[0]["deps"], json!({}));
    let needed = &second[0]["deps"]["p"];
    assert_eq!(
        blob(&needed["package_get_signed_url"], Method::Get, HOUR),
        result(first)
    );
    assert_eq!(needed["blobstore_id"], result(first));
    assert_eq!(
        (&needed["name"], &needed["version"]),
        (&json!("p"), &json!("p.1"))
    );

    // What is saved is what was given, without URLs.
    let mut given = it.asked("apply");
    let spec = given.pop().unwrap();
    assert_eq!(spec[0]["packages"]["q"]["blobstore_id"], result(second));
    assert_eq!(
        spec[0]["rendered_templates_archive"].get("signed_url"),
        None
    );
    // But for them it has the fields that a stock director was recorded to give.
    let recorded: Value = serde_json::from_str(include_str!("recorded/agent.json")).unwrap();
    let keys = |value: &Value| -> Vec<String> {
        let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        keys.sort_unstable();
        keys
    };
    let (ours, then) = (unsigned(&spec[0]), &recorded["apply"][0]);
    assert_eq!(keys(&ours), keys(then));
    let package = |spec: &Value| {
        spec["packages"]
            .as_object()
            .unwrap()
            .values()
            .next()
            .cloned()
    };
    assert_eq!(
        keys(&package(&ours).unwrap()),
        keys(&package(then).unwrap())
    );
    let row = it.instances().await.remove(0);
    let saved: Value = serde_json::from_str(row.spec.as_ref().unwrap()).unwrap();
    assert_eq!(saved["packages"], unsigned(&spec[0])["packages"]);

    // Names, and logs.
    assert!(it.asked("sync_dns").is_empty());
    let names = it.asked("sync_dns_with_signed_url").remove(0);
    let names = names[0].as_object().unwrap();
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(names["version"].is_i64());
    let published = blob(&names["signed_url"], Method::Get, HOUR);
    let published = it.scene.engine.blobs.open_blob(&published).await;
    assert!(published.is_ok());
    assert!(
        names["multi_digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    let put = logs(&it).await;
    assert!(it.asked("fetch_logs").is_empty());
    let asked = it.asked("fetch_logs_with_signed_url").remove(0);
    assert_eq!(put, blob(&asked[0]["signed_url"], Method::Put, DAY));
    let rest =
        json!({"signed_url": asked[0]["signed_url"], "log_type": "job,agent", "filters": null});
    assert_eq!(asked, json!([rest]));

    for secret in ["/signed/", "blob-password"] {
        assert_eq!(found(&it, secret), Vec::<String>::new(), "{secret}");
    }
    // Otherwise that would show nothing.
    assert!(!found(&it, &result(second)).is_empty());

    // The debug log tells of all that was asked, without what was told.
    let agent = it.machines(row.id).await.remove(0).agent_id;
    for told in [
        "has lock:deployment:d after ".to_owned(),
        "Compiling packages: q/q: begins\n".to_owned(),
        "Compiling packages: q/q: ends after ".to_owned(),
        " method=compile_package_with_signed_url about=q\n".to_owned(),
        format!(" agent={agent} stemcell=stemcell-cid\n"),
        " outcome=ok ms=".to_owned(),
        " answer=vm-".to_owned(),
        format!("agent_asked agent={agent} method=run_script about=pre-start\n"),
        format!("agent_call agent={agent} method=get_state outcome=ok ms="),
        " job_state=running\n".to_owned(),
    ] {
        assert!(log.contains(&told), "{told}: {log}");
    }
    assert!(
        made.iter()
            .any(|call| call["arguments"].to_string().contains("env-secret"))
    );
    assert!(
        made.iter()
            .all(|call| call["arguments"].to_string().contains("cloud-secret"))
    );
    for secret in ["env-secret", "cloud-secret"] {
        assert_eq!(found_in(&it, &["tasks"], secret), Vec::<String>::new());
    }
    // Also of what is asked side by side, before anything is planned.
    let log = it.deploy(&text).await.done().log;
    let planned = log.find("Rendering templates: begins").unwrap();
    let asked = format!("agent_call agent={agent} method=get_state outcome=ok");
    let named = format!(" web/{} (0): agent {agent} of vm-", row.uuid);
    for told in [asked, named] {
        assert!(log[..planned].contains(&told), "{told}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn urls_that_came_too_late_are_made_anew() {
    // None is good for long enough here.
    let it = director(|urls| urls.get = Duration::ZERO).await;
    it.release(&[showing("web", "bbbb", TEMPLATE, "properties: {x: {}}\n")])
        .await;
    it.deploy(&with("small")).await.done();
    let refused = |words: &str| json!({"exception": {"message": words}});
    // As our agents say it, and as stock's do.
    it.answer(
        "prepare",
        &[refused("GET https://h/a was answered with 403")],
    );
    let words = "Error executing GET, response was 403";
    it.answer("apply", &[refused(words), refused(words)]);
    let before = it.asked("apply").len();
    it.deploy(&with("large")).await.done();
    assert_eq!(it.asked("prepare").len(), 2);
    assert_eq!(it.asked("apply").len(), before + 3);
    // What does not fit the bus has a URL as well.
    for method in ["prepare", "apply"] {
        let spec = it.asked(method).pop().unwrap();
        let archive = &spec[0]["rendered_templates_archive"];
        let id = blob(&archive["signed_url"], Method::Get, 1);
        assert_eq!(archive["blobstore_id"], id);
        assert!(it.scene.engine.blobs.exists(&id).await.unwrap());
    }
    // An agent that does not know that URL asks by id, and has no password.
    let unknown = "Getting dav blob x: Wrong response code: 401; body: ";
    it.answer("prepare", &[refused(unknown)]);
    let ended = it.deploy(&with("larger")).await;
    assert_eq!(ended.code(), 450_001);
    let said = json!(ended.events).to_string();
    assert!(said.contains("(1048576 bytes)"), "{said}");
    assert!(said.contains("Raise max_payload of the NATS"), "{said}");
    // Not for ever, and not whatever is wrong. An error has no signature in it.
    it.answer("prepare", &[refused("GET https://h/a?st=Sig-1&ts=1: 500")]);
    let ended = it.deploy(&with("small")).await;
    assert_eq!(ended.code(), 450_001);
    let said = json!(ended.events).to_string();
    assert!(said.contains("st=<redacted>&ts=1: 500"), "{said}");
    let told = ended
        .log
        .lines()
        .find(|line| line.contains("agent_call ") && line.contains("500"));
    assert!(told.unwrap().contains("outcome=exception"), "{told:?}");
    assert_eq!(found(&it, "Sig-1"), Vec::<String>::new());
    assert_eq!(it.asked("prepare").len(), 4);
    let blobs = it.scene.blobs();
    let all = [words; 3].map(refused);
    it.answer("fetch_logs_with_signed_url", &all);
    let logs = logs_of_web();
    assert_eq!(it.scene.work_on(Some("d"), logs).await.state, "error");
    assert_eq!(it.asked("fetch_logs_with_signed_url").len(), 3);
    assert_eq!(it.scene.blobs(), blobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_asked_by_what_they_were_told() {
    let it = director(|urls| urls.wanted = false).await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(1, "")).await.done();
    let full = blobstores(&json!({"user": "agent", "password": "blob-password"}));
    let made = it.calls("create_vm").remove(0);
    assert_eq!(made["arguments"][5]["bosh"]["blobstores"], full);
    assert_eq!(found(&it, "blob-password"), Vec::<String>::new());
    logs(&it).await;
    assert_eq!(it.asked("fetch_logs").len(), 1);

    // One that was made when URLs were wanted has no password.
    let row = it.instances().await.remove(0);
    let pool = it.scene.engine.store.pool();
    let mut vm = it.machines(row.id).await.remove(0);
    let with_password = vm.blobstore_config_sha1.clone();
    vm.blobstore_config_sha1 = Some(BARE.to_owned());
    vms::save(pool, &vm).await.unwrap();
    logs(&it).await;
    assert_eq!(it.asked("fetch_logs_with_signed_url").len(), 1);
    // It gets URLs until it is told the password.
    let spec = |it: &Director, method: &str| it.asked(method).pop().unwrap()[0].clone();
    it.deploy(&manifest(1, "")).await.done();
    assert_eq!(spec(&it, "update_settings")["blobstores"], full);
    let vm = it.machines(row.id).await.remove(0);
    assert_eq!(vm.blobstore_config_sha1, with_password);
    logs(&it).await;
    assert_eq!(it.asked("fetch_logs").len(), 2);

    // An agent that is too old is never asked for what it does not know.
    let it = director(|_| ()).await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(1, "")).await.done();
    let row = it.instances().await.remove(0);
    let mut vm = it.machines(row.id).await.remove(0);
    assert_eq!(vm.blobstore_config_sha1.as_deref(), Some(BARE));
    assert_eq!(vm.active, Flag(true));
    for version in [Some(2), None] {
        vm.stemcell_api_version = version;
        vms::save(it.scene.engine.store.pool(), &vm).await.unwrap();
        let before = it.asked("fetch_logs").len();
        logs(&it).await;
        assert_eq!(it.asked("fetch_logs").len(), before + 1);
    }
    assert!(it.asked("fetch_logs_with_signed_url").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_put_for_a_worker_that_died_is_deleted() {
    let it = director(|_| ()).await;
    it.release(&[package("p", "aaaa", ""), a_job("web", "bbbb", "p")])
        .await;
    let method = "compile_package_with_signed_url";
    let runs = json!({"value": {"agent_task_id": "t", "state": "running"}});
    it.answer(method, &[runs]);
    let blobs = &it.scene.engine.blobs;
    let put = || {
        blob(
            &it.asked(method)[0][0]["upload_signed_url"],
            Method::Put,
            DAY,
        )
    };
    let kill = it.kill_at("get_task", async || {
        blobs.put(&put(), b"compiled".as_slice()).await.unwrap();
    });
    let text = manifest(1, "");
    let (ended, ()) = tokio::join!(it.deploy(&text), kill);
    ended.done();
    assert_eq!(it.asked(method).len(), 2);
    assert!(!blobs.exists(&put()).await.unwrap());
    let logs = logs_of_web();
    let ended = it.scene.work(logs).await.done();
    assert!(blobs.exists(&ended.result).await.unwrap());
    let left = intents::left(it.scene.engine.store.pool()).await;
    assert_eq!(left.unwrap(), []);
}
