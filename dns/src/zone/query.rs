//! One name as a query.

use std::collections::BTreeSet;

use warren_wire_agent::dns::Row;

use super::suffixes;

/// The root of the names of agents.
pub(super) const AGENTS: &str = "bosh-agent-id";

/// Which instances are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    /// `s0`: healthy ones, or all if there are none.
    #[default]
    Smart,
    /// `s1`.
    Unhealthy,
    /// `s3`.
    Healthy,
    /// `s4`.
    All,
}

/// What an instance has to have; of several values of one kind, one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query {
    /// Its id.
    pub id: Option<String>,
    /// Its group, network and deployment, where `*` at one end stands for any text.
    pub group: Option<String>,
    /// Its network.
    pub network: Option<String>,
    /// Its deployment.
    pub deployment: Option<String>,
    /// Its agent.
    pub agent: Option<String>,
    /// The root of its names.
    pub domain: Option<String>,
    /// `g`: groups it is in.
    pub group_ids: Vec<String>,
    /// `a`: availability zones.
    pub az_ids: Vec<String>,
    /// `i`: indexes.
    pub indexes: Vec<String>,
    /// `m`: rows.
    pub num_ids: Vec<String>,
    /// `n`: networks.
    pub network_ids: Vec<String>,
    /// The first `s`.
    pub health: Health,
}

impl Query {
    /// Reads a name in lower case, without the last dot; none if it is no query.
    #[must_use]
    pub fn parse(name: &str, domains: &BTreeSet<String>) -> Option<Self> {
        let (first, rest) = name.split_once('.')?;
        if rest == AGENTS {
            return Some(Self {
                agent: Some(first.to_owned()),
                ..Self::default()
            });
        }
        let mut query = Self::default();
        // A name of somewhere else, as an alias may have it: no instance has it.
        let Some(domain) = suffixes(rest).find(|suffix| domains.contains(*suffix)) else {
            query.id = Some(name.to_owned());
            return Some(query);
        };
        query.domain = Some(domain.to_owned());
        match first.strip_prefix("q-") {
            Some(filters) => query.filters(filters)?,
            // An id is longer than the longest index.
            None if is_number(first) => query.indexes.push(first.to_owned()),
            None => query.id = Some(first.to_owned()),
        }
        let middle = rest.strip_suffix(domain)?.strip_suffix('.')?;
        let labels: Vec<&str> = middle.split('.').collect();
        match labels[..] {
            [group] => match group.strip_prefix("q-g").filter(|id| is_number(id)) {
                Some(id) => query.group_ids.push(id.to_owned()),
                None if group == "*" => {}
                None => return None,
            },
            [group, network, deployment] => {
                query.group = Some(group.to_owned());
                query.network = Some(network.to_owned());
                query.deployment = Some(deployment.to_owned());
            }
            _ => return None,
        }
        Some(query)
    }

    /// Letters with numbers, and whatever stands between them.
    fn filters(&mut self, text: &str) -> Option<()> {
        let (mut rest, mut any, mut health) = (text, false, None);
        while let Some(letter) = rest.chars().next() {
            rest = &rest[letter.len_utf8()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                continue;
            }
            let value = rest[..digits].to_owned();
            rest = &rest[digits..];
            match letter {
                'a' => self.az_ids.push(value),
                'g' => self.group_ids.push(value),
                'i' => self.indexes.push(value),
                'm' => self.num_ids.push(value),
                'n' => self.network_ids.push(value),
                's' => _ = health.get_or_insert(value),
                // Whether to wait for a first look at health: there is none to wait for.
                'y' => {}
                _ => continue,
            }
            any = true;
        }
        self.health = match health.as_deref() {
            Some("1") => Health::Unhealthy,
            Some("3") => Health::Healthy,
            Some("4") => Health::All,
            _ => Health::Smart,
        };
        any.then_some(())
    }

    /// Whether an instance is one of those.
    #[must_use]
    pub fn fits(&self, row: &Row) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_ref().is_none_or(|w| w == has);
        let like = |wanted: &Option<String>, has: &str| {
            wanted.as_ref().is_none_or(|wanted| matches(wanted, has))
        };
        let one_of = |wanted: &[String], has: &String| wanted.is_empty() || wanted.contains(has);
        is(&self.id, &row.id)
            && is(&self.agent, &row.agent_id)
            && is(&self.domain, &row.domain)
            && like(&self.group, &row.group)
            && like(&self.network, &row.network)
            && like(&self.deployment, &row.deployment)
            && one_of(&self.az_ids, &row.az_id)
            && one_of(&self.indexes, &row.index)
            && one_of(&self.num_ids, &row.num_id)
            && one_of(&self.network_ids, &row.network_id)
            && (self.group_ids.is_empty()
                || row.group_ids.iter().any(|id| self.group_ids.contains(id)))
    }
}

fn is_number(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(end), _) => text.ends_with(end),
        (_, Some(begin)) => text.starts_with(begin),
        _ => pattern == text,
    }
}
