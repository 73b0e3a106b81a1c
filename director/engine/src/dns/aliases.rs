//! Names of manifests' choice for links: added before, and removed after, those who use them are updated.

use warren_director_plan::links::{Alias, Links};
use warren_director_plan::names::GroupAlias;
use warren_director_store::dns::{self, Encoded};
use warren_director_store::{Transaction, aliases};

use super::broadcast;
use crate::{Engine, Error, Task};

/// All aliases, as the document of all names has them.
pub(super) async fn all(engine: &Engine) -> Result<Vec<GroupAlias>, Error> {
    let root = &engine.config.domain;
    let rows = aliases::all(engine.store.pool()).await?;
    let all = rows.into_iter().map(|row| GroupAlias {
        group_id: row.group_id,
        root_domain: root.clone(),
        alias: Alias {
            domain: row.domain,
            health_filter: row.health_filter,
            initial_health_check: row.initial_health_check,
            placeholder_type: row.placeholder_type,
        },
    });
    Ok(all.collect())
}

/// The aliases of a deployment's links, as rows.
async fn aliases_of(
    engine: &Engine,
    deployment: i64,
    links: &Links,
) -> Result<Vec<aliases::Alias>, Error> {
    let mut wanted = Vec::new();
    for offer in &links.offers {
        if offer.aliases.is_empty() {
            continue;
        }
        let group = Encoded::Group {
            kind: "link",
            name: &format!("{}-{}", offer.name, offer.kind),
            deployment_id: deployment,
        };
        let group_id = dns::encode(engine.store.pool(), group).await?;
        wanted.extend(offer.aliases.iter().map(|alias| aliases::Alias {
            domain: alias.domain.clone(),
            group_id,
            health_filter: alias.health_filter.clone(),
            initial_health_check: alias.initial_health_check.clone(),
            placeholder_type: alias.placeholder_type.clone(),
        }));
    }
    Ok(wanted)
}

/// Adds the aliases of a deployment's links, before anybody is updated who may use them.
pub(crate) async fn add_aliases(
    engine: &Engine,
    task: &Task,
    deployment: i64,
    links: &Links,
) -> Result<(), Error> {
    let wanted = aliases_of(engine, deployment, links).await?;
    let mut tx = engine.store.begin().await?;
    let is_new = aliases::add(&mut tx, deployment, &wanted).await?;
    close(engine, task, tx, is_new).await
}

/// Removes the aliases of a deployment that its links do not have any more, after all who used them
/// were updated.
pub(crate) async fn drop_aliases(
    engine: &Engine,
    task: &Task,
    deployment: i64,
    links: &Links,
) -> Result<(), Error> {
    let wanted = aliases_of(engine, deployment, links).await?;
    let mut tx = engine.store.begin().await?;
    let has_gone = aliases::keep(&mut tx, deployment, &wanted).await?;
    close(engine, task, tx, has_gone).await
}

/// Keeps what was written, and tells agents if it is another than before.
async fn close(
    engine: &Engine,
    task: &Task,
    tx: Transaction,
    is_changed: bool,
) -> Result<(), Error> {
    crate::disks::commit(tx).await?;
    if is_changed {
        broadcast(engine, task).await?;
    }
    Ok(())
}
