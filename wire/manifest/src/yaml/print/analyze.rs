//! Which styles a text can be written in: the rules of libyaml's emitter, which both dialects use.

/// What a text allows.
pub(super) struct Analysis {
    /// It has a line break.
    pub multiline: bool,
    /// It can stand unquoted in block context.
    pub plain: bool,
    /// It can stand in single quotes.
    pub single: bool,
    /// It can be a literal block.
    pub block: bool,
}

/// Whether the emitter writes the character as it is. Tabs, and everything beyond the basic plane,
/// are escaped.
pub(super) fn printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
}

/// A line break in the sense of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

pub(super) fn analyze(text: &str) -> Analysis {
    if text.is_empty() {
        return Analysis {
            multiline: false,
            plain: true,
            single: true,
            block: false,
        };
    }
    let chars: Vec<char> = text.chars().collect();
    let blank = |at: usize| {
        chars
            .get(at)
            .is_none_or(|&c| matches!(c, ' ' | '\t' | '\0') || is_break(c))
    };
    let last = chars.len() - 1;
    let mut indicators = text.starts_with("---") || text.starts_with("...");
    let (mut line_breaks, mut special) = (false, false);
    let (mut leading, mut trailing) = (false, false);
    let (mut trailing_space, mut break_space, mut space_break) = (false, false, false);
    let (mut previous_space, mut previous_break, mut preceded) = (false, false, true);
    for (at, &c) in chars.iter().enumerate() {
        let followed = blank(at + 1);
        if at == 0 {
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"'
                | '%' | '@' | '`' => true,
                '?' | ':' | '-' => followed,
                _ => false,
            };
        } else {
            indicators |= match c {
                ':' => followed,
                '#' => preceded,
                _ => false,
            };
        }
        special |= !printable(c);
        line_breaks |= is_break(c);
        if c == ' ' {
            leading |= at == 0;
            trailing |= at == last;
            trailing_space |= at == last;
            break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            leading |= at == 0;
            trailing |= at == last;
            space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        preceded = blank(at);
    }
    let mut allowed = Analysis {
        multiline: line_breaks,
        plain: !(leading || trailing || line_breaks || indicators),
        single: true,
        block: !trailing_space,
    };
    if break_space || space_break || special {
        allowed.plain = false;
        allowed.single = false;
    }
    if space_break || special {
        allowed.block = false;
    }
    allowed
}
