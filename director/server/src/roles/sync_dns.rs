//! Tells agents of names that they have missed: those that are new, and those that did not answer when a
//! task told them.

use super::{Running, Scene, engine::engine, until};
use crate::Error;

pub(super) fn start(scene: &Scene<'_>, running: &mut Running) -> Result<(), Error> {
    let engine = engine(scene)?;
    let ended = scene.ended.clone();
    running.spawn(async move {
        warren_director_engine::dns::keep_agents_told(engine, until(ended)).await;
        Ok(())
    });
    Ok(())
}
