//! Device access rules of a cgroup, as eBPF programs (v2) or the devices controller (v1).
//!
//! ```text
//! DeviceRule...  --Policy-->  normal form  --program-->  instructions --attach-->  cgroup v2
//!  (rule.rs)    (policy.rs)                \-------------- v1 -----------------> devices.allow/deny
//! ```
//!
//! - [`device`], [`rule`], [`defaults`], [`policy`]: what is wanted, with an exact meaning.
//! - [`program`], [`insn`], [`interpret`]: the same as instructions, and what instructions mean.
//! - [`bpf`]: the system call. The only other `unsafe` is the forked child of [`probe`].
//! - [`attach`]: who owns which program. Programs that others loaded are never detached.
//! - [`v1`]: the devices controller of cgroup v1.
//! - [`probe`]: what really opens. [`explain`]: which ancestor says no.
//!
//! Two kernel facts shape everything here: on v2 all programs of a cgroup and of its ancestors
//! run and any of them can deny (so a nested container can only be narrower than its outer one),
//! and a cgroup's list of programs is shared by everybody who may write to it.

pub mod attach;
pub mod bpf;
pub mod defaults;
pub mod device;
pub mod explain;
pub mod insn;
pub mod interpret;
pub mod policy;
pub mod probe;
pub mod program;
pub mod rule;
pub mod v1;

pub use attach::{Owned, install, remove, update};
pub use defaults::Defaults;
pub use device::{Access, Device, DeviceKind, Request};
pub use policy::Policy;
pub use program::{Program, Style};
pub use rule::{DeviceRule, Kind};
