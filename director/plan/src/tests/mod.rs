//! Plans of small deployments.

mod changes;
mod links;
mod order;
mod placeholders;
mod placement;
mod scene;
mod swap;
