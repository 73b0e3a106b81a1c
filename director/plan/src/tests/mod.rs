//! Plans of small deployments.

mod changes;
mod exported;
mod links;
mod machine;
mod names;
mod order;
mod placeholders;
mod placement;
mod scene;
mod swap;
