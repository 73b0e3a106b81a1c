//! Names as they stand in DNS names.

use super::{Invalid, refuse};

/// Lower case, `_` as `-`, all else but letters, digits and `-` dropped.
pub fn canonical(name: &str) -> Result<String, Invalid> {
    let text: String = name
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == '_' { '-' } else { c })
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')
        .collect();
    if text.starts_with('-') {
        refuse!(
            DnsInvalidCanonicalName,
            "Invalid DNS canonical name '{text}', cannot start with a hyphen"
        );
    }
    if text.ends_with('-') {
        refuse!(
            DnsInvalidCanonicalName,
            "Invalid DNS canonical name '{text}', cannot end with a hyphen"
        );
    }
    Ok(text)
}
