//! Memory and swap.

use super::super::{Bound, Memory};
use super::{Check, Now, PlanError, Version, Write, v1_bound, write};

pub(super) fn v2(memory: &Memory) -> Vec<Write> {
    let bytes = |file, bound: Option<Bound>| {
        bound.map(|b| write("memory", Version::V2, file, b, Check::Bytes(b)))
    };
    let group = memory.oom_group.map(u8::from);
    let group = group.map(|g| write("memory", Version::V2, "memory.oom.group", g, Check::Same));
    // Soft limits first, so that `high` is in place before `max` starts killing.
    [
        bytes("memory.min", memory.min),
        bytes("memory.low", memory.low),
        bytes("memory.high", memory.high),
        group,
        bytes("memory.swap.max", memory.swap),
        bytes("memory.max", memory.max),
    ]
    .into_iter()
    .flatten()
    .collect()
}

pub(super) fn v1(memory: &Memory, now: Now) -> Result<Vec<Write>, PlanError> {
    for (wanted, what) in [
        (memory.high.is_some(), "memory.high"),
        (memory.min.is_some(), "memory.min"),
        (memory.oom_group.is_some(), "memory.oom.group"),
    ] {
        if wanted {
            return Err(PlanError::NoV1Equivalent(what));
        }
    }
    let file = |file, bound: Bound| {
        write(
            "memory",
            Version::V1,
            file,
            v1_bound(bound),
            Check::Bytes(bound),
        )
    };
    let limit = memory.max.map(|b| file("memory.limit_in_bytes", b));
    let both = memory_and_swap(memory, now)?;
    let both_write = both.map(|b| file("memory.memsw.limit_in_bytes", b));
    // The sum may never be below the part: raise the sum first, or lower the part first.
    let raises = match (both, now.memory_and_swap) {
        (Some(new), Some(old)) => size(new) >= size(old),
        _ => false,
    };
    let soft = memory.low.map(|b| file("memory.soft_limit_in_bytes", b));
    let hard = if raises {
        [both_write, limit]
    } else {
        [limit, both_write]
    };
    Ok(soft.into_iter().chain(hard.into_iter().flatten()).collect())
}

/// The new sum of memory and swap, if it has to change.
fn memory_and_swap(memory: &Memory, now: Now) -> Result<Option<Bound>, PlanError> {
    let limit = memory.max.unwrap_or(now.memory);
    match (memory.swap, now.memory_and_swap) {
        (None, None) => Ok(None),
        (Some(_), None) => Err(PlanError::NoSwapAccounting),
        (Some(Bound::Unlimited), Some(_)) => Ok(Some(Bound::Unlimited)),
        (Some(Bound::At(swap)), Some(_)) => match limit {
            Bound::At(memory) => Ok(Some(Bound::At(memory.saturating_add(swap)))),
            Bound::Unlimited => Err(PlanError::SwapNeedsMemory),
        },
        // Only memory changes: keep the swap allowance there was.
        (None, Some(both)) => Ok(match (both, now.memory, limit) {
            (Bound::Unlimited, _, _) => None,
            (Bound::At(_), _, Bound::Unlimited) => Some(Bound::Unlimited),
            (Bound::At(both), Bound::At(old), Bound::At(new)) if new != old => {
                Some(Bound::At(new.saturating_add(both.saturating_sub(old))))
            }
            _ => None,
        }),
    }
}

fn size(bound: Bound) -> u64 {
    match bound {
        Bound::Unlimited => u64::MAX,
        Bound::At(n) => n,
    }
}
