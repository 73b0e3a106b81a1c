//! Variables of a deploy, made.
//!
//! ```text
//! definitions ──┬── made first, so that all the rest may use them
//!               └── certificates for names of links, and what they sign ── plan ── made with those names
//! ```
//!
//! `consumes` of a certificate's definition says whose names it is for: `alternative_name` or
//! `common_name`, each `{from, link_type, properties: {wildcard}}`. Source: reference of the deploy engine,
//! section 6.

use std::collections::BTreeSet;

use serde_json::Value;
use warren_director_plan::Draft;
use warren_director_plan::json::from_mapping;
use warren_director_plan::links::for_external;
use warren_director_plan::names::{Health, of_link};
use warren_director_store::variables as sets;
use warren_wire_manifest::deployment::Variable;
use warren_wire_manifest::yaml;

use super::DeployTask;
use crate::Error;
use crate::documents::{self, Asked};
use crate::variables::{Making, waits_for_stemcell};

/// Variables that are made when links are known.
#[derive(Debug, Default)]
pub(crate) struct Later {
    variables: Vec<Variable>,
    how: Making,
}

impl DeployTask<'_> {
    /// Makes the variables that need no links; the answer is the others.
    pub(super) async fn generate(&self, asked: &Asked<'_>) -> Result<Later, Error> {
        let (engine, variables) = (self.engine, &self.variables);
        let definitions = documents::definitions(engine, asked).await?;
        let may_keep = !self.wanted.force_latest_variables
            && definitions.all.iter().any(waits_for_stemcell)
            && !documents::changes_stemcell(engine, &self.row, asked, variables).await?;
        let kept = match may_keep {
            true => sets::latest_set(engine.store.pool(), self.row.id, true).await?,
            false => None,
        };
        let how = Making {
            converge: definitions.converge,
            kept: kept.map(|set| set.id),
        };
        let (mut first, mut later) = (Vec::new(), Later::default());
        let mut waiting = BTreeSet::new();
        for variable in definitions.all {
            let ca = variable.options.get("ca").and_then(yaml::Value::as_str);
            let waits = !variable.consumes.is_empty() && variable.kind == "certificate"
                || ca.is_some_and(|ca| waiting.contains(&variables.absolute(ca)));
            match waits {
                true => {
                    waiting.insert(variables.absolute(&variable.name));
                    later.variables.push(variable);
                }
                false => first.push(variable),
            }
        }
        later.how = how;
        variables.generate(self.task, &first, how).await?;
        Ok(later)
    }

    /// Makes the variables that need links.
    pub(super) async fn generate_later(&self, later: &Later, draft: &Draft) -> Result<(), Error> {
        let named = later
            .variables
            .iter()
            .map(|variable| named(variable, draft));
        let named = named.collect::<Result<Vec<Variable>, Error>>()?;
        self.variables.generate(self.task, &named, later.how).await
    }
}

/// A definition with the names of the links that it is for.
fn named(variable: &Variable, draft: &Draft) -> Result<Variable, Error> {
    let mut variable = variable.clone();
    for (link, said) in from_mapping(&variable.consumes) {
        let name = name_of(&variable.name, &link, &said, draft)?;
        let name = yaml::Value::String(name);
        match link.as_str() {
            "common_name" => {
                variable.options.insert("common_name", name);
            }
            "alternative_name" => {
                let names = variable.options.get("alternative_names");
                let mut names = names
                    .and_then(yaml::Value::as_seq)
                    .unwrap_or_default()
                    .to_vec();
                names.push(name);
                variable.options.insert("alternative_names", names);
            }
            _ => {
                return Err(Error::refused(
                    100,
                    format!(
                        "Consumer name '{link}' is not a valid consumer for variable '{}'. Acceptable consumer \
                         types are: alternative_name, common_name",
                        variable.name
                    ),
                ));
            }
        }
    }
    Ok(variable)
}

/// The name of the only link that is meant.
fn name_of(variable: &str, link: &str, said: &Value, draft: &Draft) -> Result<String, Error> {
    let text = |key: &str| said.get(key).and_then(Value::as_str);
    let kind = text("link_type").unwrap_or("address");
    let from = text("from");
    let fits = draft.links.offers.iter().filter(|offer| {
        offer.consumable && offer.kind == kind && from.is_none_or(|from| offer.name == from)
    });
    let fits: Vec<_> = fits.collect();
    let [offer] = fits.as_slice() else {
        let from = from.map_or(String::new(), |from| format!(" and name '{from}'"));
        let what = match fits.is_empty() {
            true => "No link providers found",
            false => "Multiple link providers found",
        };
        return Err(Error::refused(
            100,
            format!(
                "Failed to resolve link '{link}' with type '{kind}' from variable '{variable}'. Details \
                 below:\n- {what} with type '{kind}'{from}"
            ),
        ));
    };
    let refused = |why: String| {
        let message = format!("Failed to name link '{link}' of variable '{variable}': {why}");
        Error::refused(100, message)
    };
    let seen = for_external(&offer.content, None).map_err(refused)?;
    let name = of_link(&seen["names"], &[], Health::Default)
        .map_err(|zone| refused(format!("zone '{zone}' is not known")))?;
    let wildcard = said.get("properties").and_then(|all| all.get("wildcard"));
    Ok(match (wildcard, name.split_once('.')) {
        (Some(Value::Bool(true)), Some((_, rest))) => format!("*.{rest}"),
        _ => name,
    })
}
