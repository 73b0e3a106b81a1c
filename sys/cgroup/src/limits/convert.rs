//! Conversions between the units of v1 and v2.
//!
//! For CPU shares there are two mappings in use. The kernel's own is proportional: 1024 shares are
//! weight 100, so two groups keep their ratio and default stays default
//! (`sched_weight_from_cgroup`, kernel/sched/core.c). Container runtimes long used the OCI
//! formula, which spreads 2..=262144 over 1..=10000 linearly and so turns 1024 into 39: less than
//! half the share of any sibling group not made by a runtime. Limits here use the kernel's.

/// v2 weights.
pub const WEIGHT_MIN: u64 = 1;
/// v2 weights.
pub const WEIGHT_MAX: u64 = 10_000;
/// v1 CPU shares.
pub const SHARES_MIN: u64 = 2;
/// v1 CPU shares.
pub const SHARES_MAX: u64 = 262_144;

/// v1 shares to v2 weight, proportionally, clamped to the valid range.
#[must_use]
pub fn weight_from_shares(shares: u64) -> u64 {
    let shares = shares.clamp(SHARES_MIN, SHARES_MAX);
    ((shares * 100 + 512) / 1024).clamp(WEIGHT_MIN, WEIGHT_MAX)
}

/// v2 weight to v1 shares, proportionally, clamped to the valid range.
#[must_use]
pub fn shares_from_weight(weight: u64) -> u64 {
    let weight = weight.clamp(WEIGHT_MIN, WEIGHT_MAX);
    ((weight * 1024 + 50) / 100).clamp(SHARES_MIN, SHARES_MAX)
}

/// v1 shares to v2 weight by the OCI formula, for comparing with what other runtimes set.
#[must_use]
pub fn weight_from_shares_oci(shares: u64) -> u64 {
    let shares = shares.clamp(SHARES_MIN, SHARES_MAX);
    1 + (shares - 2) * 9999 / 262_142
}

/// v2 I/O weight (1..=10000, default 100) to the 1..=1000 of the BFQ scheduler's files (default
/// 100), of which v1's `blkio.weight` accepts 10 and up. Proportional, so the default stays.
#[must_use]
pub fn bfq_weight(weight: u64) -> u64 {
    weight.clamp(WEIGHT_MIN, 1000)
}
