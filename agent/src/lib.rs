//! The agent: a director's hand inside a VM; and the init that keeps it and the supervisor running.
//!
//! ```text
//!            bus (NATS)                      supervisor (monit's HTTP)
//!               │                                     ▲
//!               ▼                                     │
//!   dispatch ─► tasks ─► action ─► install, script, monit, disk, blob, ...
//!               ▲
//!   serve: bootstrap, heartbeats, alerts
//! ```
//!
//! | part | what it does |
//! |---|---|
//! | [`serve`] | the agent's life, from its flags to its end |
//! | [`bootstrap`] | what is done at every boot, each step idempotent |
//! | [`address`] | the machine's own address, where its settings leave it open |
//! | [`bus`] | the connection to NATS; changes its certificate without a gap |
//! | [`listener`] | the https listener of create-env |
//! | [`dispatch`], [`tasks`] | requests to actions, at once or as tasks |
//! | [`action`] | one file for each method |
//! | [`install`] | jobs and packages: plan (pure) and apply |
//! | [`monit`] | the supervisor, over monit's HTTP alone |
//! | [`script`] | job scripts, drain, errands |
//! | [`blob`] | blobstores and signed URLs |
//! | [`disk`] | persistent disks |
//! | [`hope`] | when what is in the agent's way is said to its director |
//! | [`vitals`] | CPU, memory, disks of this VM, which may be a container |
//! | [`init`] | pid 1 |
//!
//! Everything is synchronous; each long thing has a thread. All paths are below [`paths::Paths`],
//! so tests run in a directory of their own. `docs/design/agent.md` has the decisions,
//! `docs/contract/agent.md` what may be relied on.

pub mod action;
pub mod address;
pub mod agent;
pub mod alerts;
pub mod blob;
pub mod bootstrap;
pub mod bus;
pub mod digest;
pub mod disk;
pub mod dispatch;
pub mod files;
pub mod firewall;
mod full;
pub mod heartbeat;
pub mod hope;
pub mod id;
pub mod init;
pub mod install;
pub mod left;
pub mod listener;
pub mod log;
pub mod monit;
pub mod owner;
pub mod pack;
pub mod paths;
pub mod process;
pub mod script;
pub mod serve;
pub mod settings;
pub mod spec;
pub mod tasks;
pub mod unpack;
pub mod vitals;
