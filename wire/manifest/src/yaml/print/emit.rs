//! The block layout of libyaml's emitter: two columns of indentation, sequences in mappings not
//! indented, long texts folded behind column 80.

use super::super::{Dialect, Value};
use super::analyze::{Analysis, analyze, is_break, printable};
use super::order::sorted;
use super::style::{Scalar, Style, scalar};

const INDENT: usize = 2;
const WIDTH: usize = 80;
/// The longest text that can be a key without a question mark, in bytes.
const LONGEST_KEY: usize = 128;

pub(super) struct Emitter {
    dialect: Dialect,
    out: String,
    /// Characters in the line so far.
    column: usize,
    /// Whether the line so far holds nothing but blanks and indicators.
    indention: bool,
    /// Whether what was written last separates.
    whitespace: bool,
    /// Whether the last scalar is a block that keeps its line breaks: Ruby then ends the document.
    open_ended: bool,
}

impl Emitter {
    pub(super) fn new(dialect: Dialect) -> Emitter {
        Emitter {
            dialect,
            out: String::new(),
            column: 0,
            indention: true,
            whitespace: true,
            open_ended: false,
        }
    }

    pub(super) fn document(&mut self, value: &Value) {
        self.node(value, None, false);
        if self.column > 0 {
            self.new_line();
        }
        if self.open_ended && self.dialect == Dialect::Ruby {
            self.out.push_str("...\n");
        }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn new_line(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    fn write_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    fn indicator(&mut self, text: &str, separate: bool, whitespace: bool, indention: bool) {
        if separate && !self.whitespace {
            self.put(' ');
        }
        for c in text.chars() {
            self.put(c);
        }
        self.whitespace = whitespace;
        self.indention = self.indention && indention;
    }

    fn indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.new_line();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    /// A node in a block of this indentation (`None` at the root). `in_map` is said of values of a
    /// mapping: a sequence there is not indented.
    fn node(&mut self, value: &Value, indent: Option<usize>, in_map: bool) {
        match value {
            Value::Seq(items) if items.is_empty() => self.flow("[", "]"),
            Value::Map(map) if map.is_empty() => self.flow("{", "}"),
            Value::Seq(items) => {
                let indentless = in_map && !self.indention;
                let inner = match indent {
                    None => 0,
                    Some(indent) if indentless => indent,
                    Some(indent) => indent + INDENT,
                };
                for item in items {
                    self.indent(inner);
                    self.indicator("-", true, false, true);
                    self.node(item, Some(inner), false);
                }
            }
            Value::Map(map) => {
                let inner = indent.map_or(0, |indent| indent + INDENT);
                let pairs = match self.dialect {
                    Dialect::Go => sorted(map),
                    Dialect::Ruby => map.iter().collect(),
                };
                for (key, value) in pairs {
                    self.indent(inner);
                    if self.simple_key(key) {
                        self.key(key);
                        self.indicator(":", false, false, false);
                    } else {
                        self.indicator("?", true, false, true);
                        self.node(key, Some(inner), true);
                        self.indent(inner);
                        self.indicator(":", true, false, true);
                    }
                    self.node(value, Some(inner), true);
                }
            }
            _ => {
                if let Some(scalar) = scalar(value, self.dialect) {
                    self.scalar(
                        &scalar,
                        indent.map_or(INDENT, |indent| indent + INDENT),
                        false,
                    );
                }
            }
        }
    }

    fn flow(&mut self, open: &str, close: &str) {
        self.indicator(open, true, true, false);
        self.indicator(close, false, false, false);
    }

    fn simple_key(&self, key: &Value) -> bool {
        match scalar(key, self.dialect) {
            Some(scalar) => {
                let length = scalar.text.len() + scalar.tag.map_or(0, str::len);
                length <= LONGEST_KEY && !analyze(&scalar.text).multiline
            }
            None => match key {
                Value::Seq(items) => items.is_empty(),
                Value::Map(map) => map.is_empty(),
                _ => true,
            },
        }
    }

    fn key(&mut self, key: &Value) {
        match scalar(key, self.dialect) {
            Some(scalar) => self.scalar(&scalar, 0, true),
            None if matches!(key, Value::Seq(_)) => self.flow("[", "]"),
            None => self.flow("{", "}"),
        }
    }

    fn scalar(&mut self, scalar: &Scalar, indent: usize, key: bool) {
        let allowed = analyze(&scalar.text);
        if let Some(tag) = scalar.tag {
            self.indicator(tag, true, false, false);
        }
        match choose(scalar, &allowed, key) {
            Style::Plain => self.plain(&scalar.text, indent, !key),
            Style::Single => self.single(&scalar.text, indent, !key),
            Style::Double => self.double(&scalar.text, indent, !key),
            Style::Literal => self.literal(&scalar.text, indent),
        }
    }

    /// Whether a blank here becomes the line's end.
    fn folds(&self, may: bool, spaces: bool) -> bool {
        may && !spaces && self.column > WIDTH
    }

    fn plain(&mut self, text: &str, indent: usize, folding: bool) {
        if !self.whitespace && !text.is_empty() {
            self.put(' ');
        }
        let mut spaces = false;
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c == ' ' {
                if self.folds(folding, spaces) && chars.peek() != Some(&' ') {
                    self.indent(indent);
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                self.indention = false;
                spaces = false;
            }
        }
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, indent: usize, folding: bool) {
        self.indicator("'", true, false, false);
        let (mut spaces, mut breaks) = (false, false);
        let last = text.chars().count().saturating_sub(1);
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            if c == ' ' {
                let inside = at != 0 && at != last;
                let next = chars.peek().map(|(_, next)| *next);
                if self.folds(folding, spaces) && inside && next != Some(' ') {
                    self.indent(indent);
                } else {
                    self.put(c);
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.new_line();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.indent(indent);
                }
                if c == '\'' {
                    self.put('\'');
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
        if breaks {
            self.indent(indent);
        }
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn double(&mut self, text: &str, indent: usize, folding: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        let last = text.chars().count().saturating_sub(1);
        let mut chars = text.chars().enumerate().peekable();
        while let Some((at, c)) = chars.next() {
            if !printable(c) || is_break(c) || c == '"' || c == '\\' {
                for c in escape(c).chars() {
                    self.put(c);
                }
                spaces = false;
            } else if c == ' ' {
                if self.folds(folding, spaces) && at != 0 && at != last {
                    self.indent(indent);
                    if chars.peek().map(|(_, next)| *next) == Some(' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(c);
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator(&INDENT.to_string(), false, false, false);
        }
        let mut from_end = text.chars().rev();
        let chomp = match from_end.next() {
            None => "-",
            Some(c) if !is_break(c) => "-",
            Some(_) => match from_end.next() {
                None => "+",
                Some(c) if is_break(c) => "+",
                Some(_) => "",
            },
        };
        self.indicator(chomp, false, false, false);
        self.open_ended = chomp == "+";
        self.new_line();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.indent(indent);
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}

/// The style that was wished for, or the next that the text allows.
fn choose(scalar: &Scalar, allowed: &Analysis, key: bool) -> Style {
    let mut style = scalar.style;
    if key && allowed.multiline {
        style = Style::Double;
    }
    if style == Style::Plain && (!allowed.plain || (scalar.text.is_empty() && key)) {
        style = Style::Single;
    }
    if style == Style::Single && !allowed.single {
        style = Style::Double;
    }
    if style == Style::Literal && (!allowed.block || key) {
        style = Style::Double;
    }
    style
}

fn escape(c: char) -> String {
    let short = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' => '"',
        '\\' => '\\',
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        other => {
            let code = u32::from(other);
            return match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            };
        }
    };
    format!("\\{short}")
}
