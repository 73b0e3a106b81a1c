//! Jobs that show what their templates were given, and what machines were sent of them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use warren_director_store::configs;
use warren_director_store::work::{Deploy, Work};

use crate::archives::{Member, tgz};
use crate::director::{Director, manifest};
use crate::scene::Ended;

/// A job that writes a template's text to `shown`; `more` is in its specification.
pub fn showing(name: &'static str, print: &'static str, template: &str, more: &str) -> Member {
    let spec = format!("name: {name}\ntemplates: {{shown: shown}}\npackages: []\n{more}");
    let archive = tgz(&[
        ("job.MF", spec.as_bytes()),
        ("monit", b""),
        ("templates/shown", template.as_bytes()),
    ]);
    Member {
        folder: "jobs",
        name,
        print,
        needs: "",
        archive: Some(archive),
    }
}

/// What machines were sent, oldest first: texts by path.
pub fn sent(it: &Director) -> Vec<BTreeMap<String, String>> {
    let archives = it.asked("upload_blob").into_iter().map(|arguments| {
        let payload = arguments[0]["payload"].as_str().unwrap().replace('\n', "");
        let packed = STANDARD.decode(payload).unwrap();
        let plain = flate2::read::GzDecoder::new(packed.as_slice());
        let mut archive = warren_lib_tar::Reader::new(plain);
        let mut files = BTreeMap::new();
        while let Some(entry) = archive.next_entry().unwrap() {
            let mut text = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let read = archive.read_data(&mut buffer).unwrap();
                if read == 0 {
                    break;
                }
                text.extend_from_slice(&buffer[..read]);
            }
            let path = String::from_utf8(entry.path).unwrap();
            files.insert(path, String::from_utf8(text).unwrap());
        }
        files
    });
    archives.collect()
}

/// What the latest archive that has this job shows.
pub fn shown(it: &Director, job: &str) -> String {
    let path = format!("./{job}/shown");
    let all = sent(it).into_iter().rev();
    let mut found = all.filter_map(|mut files| files.remove(&path));
    found
        .next()
        .unwrap_or_else(|| panic!("{path} was never sent"))
}

/// Deploys a manifest of any deployment, with these runtime configs.
pub async fn deploy(it: &Director, name: &str, manifest: &str, runtime: &[i64]) -> Ended {
    let pool = it.scene.engine.store.pool();
    warren_director_store::deployments::find_or_create(pool, name, "[]")
        .await
        .unwrap();
    let cloud = configs::latest(pool, "cloud", "default").await.unwrap();
    let deploy = Deploy {
        deployment: name.to_owned(),
        manifest: Some(manifest.to_owned()),
        cloud_configs: cloud.iter().map(|config| config.id).collect(),
        runtime_configs: runtime.to_vec(),
        ..Deploy::default()
    };
    let work = Work::UpdateDeployment(deploy);
    it.scene.work_on(Some(name), work).await
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_rendered_side_by_side_and_complain_in_order() {
    let it = Director::start().await;
    // Each waits for what the other one writes.
    let folder = it.scene.directory.path();
    let template = format!(
        "<% at = proc {{ |n| \"{}/#{{p('word')}}-#{{n}}\" }}; File.write(at.(index), ''); \
         ends = Time.now + 30; sleep 0.01 until File.exist?(at.(1 - index)) || Time.now > ends; \
         raise \"no #{{index}}\" if p('word') == 'fail' %><%= File.exist?(at.(1 - index)) %>",
        folder.display()
    );
    it.release(&[showing(
        "web",
        "aaaa",
        &template,
        "properties: {word: {}}\n",
    )])
    .await;
    let text = |word: &str| {
        let job = format!("{{name: web, release: r, properties: {{word: {word}}}}}");
        manifest(2, "").replace("{name: web, release: r}", &job)
    };
    it.deploy(&text("go")).await.done();
    let all = sent(&it);
    assert!(
        all.iter().all(|files| files["./web/shown"] == "true"),
        "{all:?}"
    );
    let refused = it.deploy(&text("fail")).await;
    let error = &refused.events.last().unwrap()["error"];
    let refused = error["message"].as_str().unwrap();
    let place = |index: u32| refused.find(&format!("no {index}"));
    assert!(place(0).is_some() && place(0) < place(1), "{refused}");
}
