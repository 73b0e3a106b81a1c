//! A director's workers, and what their tasks said.

use std::cell::RefCell;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tempfile::TempDir;
use warren_director_blobstore::Local;
use warren_director_bus::{Bus, Options, ServerUrl, Users};
use warren_director_cpi::{Cpi, Settings};
use warren_director_engine::{Config, Engine, Parts, Worker};
use warren_director_store::output::{Kind, Outputs};
use warren_director_store::work::{Source, Upload, Work};
use warren_director_store::{Store, tasks};
use warren_director_templates::Pool;

/// In a pid namespace, as directors have it: there one Ruby process serves many requests.
const RUBY: [&str; 6] = [
    "unshare",
    "--map-root-user",
    "--pid",
    "--fork",
    "--kill-child",
    "ruby",
];

pub struct Scene {
    pub engine: Engine,
    pub directory: TempDir,
    workers: tokio::sync::Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

thread_local! {
    /// What makes an empty database for a scene that this thread starts, and tells its URL.
    static DATABASES: RefCell<Option<Databases>> = const { RefCell::new(None) };
}

pub type Databases = Box<dyn Fn() -> String>;

/// Has a test's scenes use these databases; otherwise each has an SQLite of its own.
pub fn on(databases: Databases, test: fn()) {
    DATABASES.with_borrow_mut(|all| *all = Some(databases));
    test();
    DATABASES.with_borrow_mut(Option::take);
}

fn database(at: &Path) -> String {
    DATABASES.with_borrow(|all| match all {
        Some(new) => new(),
        None => format!("sqlite:{}", at.display()),
    })
}

fn workers(engine: &Engine, process: &str) -> Vec<tokio::task::JoinHandle<()>> {
    ["normal", "urgent"]
        .map(|queue| {
            let work = warren_director_engine::run(
                engine.clone(),
                Worker::new(queue, process),
                std::future::pending(),
            );
            tokio::spawn(work)
        })
        .into()
}

/// How a task ended.
#[derive(Debug)]
pub struct Ended {
    pub state: String,
    pub result: String,
    pub events: Vec<Value>,
    pub output: String,
    /// Its debug log.
    pub log: String,
}

impl Ended {
    /// `STAGE: TASK` of everything that ended well, in order.
    pub fn finished(&self) -> Vec<String> {
        self.in_state("finished")
    }

    pub fn in_state(&self, state: &str) -> Vec<String> {
        self.events
            .iter()
            .filter(|event| event["state"] == state)
            .map(|event| {
                let text = |key: &str| event[key].as_str().unwrap().to_owned();
                format!("{}: {}", text("stage"), text("task"))
            })
            .collect()
    }

    /// The code of the last event, which is that of the failure.
    pub fn code(&self) -> i64 {
        self.events.last().unwrap()["error"]["code"]
            .as_i64()
            .unwrap()
    }

    pub fn done(self) -> Self {
        assert_eq!(self.state, "done", "{self:?}");
        self
    }
}

impl Scene {
    /// One whose agents are behind `bus`, if any are asked.
    pub async fn start(bus: Option<ServerUrl>) -> Self {
        Self::with(bus, |_| ()).await
    }

    /// As [`start`](Self::start), with another configuration.
    pub async fn with(bus: Option<ServerUrl>, change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir(at("work")).unwrap();
        let program = at("cpi");
        let script =
            include_str!("cpi.sh").replace("DIRECTORY", directory.path().to_str().unwrap());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let nobody = || ServerUrl::parse("nats://127.0.0.1:1").unwrap();
        let mut config = Config {
            name: "d".to_owned(),
            uuid: "d-uuid".to_owned(),
            domain: "bosh".to_owned(),
            use_dns_addresses: false,
            ignore_missing_gateway: false,
            own_ips: Vec::new(),
            nats: None,
            agent_env: Map::new(),
            signed_urls: None,
            trusted_certs: String::new(),
            work: at("work"),
            max_threads: 4,
            agent_patience: Duration::from_secs(30),
            silent_after: Duration::from_secs(10),
            keep_unreachable_vms: false,
            snapshots: false,
            resize_disks: false,
        };
        change(&mut config);
        let engine = Engine::new(Parts {
            config,
            store: Store::open(&database(&at("db"))).await.unwrap(),
            outputs: Outputs::new(&at("tasks")),
            bus: Bus::start(Options {
                servers: vec![bus.unwrap_or_else(nobody)],
                tls: None,
                process: "p".to_owned(),
            })
            .unwrap(),
            // Of a server that does not run: written all the same.
            users: Some(Users::new(&at("users.json"), &at("nats.pid"))),
            cpi: Cpi::new(
                Settings {
                    command: vec![program],
                    director_uuid: "d-uuid".to_owned(),
                    properties: Map::new(),
                    preferred_version: 3,
                },
                Arc::new(|_| {}),
            ),
            blobs: Local::open(&at("blobs"), "test").await.unwrap(),
            templates: Pool::new(warren_director_templates::Options {
                command: RUBY.map(str::to_owned).to_vec(),
                patience: Duration::from_secs(30),
                ..warren_director_templates::Options::default()
            }),
        });
        let workers = workers(&engine, "test");
        Self {
            engine,
            directory,
            workers: workers.into(),
        }
    }

