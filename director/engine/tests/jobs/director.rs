//! A director with a bus, agents that answer as one wants, a stemcell and a cloud config: what tests of
//! deployments begin with.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_director_engine::Config;
use warren_director_store::work::{Deploy, Work};
use warren_director_store::{configs, deployments, instances, tasks, vms};

use crate::archives::{Member, release, stemcell, tgz};
use crate::scene::{Ended, Scene};
use crate::server::{Agent, Listener, Server};

pub const CLOUD: &str = "
azs: [{name: z1}]
vm_types: [{name: default}]
compilation: {workers: 1, az: z1, network: default, vm_type: default}
networks:
- name: default
  type: manual
  subnets: [{range: 10.244.0.0/24, gateway: 10.244.0.1, azs: [z1], dns: []}]
";

/// A manifest of so many `web`, whose group has these keys besides.
pub fn manifest(instances: usize, more: &str) -> String {
    format!(
        "
name: d
tags: {{team: blue}}
releases: [{{name: r, version: latest}}]
stemcells: [{{alias: default, os: debian-bookworm, version: latest}}]
update: {{canaries: 1, max_in_flight: 2, canary_watch_time: 1-30000, update_watch_time: 1-30000}}
instance_groups:
- name: web
  instances: {instances}
  azs: [z1]
  stemcell: default
  vm_type: default
  networks: [{{name: default}}]
  jobs: [{{name: web, release: r}}]
{more}"
    )
}

/// A director of one deployment `d`.
pub struct Director {
    server: Server,
    pub agent: Agent,
    pub scene: Scene,
    agents: Arc<Agents>,
}

/// How agents are.
#[derive(Default)]
pub struct Agents {
    /// What they say is mounted.
    mounted: Mutex<Vec<String>>,
    /// What each has mounted, if that is what they say.
    mounts: Mutex<Option<BTreeMap<String, BTreeSet<String>>>>,
    /// Whether jobs that are started from now on fail.
    breaks: AtomicBool,
    /// Of whom jobs have failed.
    failing: Mutex<BTreeSet<String>>,
    /// Whose jobs were stopped.
    stopped: Mutex<BTreeSet<String>>,
    /// Methods that they do not answer.
    stuck: Mutex<BTreeSet<String>>,
    /// Those that do not answer anything.
    silent: Mutex<BTreeSet<String>>,
    /// A method after which whoever is asked for it does not answer anything any more.
    last: Mutex<Option<String>>,
    /// What they answer to a method next, instead of what they always do.
    next: Mutex<BTreeMap<String, VecDeque<Value>>>,
}

impl Director {
    /// One that takes no snapshots by itself.
    pub async fn start() -> Self {
        Self::with(|_| ()).await
    }

