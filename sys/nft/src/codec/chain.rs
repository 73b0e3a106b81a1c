//! Chains to attributes and back.

use warren_sys_netlink::{AttributeBuilder, Attributes, ParseError};

use super::{be32, be64, comment, string};
use crate::wire::{chain as wire, data};
use crate::{BaseChain, Chain, ChainType, Family, Hook, ListedChain, Policy, userdata};

pub(crate) fn encode_chain(chain: &Chain, a: &mut AttributeBuilder) {
    a.put_str(wire::TABLE, &chain.table)
        .put_str(wire::NAME, &chain.name);
    if let Some(base) = &chain.base {
        a.put_nested(wire::HOOK, |hook| {
            hook.put_be32(wire::HOOK_NUM, base.hook.number(chain.family));
            hook.put_bytes(wire::HOOK_PRIORITY, &base.priority.to_be_bytes());
            if let Some(device) = &base.device {
                hook.put_str(wire::HOOK_DEV, device);
            }
        });
        let policy = match base.policy {
            Policy::Accept => data::ACCEPT,
            Policy::Drop => data::DROP,
        };
        a.put_bytes(wire::POLICY, &policy.to_be_bytes());
        a.put_str(wire::TYPE, base.kind.name());
    }
    if chain.comment.is_some() {
        a.put_bytes(
            wire::USERDATA,
            &userdata::with_comment(chain.comment.as_deref()),
        );
    }
}

/// A hook or type this crate does not know is left out: the chain then looks like
/// one without a hook.
pub(crate) fn decode_chain(family: Family, a: &Attributes<'_>) -> Result<ListedChain, ParseError> {
    Ok(ListedChain {
        chain: Chain {
            family,
            table: string(a, wire::TABLE)?,
            name: string(a, wire::NAME)?,
            base: decode_base(family, a)?,
            comment: comment(a, wire::USERDATA, userdata::COMMENT)?,
        },
        handle: be64(a, wire::HANDLE)?.unwrap_or(0),
    })
}

fn decode_base(family: Family, a: &Attributes<'_>) -> Result<Option<BaseChain>, ParseError> {
    let Some(hook) = a.find(wire::HOOK)? else {
        return Ok(None);
    };
    let hook = hook.nested();
    let kind = a
        .find(wire::TYPE)?
        .and_then(|name| ChainType::from_name(&name.str_lossy()));
    let number = hook.require(wire::HOOK_NUM)?.be32()?;
    let (Some(kind), Some(point)) = (kind, Hook::from_number(family, number)) else {
        return Ok(None);
    };
    let policy = match be32(a, wire::POLICY)? {
        Some(0) => Policy::Drop,
        _ => Policy::Accept,
    };
    Ok(Some(BaseChain {
        kind,
        hook: point,
        priority: i32::from_be_bytes(hook.require(wire::HOOK_PRIORITY)?.be32()?.to_be_bytes()),
        policy,
        device: hook.find(wire::HOOK_DEV)?.map(|device| device.str_lossy()),
    }))
}
