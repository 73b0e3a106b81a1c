//! `calculate_vm_cloud_properties`: a size as limits.

use serde_json::{Map, Value};

use crate::{Error, properties};

/// The answer.
pub(super) fn answer(requirements: &Map<String, Value>) -> Result<Value, Error> {
    properties::of_size(requirements)
}
