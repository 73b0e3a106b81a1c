//! Events of the grammar into values: anchors, merge keys, bounds.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use super::resolve::{self, Explicit};
use super::{Dialect, Mapping, Value, YamlError};

/// How deep sequences and mappings may nest.
pub const MAX_DEPTH: usize = 128;

/// How much bigger than its text a document may get by aliases, in nodes, and what is always allowed.
const ALIAS_FACTOR: usize = 10;
const ALIAS_FREE: usize = 100_000;

/// Reads the first document of a text. An empty text is null.
pub fn parse(text: &str, dialect: Dialect) -> Result<Value, YamlError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        dialect,
        anchors: HashMap::new(),
        written: 0,
        aliased: 0,
    };
    reader.document()
}

struct Reader<'text> {
    parser: Parser<'text, StrInput<'text>>,
    dialect: Dialect,
    /// Finished anchors with their weight. One that is still open is absent: a loop.
    anchors: HashMap<usize, (Value, usize)>,
    /// Weight of what the text itself holds.
    written: usize,
    /// Weight of what aliases repeated.
    aliased: usize,
}

/// A node and whether it is the plain text `<<`.
struct Node {
    value: Value,
    merge: bool,
    weight: usize,
}

impl<'text> Reader<'text> {
    fn next(&mut self) -> Result<Option<Event<'text>>, YamlError> {
        match self.parser.next_event() {
            None => Ok(None),
            Some(Ok((event, _))) => Ok(Some(event)),
            Some(Err(error)) => Err(syntax(&error, self.dialect)),
        }
    }

    fn document(&mut self) -> Result<Value, YamlError> {
        loop {
            match self.next()? {
                None | Some(Event::StreamEnd) => return Ok(Value::Null),
                Some(Event::DocumentStart(_)) => break,
                Some(_) => {}
            }
        }
        match self.next()? {
            None => Ok(Value::Null),
            Some(event) => {
                let value = self.node(event, 0)?.value;
                // Go and Ruby both read as far as the document's end, so junk behind it is an error.
                self.next()?;
                Ok(value)
            }
        }
    }

    fn node(&mut self, event: Event<'text>, depth: usize) -> Result<Node, YamlError> {
        if depth > MAX_DEPTH {
            return Err(YamlError::TooDeep(MAX_DEPTH));
        }
        let (anchor, node) = match event {
            Event::Alias(id) => return self.alias(id),
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let merge = text == "<<"
                    && tag.is_none()
                    // Psych does not look at the style of a key.
                    && (plain || self.dialect == Dialect::Ruby);
                let weight = 1 + text.len() / 64;
                let value = scalar(&text, plain, tag.as_deref(), self.dialect)?;
                self.written += weight;
                (
                    anchor,
                    Node {
                        value,
                        merge,
                        weight,
                    },
                )
            }
            Event::SequenceStart(anchor, tag) => {
                check_collection(tag.as_deref(), self.dialect)?;
                let mut items = Vec::new();
                let mut weight = 1;
                self.written += 1;
                loop {
                    match self.next()? {
                        None | Some(Event::SequenceEnd) => break,
                        Some(event) => {
                            let item = self.node(event, depth + 1)?;
                            weight += item.weight;
                            items.push(item.value);
                        }
                    }
                }
                let value = Value::Seq(items);
                (
                    anchor,
                    Node {
                        value,
                        merge: false,
                        weight,
                    },
                )
            }
            Event::MappingStart(anchor, tag) => {
                check_collection(tag.as_deref(), self.dialect)?;
                self.written += 1;
                (anchor, self.mapping(depth)?)
            }
            _ => (
                0,
                Node {
                    value: Value::Null,
                    merge: false,
                    weight: 1,
                },
            ),
        };
        if anchor != 0 {
            // The copy counts like a use, so that anchors alone cannot grow a document either.
            self.spend(node.weight)?;
            self.anchors
                .insert(anchor, (node.value.clone(), node.weight));
        }
        Ok(node)
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, YamlError> {
        let mut map = Mapping::new();
        let mut weight = 1;
        loop {
            let key = match self.next()? {
                None | Some(Event::MappingEnd) => break,
                Some(event) => self.node(event, depth + 1)?,
            };
            let value = match self.next()? {
                None => break,
                Some(event) => self.node(event, depth + 1)?,
            };
            weight += key.weight + value.weight;
            if key.merge {
                self.merge(&mut map, key.value, value.value)?;
            } else {
                map.insert(key.value, value.value);
            }
        }
        Ok(Node {
            value: Value::Map(map),
            merge: false,
            weight,
        })
    }

    /// A merge key. Both libraries apply it where it stands, so what came before it is overwritten.
    fn merge(&self, into: &mut Mapping, key: Value, value: Value) -> Result<(), YamlError> {
        let wrong = || {
            YamlError::BadNode("map merge requires map or sequence of maps as the value".to_owned())
        };
        match (value, self.dialect) {
            (Value::Map(from), _) => {
                for (key, value) in from {
                    into.insert(key, value);
                }
            }
            (Value::Seq(mut items), dialect) => {
                if !items.iter().all(|item| item.as_map().is_some()) {
                    if dialect == Dialect::Ruby {
                        into.insert(key, Value::Seq(items));
                        return Ok(());
                    }
                    return Err(wrong());
                }
                if dialect == Dialect::Go {
                    // The first of the list wins.
                    items.reverse();
                }
                for item in items {
                    if let Value::Map(from) = item {
                        for (key, value) in from {
                            into.insert(key, value);
                        }
                    }
                }
            }
            (other, Dialect::Ruby) => {
                into.insert(key, other);
            }
            (_, Dialect::Go) => return Err(wrong()),
        }
        Ok(())
    }

    fn alias(&mut self, id: usize) -> Result<Node, YamlError> {
        let Some((value, weight)) = self.anchors.get(&id) else {
            return Err(YamlError::BadNode("anchor contains itself".to_owned()));
        };
        let (value, weight) = (value.clone(), *weight);
        self.spend(weight)?;
        Ok(Node {
            value,
            merge: false,
            weight,
        })
    }

    fn spend(&mut self, weight: usize) -> Result<(), YamlError> {
        self.aliased += weight;
        if self.aliased > ALIAS_FREE + ALIAS_FACTOR * self.written {
            return Err(YamlError::ExcessiveAliasing);
        }
        Ok(())
    }
}

