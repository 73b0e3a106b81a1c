//! Numbers of bytes as operators write them: `512M`, `1.5GiB`, `1024B`.
//!
//! A number, with or without a fraction, and a unit that must be there. Units are multiples of
//! 1024, whatever they are called, in upper or lower case.

/// Not a quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "byte quantity must be a positive integer with a unit of measurement like M, MB, MiB, G, GiB, or GB"
)]
pub struct NoQuantity;

/// The number of bytes, rounded down.
///
/// # Errors
/// No unit, an unknown one, no number, or one that is not positive or too large.
pub fn bytes(text: &str) -> Result<u64, NoQuantity> {
    let text = text.trim();
    let at = text
        .find(|each: char| each.is_ascii_alphabetic())
        .ok_or(NoQuantity)?;
    let (number, unit) = text.split_at(at);
    let power = match unit.to_ascii_uppercase().as_str() {
        "B" => 0,
        "K" | "KB" | "KIB" => 1,
        "M" | "MB" | "MIB" => 2,
        "G" | "GB" | "GIB" => 3,
        "T" | "TB" | "TIB" => 4,
        "P" | "PB" | "PIB" => 5,
        "E" | "EB" | "EIB" => 6,
        _ => return Err(NoQuantity),
    };
    let unit = 1_u64 << (10 * power);
    if let Ok(whole) = number.parse::<u64>() {
        return whole
            .checked_mul(unit)
            .filter(|bytes| *bytes > 0)
            .ok_or(NoQuantity);
    }
    let number: f64 = number.parse().map_err(|_| NoQuantity)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a unit is a power of two, which a float holds exactly"
    )]
    let bytes = number * unit as f64;
    // Neither not-a-number nor infinity nor anything else beyond what a limit can be.
    if !(1.0..9.2e18).contains(&bytes) {
        return Err(NoQuantity);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is between 1 and 2⁶³, and rounding down is meant"
    )]
    Ok(bytes as u64)
}
