//! One step of a transaction, how it reads, and what is checked before it is sent.

use std::fmt;

use crate::expr::Log;
use crate::userdata::MAX_COMMENT;
use crate::{Chain, ChainId, Element, Expr, Rule, Set, SetId, Table, TableId};

/// Longest name of an object, in bytes (`NFT_NAME_MAXLEN` less the NUL).
const MAX_NAME: usize = 255;
/// Longest log prefix, in bytes (`NF_LOG_PREFIXLEN` less the NUL).
const MAX_LOG_PREFIX: usize = 127;

/// Where a rule goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// At the end of the chain.
    Last,
    /// At the start of the chain.
    First,
    /// After the rule of this number.
    After(u64),
    /// Before the rule of this number.
    Before(u64),
    /// In place of the rule of this number; the new rule gets another number.
    Instead(u64),
}

/// One step of a transaction. `exclusive` means that the object must not exist.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the fields are what the variant names")]
pub enum Step {
    /// Adds a table.
    AddTable { table: Table, exclusive: bool },
    /// Deletes a table with all in it.
    DeleteTable(TableId),
    /// Deletes a table if it exists.
    DestroyTable(TableId),
    /// Deletes all rules of a table.
    FlushTable(TableId),
    /// Adds a chain.
    AddChain { chain: Chain, exclusive: bool },
    /// Deletes a chain with its rules.
    DeleteChain(ChainId),
    /// Deletes a chain if it exists.
    DestroyChain(ChainId),
    /// Deletes all rules of a chain.
    FlushChain(ChainId),
    /// Adds or replaces a rule.
    PutRule {
        chain: ChainId,
        place: Place,
        rule: Rule,
    },
    /// Deletes a rule.
    DeleteRule { chain: ChainId, handle: u64 },
    /// Deletes a rule if it exists.
    DestroyRule { chain: ChainId, handle: u64 },
    /// Adds a set.
    AddSet { set: Set, exclusive: bool },
    /// Deletes a set with its elements.
    DeleteSet(SetId),
    /// Deletes a set if it exists.
    DestroySet(SetId),
    /// Deletes all elements of a set.
    FlushSet(SetId),
    /// Adds elements.
    AddElements {
        set: Set,
        elements: Vec<Element>,
        exclusive: bool,
    },
    /// Deletes elements.
    DeleteElements { set: Set, elements: Vec<Element> },
    /// Deletes the elements that exist.
    DestroyElements { set: Set, elements: Vec<Element> },
}

impl Step {
    /// Whether the step deletes only what exists.
    pub(crate) fn is_destroy(&self) -> bool {
        matches!(
            self,
            Self::DestroyTable(_)
                | Self::DestroyChain(_)
                | Self::DestroyRule { .. }
                | Self::DestroySet(_)
                | Self::DestroyElements { .. }
        )
    }

    /// What is wrong with the step, if that can be known without asking the kernel.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::AddTable { table, .. } => {
                check_name("table", &table.name)?;
                check_comment(table.comment.as_deref())
            }
            Self::AddChain { chain, .. } => {
                check_name("table", &chain.table)?;
                check_name("chain", &chain.name)?;
                check_comment(chain.comment.as_deref())
            }
            Self::AddSet { set, .. } => {
                check_name("table", &set.table)?;
                check_name("set", &set.name)?;
                check_comment(set.comment.as_deref())
            }
            Self::PutRule { rule, .. } => {
                check_comment(rule.comment.as_deref())?;
                rule.exprs.iter().try_for_each(check_expr)
            }
            Self::AddElements { set, elements, .. }
            | Self::DeleteElements { set, elements }
            | Self::DestroyElements { set, elements } => elements
                .iter()
                .try_for_each(|element| check_element(set, element)),
            _ => Ok(()),
        }
    }
}

fn check_name(what: &str, name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > MAX_NAME || name.contains('\0') {
        return Err(format!(
            "the name of a {what} has 1 to {MAX_NAME} bytes and no NUL"
        ));
    }
    Ok(())
}

fn check_comment(comment: Option<&str>) -> Result<(), String> {
    match comment {
        Some(comment) if comment.len() > MAX_COMMENT || comment.contains('\0') => Err(format!(
            "a comment has at most {MAX_COMMENT} bytes and no NUL"
        )),
        _ => Ok(()),
    }
}

