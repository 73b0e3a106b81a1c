//! Bringing the layers of a source into the store.

use super::{LayerName, Source};
use crate::store::{Base, Error, Lease, Store};

impl Store {
    /// Brings all layers of a source into the store, those that are missing at the same time, and
    /// leases them.
    ///
    /// # Errors
    /// Of the lowest layer that failed.
    pub fn fetch(&self, source: &dyn Source) -> Result<Vec<Lease>, Error> {
        // Each layer has two threads at work; more layers at once would only wait for each other.
        let at_once = std::thread::available_parallelism().map_or(2, |cpus| cpus.get().clamp(2, 8));
        let count = source.layers().len();
        // Those below a base directory need to see the layers under them.
        let is_based = |index: &usize| source.base_directory(*index).is_some();
        let (based, plain): (Vec<_>, Vec<_>) = (0..count).partition(is_based);
        let mut leases: Vec<Option<Lease>> = Vec::new();
        leases.resize_with(count, || None);
        for group in plain.chunks(at_once) {
            let results = std::thread::scope(|scope| {
                let start = |index: &usize| {
                    let index = *index;
                    (
                        index,
                        scope.spawn(move || self.fetch_one(source, index, None)),
                    )
                };
                let running: Vec<_> = group.iter().map(start).collect();
                running
                    .into_iter()
                    .map(|(index, thread)| (index, thread.join()))
                    .collect::<Vec<_>>()
            });
            for (index, result) in results {
                let lease = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                if let Some(place) = leases.get_mut(index) {
                    *place = Some(lease);
                }
            }
        }
        for index in based {
            let below: Vec<&Lease> = leases.iter().take(index).flatten().collect();
            let path = source.base_directory(index).unwrap_or("/".as_ref());
            let base = Base::over(&below, path)?;
            let lease = self.fetch_one(source, index, Some(&base))?;
            if let Some(place) = leases.get_mut(index) {
                *place = Some(lease);
            }
        }
        Ok(leases.into_iter().flatten().collect())
    }

    fn fetch_one(
        &self,
        source: &dyn Source,
        index: usize,
        base: Option<&Base>,
    ) -> Result<Lease, Error> {
        let Some(name) = source.layers().get(index).copied() else {
            return Err(Error::NoLayers);
        };
        let expected = source.expected(index);
        let open = || source.open(index);
        match (name, source.directory(index)) {
            (LayerName::Source(id), Some(path)) => self.layer_of_directory(id, path),
            (LayerName::Source(id), None) => self.make_of_source(id, expected, base, open),
            (LayerName::Content { diff_id, .. }, _) => self.make(diff_id, expected, base, open),
        }
    }
}
