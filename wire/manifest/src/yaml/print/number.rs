//! Numbers as Go and Ruby spell them.

use super::super::Dialect;

/// A float in the notation of the dialect's YAML writer.
pub(super) fn float(value: f64, dialect: Dialect) -> String {
    if value.is_nan() {
        return ".nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    match dialect {
        Dialect::Go => go_float(value, 6),
        Dialect::Ruby => ruby_float(value),
    }
}

/// A float in Go's shortest `g` notation: with an exponent from `large` on, which is 6 for the YAML
/// writer and 21 for `%v`.
pub(crate) fn go_float(value: f64, large: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0".to_owned()
        } else {
            "0".to_owned()
        };
    }
    let (digits, exponent) = shortest(value);
    let sign = if value < 0.0 { "-" } else { "" };
    if exponent < -4 || exponent >= large {
        return format!("{sign}{}", scientific(&digits, exponent, false));
    }
    format!("{sign}{}", positional(&digits, exponent))
}

fn ruby_float(value: f64) -> String {
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0.0".to_owned()
        } else {
            "0.0".to_owned()
        };
    }
    let (digits, exponent) = shortest(value);
    let sign = if value < 0.0 { "-" } else { "" };
    if !(-4..15).contains(&exponent) {
        return format!("{sign}{}", scientific(&digits, exponent, true));
    }
    let text = positional(&digits, exponent);
    let tail = if text.contains('.') { "" } else { ".0" };
    format!("{sign}{text}{tail}")
}

/// The shortest digits that give this float, and the exponent of the first.
fn shortest(value: f64) -> (String, i32) {
    let text = format!("{:e}", value.abs());
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    (mantissa.replace('.', ""), exponent.parse().unwrap_or(0))
}

fn scientific(digits: &str, exponent: i32, fraction: bool) -> String {
    let (first, rest) = digits.split_at(1);
    let rest = match (rest, fraction) {
        ("", true) => ".0".to_owned(),
        ("", false) => String::new(),
        (rest, _) => format!(".{rest}"),
    };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{first}{rest}e{sign}{:02}", exponent.abs())
}

fn positional(digits: &str, exponent: i32) -> String {
    if exponent < 0 {
        let zeros = "0".repeat((-exponent - 1) as usize);
        return format!("0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        format!("{digits}{}", "0".repeat(whole - digits.len()))
    } else {
        format!("{}.{}", &digits[..whole], &digits[whole..])
    }
}
