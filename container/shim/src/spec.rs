//! What the server wants, in the words of the engine.

pub use warren_container_runtime::groups::{Place, V1Place};
pub use warren_container_runtime::spec::{
    Bind, CgroupSpec, ContainerSpec, Limits, OwnRoot, ProcessSpec, Resource, Terminal,
};
