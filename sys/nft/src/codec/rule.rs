//! Rules to attributes and back.

use warren_sys_netlink::{AttributeBuilder, Attributes, ParseError};

use super::{be64, comment, string};
use crate::wire::rule as wire;
use crate::{Expr, Family, ListedRule, Rule, userdata};

/// Writes expressions and comment; the caller writes where the rule goes.
pub(crate) fn encode_rule(rule: &Rule, a: &mut AttributeBuilder) {
    a.put_nested(wire::EXPRESSIONS, |list| {
        for expr in &rule.exprs {
            expr.encode_into(list);
        }
    });
    if rule.comment.is_some() {
        a.put_bytes(
            wire::USERDATA,
            &userdata::with_comment(rule.comment.as_deref()),
        );
    }
}

pub(crate) fn decode_rule(family: Family, a: &Attributes<'_>) -> Result<ListedRule, ParseError> {
    let mut exprs = Vec::new();
    if let Some(list) = a.find(wire::EXPRESSIONS)? {
        for element in list.nested() {
            exprs.push(Expr::decode(element?.nested())?);
        }
    }
    Ok(ListedRule {
        family,
        table: string(a, wire::TABLE)?,
        chain: string(a, wire::CHAIN)?,
        handle: be64(a, wire::HANDLE)?.unwrap_or(0),
        rule: Rule::from_exprs(
            family,
            exprs,
            comment(a, wire::USERDATA, userdata::COMMENT)?,
        ),
    })
}