    /// Kills the workers in the middle of what they do.
    pub async fn kill_workers(&self) {
        for worker in self.workers.lock().await.drain(..) {
            worker.abort();
            assert!(worker.await.unwrap_err().is_cancelled());
        }
    }

    /// Starts others, who take up what was left.
    pub async fn start_workers(&self) {
        let pool = self.engine.store.pool();
        tasks::abandon(pool, "test").await.unwrap();
        *self.workers.lock().await = workers(&self.engine, "test");
    }

    /// Has workers do something, and waits for its end.
    pub async fn work(&self, work: Work) -> Ended {
        self.work_on(None, work).await
    }

    /// As [`work`](Self::work), as a task of a deployment.
    pub async fn work_on(&self, deployment: Option<&str>, work: Work) -> Ended {
        let pool = self.engine.store.pool();
        let new = tasks::New {
            work: &work,
            description: "a test",
            username: "admin",
            deployment,
            teams: "[]",
            context_id: "",
            request_id: "",
        };
        let id = tasks::enqueue(pool, &new).await.unwrap();
        self.engine.store.wake().await;
        let begun = Instant::now();
        let row = loop {
            let row = tasks::find(pool, id).await.unwrap().unwrap();
            if row.is_over() {
                break row;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "task {id} goes on and on"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let read = |kind| {
            let read = self.engine.outputs.read(id, kind, 0).unwrap();
            String::from_utf8(read.map(|(bytes, _)| bytes).unwrap_or_default()).unwrap()
        };
        let parse = |line: &str| serde_json::from_str(line).unwrap();
        Ended {
            state: row.state,
            result: row.result.unwrap_or_default(),
            events: read(Kind::Event).lines().map(parse).collect(),
            output: read(Kind::Result),
            log: read(Kind::Debug),
        }
    }

    /// An upload of these bytes, as the API leaves it.
    pub fn upload(&self, bytes: &[u8]) -> Upload {
        let path = self
            .directory
            .path()
            .join("work")
            .join(warren_director_store::uuid::new());
        std::fs::write(&path, bytes).unwrap();
        Upload {
            source: Source::Path(path.to_str().unwrap().to_owned()),
            sha1: None,
            fix: false,
            rebase: false,
        }
    }

    /// Nothing of an upload may lie about for long when its task is over.
    pub fn assert_no_leftovers(&self) {
        let begun = Instant::now();
        loop {
            let left: Vec<_> = std::fs::read_dir(self.directory.path().join("work"))
                .unwrap()
                .collect();
            if left.is_empty() {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "{left:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Methods that the CPI was asked for, but `info`.
    pub fn cpi_calls(&self) -> Vec<Value> {
        std::fs::read_to_string(self.directory.path().join("requests"))
            .unwrap_or_default()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|request| request["method"] != "info")
            .collect()
    }

    /// Where a blob is.
    pub fn blob(&self, id: &str) -> std::path::PathBuf {
        let folders = std::fs::read_dir(self.directory.path().join("blobs")).unwrap();
        let mut places = folders.map(|folder| folder.unwrap().path().join(id));
        places.find(|place| place.exists()).unwrap()
    }

    /// How many blobs there are.
    pub fn blobs(&self) -> usize {
        let mut count = 0;
        for folder in std::fs::read_dir(self.directory.path().join("blobs")).unwrap() {
            let folder = folder.unwrap();
            if folder.file_name() != ".writing" {
                count += std::fs::read_dir(folder.path()).unwrap().count();
            }
        }
        count
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        for worker in self.workers.get_mut() {
            worker.abort();
        }
    }
}
