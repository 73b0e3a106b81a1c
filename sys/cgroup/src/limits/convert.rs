//! Conversions between the units of v1 and v2.
//!
//! For CPU shares the curve of the container runtimes is used (runc since 1.3, crun since 1.21), which
//! clients of Garden read back: with `l = log2(shares)` the weight is
//! `ceil(10^((l² + 125·l)/612 − 7/34))`. It goes through the defaults of both versions (1024 shares are
//! weight 100) and through both ends of both ranges. Their linear one of before made 1024 shares 39;
//! the kernel's own (`sched_weight_from_cgroup`, kernel/sched/core.c) is proportional, and uses a
//! part of v2's range only.

/// v2 weights.
pub const WEIGHT_MIN: u64 = 1;
/// v2 weights.
pub const WEIGHT_MAX: u64 = 10_000;
/// v1 CPU shares.
pub const SHARES_MIN: u64 = 2;
/// v1 CPU shares.
pub const SHARES_MAX: u64 = 262_144;

/// v1 shares to v2 weight, clamped to the valid range.
#[must_use]
pub fn weight_from_shares(shares: u64) -> u64 {
    let shares = u32::try_from(shares.clamp(SHARES_MIN, SHARES_MAX)).unwrap_or(u32::MAX);
    let l = f64::from(shares).log2();
    rounded(10_f64.powf((l * l + 125.0 * l) / 612.0 - 7.0 / 34.0).ceil())
        .clamp(WEIGHT_MIN, WEIGHT_MAX)
}

/// v2 weight to v1 shares, of those that become this weight, clamped to the valid range.
#[must_use]
pub fn shares_from_weight(weight: u64) -> u64 {
    let weight = weight.clamp(WEIGHT_MIN, WEIGHT_MAX);
    let exponent = f64::from(u32::try_from(weight).unwrap_or(u32::MAX)).log10() + 7.0 / 34.0;
    let l = ((125.0_f64 * 125.0 + 4.0 * 612.0 * exponent).sqrt() - 125.0) / 2.0;
    let shares = rounded(l.exp2().round()).clamp(SHARES_MIN, SHARES_MAX);
    // The nearest number of shares may be just beyond the point where the next weight begins.
    match weight_from_shares(shares) > weight {
        true => (shares - 1).max(SHARES_MIN),
        false => shares,
    }
}

/// A number of the ranges here, as an integer.
fn rounded(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive and below 2^32; the cast saturates anyway"
    )]
    let integer = value as u64;
    integer
}

/// v2 I/O weight (1..=10000, default 100) to the 1..=1000 of the BFQ scheduler's files (default
/// 100), of which v1's `blkio.weight` accepts 10 and up. Proportional, so the default stays.
#[must_use]
pub fn bfq_weight(weight: u64) -> u64 {
    weight.clamp(WEIGHT_MIN, 1000)
}
