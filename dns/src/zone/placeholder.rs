//! Aliases that come with the records: each is the name of a group, and a `_` in it is one of the
//! group's members, availability zones or networks.

use std::collections::BTreeSet;

use warren_wire_agent::dns::{Definition, Row};

use super::alias::Aliases;

/// Adds an alias, unless a file has one of the same name.
pub(super) fn expand(aliases: &mut Aliases, rows: &[Row], name: &str, definitions: &[Definition]) {
    let mut wanted: BTreeSet<(String, String)> = BTreeSet::new();
    for definition in definitions {
        let health = match &*definition.health {
            "unhealthy" => "s1",
            "healthy" => "s3",
            "all" => "s4",
            _ => "s0",
        };
        let Definition {
            group_id,
            root_domain,
            placeholder,
            ..
        } = definition;
        let target = |filter: &str| format!("q-{filter}{health}.q-g{group_id}.{root_domain}");
        // What the label is called in a row, and what asks for it.
        let part: fn(&Row) -> (&str, char, &str) = match &**placeholder {
            "uuid" => |row| (&row.id, 'm', &row.num_id),
            "index" => |row| (&row.index, 'i', &row.index),
            "availability_zone" | "az" => |row| (&row.az, 'a', &row.az_id),
            "network" => |row| (&row.network, 'n', &row.network_id),
            _ => {
                wanted.insert((name.to_owned(), target("")));
                continue;
            }
        };
        let members = rows
            .iter()
            .filter(|row| row.domain == *root_domain && row.group_ids.contains(group_id));
        for row in members {
            let (label, letter, number) = part(row);
            if !label.is_empty() && !number.is_empty() {
                let name = name.replacen('_', &label.to_ascii_lowercase(), 1);
                wanted.insert((name, target(&format!("{letter}{number}"))));
            }
        }
    }
    // Asked before anything is added: several targets of one name belong together.
    wanted.retain(|(name, _)| !aliases.has(name));
    for (name, target) in wanted {
        aliases.add(&name, &target);
    }
}
