//! What there is, with the values that it was made with: rows keep placeholders, and the set of variables
//! that an instance refers to has the values of then.

use std::collections::BTreeMap;

use serde_json::Value;
use warren_director_plan::{AgentState, Existing, placeholders};
use warren_director_store::variables as sets;

use super::DeployTask;
use crate::Error;
use crate::inputs::{self, Rows};
use crate::variables::Variables;

impl DeployTask<'_> {
    /// What there is; cloud properties of machines are resolved.
    pub(super) async fn existing(
        &self,
        rows: &Rows,
        states: &BTreeMap<String, AgentState>,
    ) -> Result<Existing, Error> {
        let mut existing = inputs::existing(rows, states);
        // Who waits was made by a deploy that failed, and was what is wanted at each one since: so it
        // has the values of the last one.
        let before = sets::set_before(self.engine.store.pool(), self.row.id, self.variables.set());
        let before = before.await?;
        for (instance, row) in existing.instances.iter_mut().zip(&rows.instances) {
            if let Some(vm) = &mut instance.vm {
                let set = Some(row.variable_set_id);
                vm.cloud_properties = self.as_then(vm.cloud_properties.take(), set).await?;
            }
            for spare in &mut instance.spares {
                let old = spare.vm.cloud_properties.take();
                spare.vm.cloud_properties = self.as_then(old, before).await?;
            }
        }
        Ok(existing)
    }

    /// A document with the values of a set; null if it has not all of them, which is like nothing that
    /// is wanted.
    pub(super) async fn as_then(
        &self,
        document: Option<Value>,
        set: Option<i64>,
    ) -> Result<Option<Value>, Error> {
        let Some(document) = document else {
            return Ok(None);
        };
        let mut names = std::collections::BTreeSet::new();
        if placeholders::collect(&document, &mut names).is_ok() && names.is_empty() {
            return Ok(Some(document));
        }
        let Some(set) = set else {
            return Ok(Some(Value::Null));
        };
        let (store, director) = (&self.engine.store, &self.engine.config.name);
        let then = Variables::new(store, director, &self.row.name, set, false);
        match then.resolve_one(&document).await {
            Ok(resolved) => Ok(Some(resolved)),
            Err(error) if error.code() == 540_001 => Ok(Some(Value::Null)),
            Err(error) => Err(error),
        }
    }
}
