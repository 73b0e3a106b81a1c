//! Reading the ruleset.

use std::time::Duration;

use warren_sys_netlink::{Message, MessageBuilder, ParseError, flags};

use crate::codec::{self, message};
use crate::wire::{elem, generation, msg, rule, set};
use crate::{
    ChainId, Element, Error, Family, ListedChain, ListedRule, ListedSet, ListedTable, Nft, Set,
    TableId,
};

/// How often a set is listed before giving up on two equal answers.
const ATTEMPTS: u32 = 20;
/// How often the ruleset is read before giving up on a moment without changes; a busy
/// writer may commit every few hundred microseconds.
const RULESET_ATTEMPTS: u32 = 500;

/// The state of the ruleset: every commit makes a new generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generation {
    /// Number; wraps around.
    pub id: u32,
    /// Thread that made it, or that asks when it is asked for: its number in the initial process
    /// namespace, which means nothing in another.
    pub process: Option<u32>,
    /// That thread's name, 15 bytes at most.
    pub process_name: Option<String>,
}

/// The whole ruleset, or one table of it, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ruleset {
    /// Generation it was read at.
    pub generation: u32,
    /// Its tables.
    pub tables: Vec<TableContents>,
}

/// A table with all in it that this crate has types for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableContents {
    /// The table.
    pub table: ListedTable,
    /// Its sets, anonymous ones included, with their elements.
    pub sets: Vec<(ListedSet, Vec<Element>)>,
    /// Its chains with their rules.
    pub chains: Vec<(ListedChain, Vec<ListedRule>)>,
}

impl Ruleset {
    /// The table of that name.
    #[must_use]
    pub fn table(&self, id: impl Into<TableId>) -> Option<&TableContents> {
        let id = id.into();
        self.tables
            .iter()
            .find(|contents| TableId::from(&contents.table.table) == id)
    }
}

impl TableContents {
    /// The rules of the chain of that name.
    #[must_use]
    pub fn rules(&self, chain: &str) -> Option<&[ListedRule]> {
        let found = self
            .chains
            .iter()
            .find(|(listed, _)| listed.chain.name == chain);
        found.map(|(_, rules)| rules.as_slice())
    }

    /// The elements of the set of that name.
    #[must_use]
    pub fn elements(&self, set: &str) -> Option<&[Element]> {
        let found = self.sets.iter().find(|(listed, _)| listed.set.name == set);
        found.map(|(_, elements)| elements.as_slice())
    }
}

impl Nft {
    /// The current generation.
    pub fn generation(&mut self) -> Result<Generation, Error> {
        let answer = self.ask(message(msg::GETGEN, 0, None), "the generation")?;
        let message = answer.first().ok_or_else(|| Error::Malformed {
            what: "the generation".to_owned(),
            source: ParseError::Missing {
                attribute: generation::ID,
            },
        })?;
        decode_generation(message).map_err(|source| Error::Malformed {
            what: "the generation".to_owned(),
            source,
        })
    }

    /// All tables.
    pub fn list_tables(&mut self) -> Result<Vec<ListedTable>, Error> {
        self.list(
            message(msg::GETTABLE, flags::DUMP, None),
            "tables",
            |family, message| codec::decode_table(family, &codec::attributes(message)),
        )
    }

    /// The chains of a table; none if there is no such table.
    pub fn list_chains(&mut self, table: impl Into<TableId>) -> Result<Vec<ListedChain>, Error> {
        let id = table.into();
        let request = message(msg::GETCHAIN, flags::DUMP, Some(id.family));
        let what = format!("chains of table {id}");
        let mut chains = self.list(request, &what, |family, message| {
            codec::decode_chain(family, &codec::attributes(message))
        })?;
        chains.retain(|listed| TableId::from(&listed.chain) == id);
        Ok(chains)
    }

    /// The rules of a chain in their order; none if there is no such chain.
    pub fn list_rules(&mut self, chain: impl Into<ChainId>) -> Result<Vec<ListedRule>, Error> {
        let id = chain.into();
        let mut rules = self.list_table_rules(&id.table)?;
        rules.retain(|rule| rule.chain == id.name);
        Ok(rules)
    }

    /// The rules of all chains of a table.
    fn list_table_rules(&mut self, id: &TableId) -> Result<Vec<ListedRule>, Error> {
        let request = message(msg::GETRULE, flags::DUMP, Some(id.family)).attributes(|a| {
            a.put_str(rule::TABLE, &id.name);
        });
        let what = format!("rules of table {id}");
        let rules = self.list(request, &what, |family, message| {
            codec::decode_rule(family, &codec::attributes(message))
        });
        let mut rules = none_if_absent(rules)?;
        // Old kernels ignore the filter and send the rules of all tables.
        rules.retain(|rule| rule.table == id.name && rule.family == id.family);
        Ok(rules)
    }

    /// The sets and maps of a table, anonymous ones included; none if there is no such table.
    pub fn list_sets(&mut self, table: impl Into<TableId>) -> Result<Vec<ListedSet>, Error> {
        let id = table.into();
        let request = message(msg::GETSET, flags::DUMP, Some(id.family)).attributes(|a| {
            a.put_str(set::TABLE, &id.name);
        });
        let what = format!("sets of table {id}");
        let sets = self.list(request, &what, |family, message| {
            codec::decode_set(family, &codec::attributes(message))
        });
        let mut sets = none_if_absent(sets)?;
        sets.retain(|listed| TableId::from(&listed.set) == id);
        Ok(sets)
    }

