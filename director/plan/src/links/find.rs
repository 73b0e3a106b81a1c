//! Who provides what somebody consumes.

use serde_json::Value;
use warren_wire_manifest::check::instead;
use warren_wire_manifest::deployment::Consume;

use super::{Found, From, Offer, Want, seen::seen};
use crate::output::Group;
use crate::{Input, json};

pub(super) fn find(
    input: &Input<'_>,
    group: &str,
    offers: &[Offer],
    groups: &[Group],
    said: Option<&Consume>,
    want: &mut Want,
) -> Result<Option<Found>, String> {
    let (mut network, mut ip_addresses, mut deployment) = (None, None, None);
    match said {
        Some(Consume::Blocked) => {
            want.blocked = true;
            if want.optional {
                return Ok(None);
            }
            return Err(format!(
                "Link '{}' in job '{}' of instance group '{group}' was explicitly blocked by 'nil', but it is not optional",
                want.original_name, want.owner
            ));
        }
        Some(Consume::Manual(manual)) => {
            return Ok(Some(Found {
                from: From::Manual,
                values: Value::Object(json::from_mapping(manual)),
            }));
        }
        Some(Consume::From {
            from,
            deployment: other,
            network: asked,
            ip_addresses: ips,
        }) => {
            want.name = Some(
                from.as_deref()
                    .map_or(want.original_name.as_str(), |from| {
                        from.rsplit('.').next().unwrap_or(from)
                    })
                    .to_owned(),
            );
            // Saying only how addresses should look is not asking for a name.
            if from.is_none() && other.is_none() {
                want.name = None;
            }
            network.clone_from(asked);
            ip_addresses = *ips;
            deployment = other
                .clone()
                .filter(|other| *other != input.deployment.name);
        }
        None => {}
    }
    let candidates = candidates(input, offers, groups, want, deployment.as_deref());
    match candidates.as_slice() {
        [(from, content, _, _)] => {
            let values = seen(content, network.as_deref(), ip_addresses, want, group)?;
            Ok(Some(Found {
                from: *from,
                values,
            }))
        }
        [] if want.optional && want.name.is_none() => Ok(None),
        several => {
            let head = format!(
                "Failed to resolve link '{}' with type '{}' from job '{}' in instance group '{group}'.",
                want.original_name, want.kind, want.owner
            );
            if several.is_empty() {
                let name = want
                    .name
                    .as_ref()
                    .map_or(String::new(), |name| format!(" and name '{name}'"));
                let place = deployment
                    .as_ref()
                    .map_or(String::new(), |name| format!(" in deployment '{name}'"));
                // Those of the type, whatever they are called.
                let wanted = want.name.take();
                let others = self::candidates(input, offers, groups, want, deployment.as_deref());
                want.name = wanted;
                let others = instead("the deployment", others.iter().map(|(_, _, name, _)| *name));
                Err(format!(
                    "{head} Details below:\n- No link providers found with type '{}'{name}{place}{others}",
                    want.kind
                ))
            } else {
                let list: Vec<String> = several
                    .iter()
                    .map(|(_, _, _, title)| format!("- {title}"))
                    .collect();
                Err(format!(
                    "{head} Multiple link providers found:\n{}",
                    list.join("\n")
                ))
            }
        }
    }
}

/// Who provides it, what that says, its name, and how it is told.
fn candidates<'a>(
    input: &'a Input<'_>,
    offers: &'a [Offer],
    groups: &[Group],
    want: &Want,
    deployment: Option<&str>,
) -> Vec<(From, Value, &'a str, String)> {
    let fits = |kind: &str, name: &str| {
        kind == want.kind && want.name.as_ref().is_none_or(|wanted| wanted == name)
    };
    let title = |name: &str, kind: &str, owner: &str, group: &str, deployment: &str| {
        format!(
            "Link provider '{name}' with type '{kind}' from job '{owner}' in instance group '{group}' in deployment '{deployment}'"
        )
    };
    match deployment {
        None => offers
            .iter()
            .enumerate()
            .filter(|(_, offer)| offer.consumable && fits(&offer.kind, &offer.name))
            .map(|(place, offer)| {
                let group = &groups[offer.group].name;
                let own = &input.deployment.name;
                (
                    From::Own(place),
                    offer.content.clone(),
                    offer.name.as_str(),
                    title(&offer.name, &offer.kind, &offer.owner, group, own),
                )
            })
            .collect(),
        Some(deployment) => input
            .providers
            .iter()
            .filter(|provider| {
                provider.deployment == deployment && fits(&provider.kind, &provider.name)
            })
            .map(|provider| {
                (
                    From::Shared(provider.id),
                    provider.content.clone(),
                    provider.name.as_str(),
                    title(
                        &provider.name,
                        &provider.kind,
                        &provider.owner,
                        &provider.group,
                        deployment,
                    ),
                )
            })
            .collect(),
    }
}