    /// One with another configuration.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let server = Server::start();
        let scene = Scene::with(Some(server.url()), change).await;
        let how = Arc::default();
        let agent = agents(&server, &scene, &how);
        crate::machines::ready(&scene, &["any"]).await;
        let bytes = stemcell("1.1", "warden-tar", b"an image");
        scene
            .work(Work::UpdateStemcell(scene.upload(&bytes)))
            .await
            .done();
        let it = Self {
            server,
            agent,
            scene,
            agents: how,
        };
        it.cloud(CLOUD).await;
        it
    }

    /// Uploads the first version of the release `r`.
    pub async fn release(&self, members: &[Member]) {
        let bytes = release("r", "1", "c", members);
        self.scene
            .work(Work::UpdateRelease(self.scene.upload(&bytes)))
            .await
            .done();
    }

    /// Takes another cloud config.
    pub async fn cloud(&self, text: &str) {
        let pool = self.scene.engine.store.pool();
        configs::create(pool, "cloud", "default", text, None)
            .await
            .unwrap();
    }

    /// Deploys a manifest.
    pub async fn deploy(&self, manifest: &str) -> Ended {
        let text = manifest.to_owned();
        self.update(|deploy| deploy.manifest = Some(text)).await
    }

    /// Deploys in this way.
    pub async fn update(&self, change: impl FnOnce(&mut Deploy)) -> Ended {
        let pool = self.scene.engine.store.pool();
        deployments::find_or_create(pool, "d", "[]").await.unwrap();
        let cloud = configs::latest(pool, "cloud", "default").await.unwrap();
        let mut deploy = Deploy {
            deployment: "d".to_owned(),
            cloud_configs: cloud.iter().map(|config| config.id).collect(),
            ..Deploy::default()
        };
        change(&mut deploy);
        let work = Work::UpdateDeployment(deploy);
        self.scene.work_on(Some("d"), work).await
    }

    /// Has agents say that these disks are mounted.
    pub fn mount(&self, cids: &[&str]) {
        *self.agents.mounted.lock().unwrap() = cids.iter().map(|&cid| cid.to_owned()).collect();
    }

    /// Has agents say what each has mounted since.
    pub fn track_mounts(&self) {
        *self.agents.mounts.lock().unwrap() = Some(BTreeMap::new());
    }

    /// Has jobs fail that are started from now on, or not.
    pub fn break_jobs(&self, so: bool) {
        self.agents.breaks.store(so, Ordering::Relaxed);
    }

    /// Has an agent not answer any more.
    pub fn silence(&self, agent: &str) {
        self.agents.silent.lock().unwrap().insert(agent.to_owned());
    }

    /// Has agents give these answers to a method next: `{"value": ..}` or `{"exception": ..}`.
    pub fn answer(&self, method: &str, answers: &[Value]) {
        let mut next = self.agents.next.lock().unwrap();
        let queue = next.entry(method.to_owned()).or_default();
        queue.extend(answers.iter().cloned());
    }

    /// Has the next agent that is asked for this say that it failed.
    pub fn refuse(&self, method: &str) {
        let exception = json!({"exception": {"message": format!("{method} is refused")}});
        self.answer(method, &[exception]);
    }

    /// Has the next agent that is asked for this answer it, and nothing after that.
    pub fn silence_after(&self, method: &str) {
        *self.agents.last.lock().unwrap() = Some(method.to_owned());
    }

    /// Cancels the newest task when agents are asked for this once more.
    pub async fn cancel_at(&self, method: &str) {
        let before = self.asked(method).len();
        let end = Instant::now() + Duration::from_secs(30);
        while self.asked(method).len() == before {
            assert!(Instant::now() < end, "{method} is not asked for");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.cancel().await;
    }

    /// Kills the workers when agents are asked for this once more, which then do not answer, and starts others
    /// after what happens meanwhile.
    pub async fn kill_at(&self, method: &str, meanwhile: impl AsyncFnOnce()) {
        let before = self.asked(method).len();
        self.stick(method);
        let end = Instant::now() + Duration::from_secs(30);
        while self.asked(method).len() == before {
            assert!(Instant::now() < end, "{method} is not asked for");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.scene.kill_workers().await;
        meanwhile().await;
        self.go_on(method);
        self.scene.start_workers().await;
    }

    /// Cancels the newest task.
    pub async fn cancel(&self) {
        let pool = self.scene.engine.store.pool();
        let all = tasks::list(pool, &tasks::Filter::default()).await.unwrap();
        let newest = all.iter().map(|task| task.id).max().unwrap();
        assert!(tasks::cancel(pool, newest).await.unwrap());
    }

    /// Has the CPI refuse a method with an error of this type from now on, or not any more.
    pub fn fail(&self, method: &str, kind: Option<&str>) {
        let path = self.scene.directory.path().join(format!("fails-{method}"));
        match kind {
            Some(kind) => std::fs::write(path, format!("Bosh::Clouds::{kind}")).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    /// Has agents and CPI not answer when they are asked for this, until [`go_on`](Self::go_on).
    pub fn stick(&self, method: &str) {
        self.agents.stuck.lock().unwrap().insert(method.to_owned());
        std::fs::write(self.stuck(method), "").unwrap();
    }

    pub fn go_on(&self, method: &str) {
        self.agents.stuck.lock().unwrap().remove(method);
        std::fs::remove_file(self.stuck(method)).unwrap();
    }

    fn stuck(&self, method: &str) -> PathBuf {
        self.scene.directory.path().join(format!("stuck-{method}"))
    }

    /// What CPI (`None`) and agents were asked for, in order: but for what only looks or describes.
    pub fn timeline(&self) -> Vec<(Option<String>, Value)> {
        let text = std::fs::read_to_string(self.scene.directory.path().join("timeline")).unwrap();
        let boring = [
            "info",
            "ping",
            "has_vm",
            "set_vm_metadata",
            "set_disk_metadata",
            "get_state",
            "sync_dns",
            "upload_blob",
            "list_disk",
        ];
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|call| !boring.iter().any(|method| call["method"] == *method))
            .map(|call| (call["agent"].as_str().map(str::to_owned), call))
            .collect()
    }

    /// With what the CPI was asked for something, each time.
    pub fn calls(&self, method: &str) -> Vec<Value> {
        let mut calls = self.scene.cpi_calls();
        calls.retain(|call| call["method"] == method);
        calls
    }

    /// With what agents were asked for something, each time.
    pub fn asked(&self, method: &str) -> Vec<Value> {
        let asked = self.agent.asked().into_iter();
        asked
            .filter(|(name, _)| name == method)
            .map(|(_, arguments)| arguments)
            .collect()
    }

    /// Listens at a subject of the bus from some time soon on.
    pub fn listen(&self, subject: &str) -> Listener {
        Listener::start(&self.server, subject)
    }

    /// The rows of the deployment's instances.
    pub async fn instances(&self) -> Vec<instances::Instance> {
        let pool = self.scene.engine.store.pool();
        instances::of_deployment(pool, 1).await.unwrap()
    }

    /// The machines of an instance.
    pub async fn machines(&self, instance: i64) -> Vec<vms::Vm> {
        let pool = self.scene.engine.store.pool();
        vms::of_instance(pool, instance).await.unwrap()
    }
}

/// Answers for every agent.
pub fn agents(server: &Server, scene: &Scene, how: &Arc<Agents>) -> Agent {
    let (store, runtime) = (
        scene.engine.blobs.clone(),
        tokio::runtime::Handle::current(),
    );
    let how = Arc::clone(how);
    let timeline = scene.directory.path().join("timeline");
    Agent::start_with(server, "*", move |agent, method, arguments| {
        let call = json!({"agent": agent, "method": method, "arguments": arguments});
        let open = OpenOptions::new().create(true).append(true).open(&timeline);
        // In one piece, as the CPI writes to it at the same time.
        open.unwrap()
            .write_all(format!("{call}\n").as_bytes())
            .unwrap();
        // What is not answered is done all the same.
        if method == "start" {
            how.stopped.lock().unwrap().remove(agent);
        }
        let is_stuck = how.stuck.lock().unwrap().contains(method);
        if is_stuck || how.silent.lock().unwrap().contains(agent) {
            return None;
        }
        let is_last = how.last.lock().unwrap().take_if(|last| last == method);
        if is_last.is_some() {
            how.silent.lock().unwrap().insert(agent.to_owned());
        }
        let next = how
            .next
            .lock()
            .unwrap()
            .get_mut(method)
            .and_then(VecDeque::pop_front);
        if next.is_some() {
            return next;
        }
        if method == "stop" {
            how.stopped.lock().unwrap().insert(agent.to_owned());
        }
        if method == "start" {
            let mut failing = how.failing.lock().unwrap();
            match how.breaks.load(Ordering::Relaxed) {
                true => failing.insert(agent.to_owned()),
                false => failing.remove(agent),
            };
        }
        if let Some(mounts) = how.mounts.lock().unwrap().as_mut()
            && let Some(disk) = arguments.first().and_then(Value::as_str)
        {
            let mine = mounts.entry(agent.to_owned()).or_default();
            match method {
                "mount_disk" => mine.insert(disk.to_owned()),
                "unmount_disk" => mine.remove(disk),
                _ => false,
            };
        }
        let is = |all: &Mutex<BTreeSet<String>>| all.lock().unwrap().contains(agent);
        let state = match () {
            () if is(&how.stopped) => "stopped",
            () if is(&how.failing) => "failing",
            () => "running",
        };
        let blob = || {
            let packed = tgz(&[("log", b"x")]);
            let stored = runtime.block_on(store.create(packed.as_slice())).unwrap();
            json!({"blobstore_id": stored.id, "sha1": stored.sha1})
        };
        // What is put behind a URL is where that says.
        let put = |url: &str| {
            let url = arguments[0][url].as_str().unwrap();
            let path = url.split('?').next().unwrap();
            let id = path.rsplit('/').next().unwrap();
            let packed = tgz(&[("log", b"x")]);
            let stored = runtime.block_on(store.put(id, packed.as_slice())).unwrap();
            json!({"sha1": stored.sha1})
        };
        let value = match method {
            "get_state" => json!({"job_state": state, "vm": {"name": "vm-of-an-agent"}}),
            "fetch_logs" => blob(),
            "compile_package" => json!({"result": blob()}),
            "fetch_logs_with_signed_url" => put("signed_url"),
            "compile_package_with_signed_url" => json!({"result": put("upload_signed_url")}),
            "run_errand" => json!({"stdout": arguments.len().to_string(), "stderr": "e",
                "exit_code": 0}),
            "drain" => json!(0),
            "list_disk" => match how.mounts.lock().unwrap().as_ref() {
                Some(mounts) => json!(mounts.get(agent).cloned().unwrap_or_default()),
                None => json!(*how.mounted.lock().unwrap()),
            },
            "run_script" => json!({}),
            _ => json!("ok"),
        };
        Some(json!({ "value": value }))
    })
}
