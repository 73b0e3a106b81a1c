//! Deployment manifests and configs: from text to checked values, without any I/O.
//!
//! | module | what it does |
//! |---|---|
//! | [`yaml`] | reads and writes YAML as Go's `yaml.v2` and Ruby's Psych do |
//! | [`ops`] | changes a document by an operations file |
//! | [`interpolate`] | replaces `((placeholders))` as the CLI does |
//! | [`check`] | the director's types, messages and error codes |
//! | [`cloud_config`], [`cpi_config`] | what may be deployed onto |
//! | [`runtime_config`], [`addon`] | what goes into every deployment |
//! | [`deployment`] | what is wanted |
//! | [`merge`] | addons into a deployment |
//! | [`ip`] | addresses, subnets, ranges |
//! | [`diff`] | what changed, as lines |

pub mod addon;
pub mod check;
pub mod cloud_config;
pub mod cpi_config;
pub mod deployment;
pub mod diff;
pub mod interpolate;
pub mod ip;
pub mod merge;
pub mod ops;
pub mod runtime_config;
pub mod yaml;

mod goval;