    /// The elements of a set, sorted by key; `set` must be as listed or as created, since that
    /// decides how ranges read. An error of errno `NOENT` if there is no such set.
    pub fn list_elements(&mut self, set: &Set) -> Result<Vec<Element>, Error> {
        let request = message(msg::GETSETELEM, flags::DUMP, Some(set.family)).attributes(|a| {
            a.put_str(elem::LIST_TABLE, &set.table)
                .put_str(elem::LIST_SET, &set.name);
        });
        let what = format!("elements of set {}", crate::SetId::from(set));
        let mut seen: Option<Vec<Element>> = None;
        for attempt in 0..ATTEMPTS {
            let messages = self.ask(request.clone(), &what)?;
            let mut elements =
                decode_element_messages(set, &messages).map_err(|source| Error::Malformed {
                    what: what.clone(),
                    source,
                })?;
            elements.sort_by(|a, b| a.key.cmp(&b.key));
            // While the kernel grows a hash table, a dump can repeat elements, and one of several
            // messages can miss some, and does not say so. Two equal answers are right.
            let is_whole = messages.len() <= 1;
            if is_unique(&elements)
                && (is_whole || seen.as_ref().is_some_and(|seen| same_keys(seen, &elements)))
            {
                return Ok(elements);
            }
            if attempt > 1 {
                std::thread::sleep(Duration::from_millis(u64::from(attempt)));
            }
            seen = Some(elements);
        }
        match seen {
            // Elements come and go there all the time.
            Some(elements) if set.is_dynamic || set.has_timeouts => Ok(elements),
            _ => Err(Error::List {
                what,
                source: interrupted(ATTEMPTS),
            }),
        }
    }

    /// All tables with their contents, as of one moment.
    pub fn ruleset(&mut self) -> Result<Ruleset, Error> {
        self.ruleset_where(|_| true)
    }

    /// One table with its contents, as of one moment; no table if it does not exist.
    pub fn table_ruleset(&mut self, table: impl Into<TableId>) -> Result<Ruleset, Error> {
        let id = table.into();
        self.ruleset_where(|table| TableId::from(&table.table) == id)
    }

    fn ruleset_where(
        &mut self,
        is_wanted: impl Fn(&ListedTable) -> bool,
    ) -> Result<Ruleset, Error> {
        for _ in 0..RULESET_ATTEMPTS {
            let generation = self.generation()?.id;
            let tables = self.list_tables()?.into_iter().filter(&is_wanted);
            let tables: Result<_, _> = tables.map(|table| self.contents(table)).collect();
            // What vanished while it was listed is no error but a reason to look again.
            if self.generation()?.id == generation {
                return Ok(Ruleset {
                    generation,
                    tables: tables?,
                });
            }
        }
        Err(Error::List {
            what: "the ruleset".to_owned(),
            source: interrupted(RULESET_ATTEMPTS),
        })
    }

    fn contents(&mut self, table: ListedTable) -> Result<TableContents, Error> {
        let id = TableId::from(&table.table);
        let mut sets = Vec::new();
        for listed in self.list_sets(&id)? {
            let elements = self.list_elements(&listed.set)?;
            sets.push((listed, elements));
        }
        let mut rules = self.list_table_rules(&id)?;
        let mut chains = Vec::new();
        for listed in self.list_chains(&id)? {
            let (own, rest) = rules
                .into_iter()
                .partition(|rule| rule.chain == listed.chain.name);
            rules = rest;
            chains.push((listed, own));
        }
        Ok(TableContents {
            table,
            sets,
            chains,
        })
    }

    /// Lists objects; messages of families this crate does not know are left out.
    fn list<T>(
        &mut self,
        request: MessageBuilder,
        what: &str,
        decode: impl Fn(Family, &Message) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, Error> {
        let malformed = |source| Error::Malformed {
            what: what.to_owned(),
            source,
        };
        let mut objects = Vec::new();
        for message in self.ask(request, what)? {
            if let Some((family, _)) = codec::open(&message).map_err(malformed)? {
                objects.push(decode(family, &message).map_err(malformed)?);
            }
        }
        Ok(objects)
    }

    fn ask(&mut self, request: MessageBuilder, what: &str) -> Result<Vec<Message>, Error> {
        self.socket.request(request).map_err(|source| Error::List {
            what: what.to_owned(),
            source,
        })
    }
}

fn interrupted(attempts: u32) -> warren_sys_netlink::Error {
    warren_sys_netlink::Error::DumpInterrupted { attempts }
}

/// Whether a sorted list holds each key once.
fn is_unique(elements: &[Element]) -> bool {
    elements.windows(2).all(|pair| pair[0].key != pair[1].key)
}

/// Whether two sorted lists hold the same keys.
fn same_keys(a: &[Element], b: &[Element]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key)
}

/// Listing things of a table that does not exist: some kernels say so, some list nothing.
fn none_if_absent<T>(outcome: Result<Vec<T>, Error>) -> Result<Vec<T>, Error> {
    match outcome {
        Err(error) if error.errno() == Some(rustix::io::Errno::NOENT) => Ok(Vec::new()),
        other => other,
    }
}

/// The elements in messages about one set.
pub(crate) fn decode_element_messages(
    set: &Set,
    messages: &[Message],
) -> Result<Vec<Element>, ParseError> {
    let mut lists = Vec::new();
    for message in messages {
        if let Some(list) = codec::attributes(message).find(elem::LIST_ELEMENTS)? {
            lists.push(list.nested());
        }
    }
    codec::decode_elements(set, lists)
}

pub(crate) fn decode_generation(message: &Message) -> Result<Generation, ParseError> {
    let a = codec::attributes(message);
    Ok(Generation {
        id: a.require(generation::ID)?.be32()?,
        process: match a.find(generation::PROC_PID)? {
            Some(process) => Some(process.be32()?),
            None => None,
        },
        process_name: a.find(generation::PROC_NAME)?.map(|name| name.str_lossy()),
    })
}