fn check_expr(expr: &Expr) -> Result<(), String> {
    match expr {
        Expr::Log(Log {
            prefix: Some(prefix),
            ..
        }) if prefix.len() > MAX_LOG_PREFIX || prefix.contains('\0') => Err(format!(
            "a log prefix has at most {MAX_LOG_PREFIX} bytes and no NUL"
        )),
        Expr::Payload { len: 0, .. } => Err("a prefix of no bits matches everything".to_owned()),
        _ => Ok(()),
    }
}

fn check_element(set: &Set, element: &Element) -> Result<(), String> {
    check_comment(element.comment.as_deref())?;
    if element.is_catchall {
        return Ok(());
    }
    let expected = usize::try_from(set.key_type.length()).unwrap_or(usize::MAX);
    for key in std::iter::once(&element.key).chain(&element.last) {
        if key.0.len() != expected {
            return Err(format!(
                "a key of type {} has {expected} bytes, not {}",
                set.key_type,
                key.0.len()
            ));
        }
    }
    match &element.last {
        Some(_) if !set.is_interval => Err("a range needs a set with intervals".to_owned()),
        Some(last) if *last < element.key && !set.is_ranged_concat() => {
            Err("a range ends before it begins".to_owned())
        }
        _ => Ok(()),
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = |exclusive: &bool| if *exclusive { "create" } else { "add" };
        match self {
            Self::AddTable { table, exclusive } => {
                write!(f, "{} table {}", verb(exclusive), TableId::from(table))
            }
            Self::DeleteTable(id) => write!(f, "delete table {id}"),
            Self::DestroyTable(id) => write!(f, "destroy table {id}"),
            Self::FlushTable(id) => write!(f, "flush table {id}"),
            Self::AddChain { chain, exclusive } => {
                write!(f, "{} chain {}", verb(exclusive), ChainId::from(chain))?;
                match &chain.base {
                    Some(base) => write!(f, " {{ {base} }}"),
                    None => Ok(()),
                }
            }
            Self::DeleteChain(id) => write!(f, "delete chain {id}"),
            Self::DestroyChain(id) => write!(f, "destroy chain {id}"),
            Self::FlushChain(id) => write!(f, "flush chain {id}"),
            Self::PutRule { chain, place, rule } => match place {
                Place::Last => write!(f, "add rule {chain} {rule}"),
                Place::First => write!(f, "insert rule {chain} {rule}"),
                Place::After(handle) => write!(f, "add rule {chain} position {handle} {rule}"),
                Place::Before(handle) => write!(f, "insert rule {chain} position {handle} {rule}"),
                Place::Instead(handle) => write!(f, "replace rule {chain} handle {handle} {rule}"),
            },
            Self::DeleteRule { chain, handle } => write!(f, "delete rule {chain} handle {handle}"),
            Self::DestroyRule { chain, handle } => {
                write!(f, "destroy rule {chain} handle {handle}")
            }
            Self::AddSet { set, exclusive } => {
                let kind = if set.data_type.is_some() {
                    "map"
                } else {
                    "set"
                };
                write!(f, "{} {kind} {}", verb(exclusive), SetId::from(set))
            }
            Self::DeleteSet(id) => write!(f, "delete set {id}"),
            Self::DestroySet(id) => write!(f, "destroy set {id}"),
            Self::FlushSet(id) => write!(f, "flush set {id}"),
            Self::AddElements {
                set,
                elements,
                exclusive,
            } => write_elements(f, verb(exclusive), set, elements),
            Self::DeleteElements { set, elements } => write_elements(f, "delete", set, elements),
            Self::DestroyElements { set, elements } => write_elements(f, "destroy", set, elements),
        }
    }
}

/// Elements shown in a step's text; a set may have thousands.
const SHOWN: usize = 3;

fn write_elements(
    f: &mut fmt::Formatter<'_>,
    verb: &str,
    set: &Set,
    elements: &[Element],
) -> fmt::Result {
    write!(f, "{verb} element {} {{ ", SetId::from(set))?;
    for (index, element) in elements.iter().take(SHOWN).enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        write!(f, "{separator}{}", crate::text::element(set, element))?;
    }
    if elements.len() > SHOWN {
        write!(f, ", and {} more", elements.len() - SHOWN)?;
    }
    f.write_str(" }")
}