fn core_name(tag: &Tag) -> Option<&str> {
    match tag.handle.as_str() {
        "tag:yaml.org,2002:" | "!!" => Some(&tag.suffix),
        // The verbatim form has no handle.
        "" => tag.suffix.strip_prefix("tag:yaml.org,2002:"),
        _ => None,
    }
}

fn scalar(
    text: &str,
    plain: bool,
    tag: Option<&Tag>,
    dialect: Dialect,
) -> Result<Value, YamlError> {
    let Some(tag) = tag else {
        return if plain {
            resolve::plain(text, dialect)
        } else {
            Ok(Value::String(text.to_owned()))
        };
    };
    check_collection(Some(tag), dialect)?;
    // What Psych writes itself.
    if dialect == Dialect::Ruby && tag.handle == "!" && tag.suffix == "binary" {
        return resolve::binary(text, dialect);
    }
    match core_name(tag) {
        Some("str") => Ok(Value::String(text.to_owned())),
        Some("binary") => resolve::binary(text, dialect),
        Some("int") => resolve::explicit(text, Explicit::Int, dialect),
        Some("float") => resolve::explicit(text, Explicit::Float, dialect),
        Some("bool") => resolve::explicit(text, Explicit::Bool, dialect),
        Some("null") => resolve::explicit(text, Explicit::Null, dialect),
        Some("timestamp") if dialect == Dialect::Ruby => {
            Err(YamlError::DisallowedClass("Date".to_owned()))
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Ruby makes objects of some tags, and safe loading refuses them.
fn check_collection(tag: Option<&Tag>, dialect: Dialect) -> Result<(), YamlError> {
    let Some(tag) = tag else {
        return Ok(());
    };
    if dialect != Dialect::Ruby {
        return Ok(());
    }
    if tag.handle == "!"
        && let Some(name) = tag.suffix.strip_prefix("ruby/")
    {
        let class = name.split_once(':').map_or(name, |(_, class)| class);
        return Err(YamlError::DisallowedClass(class.to_owned()));
    }
    if core_name(tag) == Some("set") {
        return Err(YamlError::DisallowedClass("Psych::Set".to_owned()));
    }
    Ok(())
}

/// The parser's words into those of libyaml, which both stock libraries speak.
fn syntax(error: &ScanError, dialect: Dialect) -> YamlError {
    let info = error.info();
    let (context, problem) = match info.split_once(", ") {
        Some((context, problem)) if context.starts_with("while ") => (context, problem),
        _ => ("", info),
    };
    let problem = match problem {
        "expected ',' or ']'" => "did not find expected ',' or ']'".to_owned(),
        "expected ',' or '}'" => "did not find expected ',' or '}'".to_owned(),
        other if other.contains("unknown anchor") => "unknown anchor referenced".to_owned(),
        other => other.to_owned(),
    };
    YamlError::Syntax {
        dialect,
        line: error.marker().line(),
        column: error.marker().col() + 1,
        scanner: !context.starts_with("while parsing") && !problem.starts_with("did not find"),
        problem,
        context: context.to_owned(),
    }
}
