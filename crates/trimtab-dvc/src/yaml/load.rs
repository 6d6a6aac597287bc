//! Text into nodes that know their line and place.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::{Value, resolve, resolve::Resolved};
use crate::DvcError;

/// Nesting beyond this is an attack or a mistake.
const DEEPEST: usize = 128;
/// Aliases may repeat nodes, up to this many in all.
const MOST_NODES: usize = 500_000;

/// A value with its place: the line from 1, and the character positions of its text.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::List(items.iter().map(Self::value).collect()),
            Kind::Map(entries) => Value::Map(
                entries
                    .iter()
                    .map(|(key, value)| (key.value(), value.value()))
                    .collect(),
            ),
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Kind::Scalar(Value::Text(text)) = &self.kind {
            Some(text)
        } else {
            None
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        if let Kind::Map(entries) = &self.kind {
            entries
                .iter()
                .find(|(name, _)| name.text() == Some(key))
                .map(|(_, value)| value)
        } else {
            None
        }
    }
}

struct Loader<'t> {
    file: &'t str,
    parser: Parser<'t, saphyr_parser::StrInput<'t>>,
    anchors: HashMap<usize, Node>,
    nodes: usize,
}

/// Reads one document; `None` when there is nothing in it.
pub(crate) fn load(file: &str, text: &str) -> Result<Option<Node>, DvcError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut loader = Loader {
        file,
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        nodes: 0,
    };
    let mut root = None;
    loop {
        let (event, span) = loader.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing => {}
            _ if root.is_some() => {
                return Err(loader.wrong(span, "only one document is allowed here"));
            }
            event => root = Some(loader.node(event, span, 0)?),
        }
    }
}

impl<'t> Loader<'t> {
    fn wrong(&self, span: Span, message: impl Into<String>) -> DvcError {
        DvcError::Syntax {
            file: self.file.to_owned(),
            line: span.start.line(),
            message: message.into(),
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), DvcError> {
        match self.parser.next_event() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(DvcError::Syntax {
                file: self.file.to_owned(),
                line: error.marker().line(),
                message: error.info().to_owned(),
            }),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn count(&mut self, more: usize, span: Span) -> Result<(), DvcError> {
        self.nodes += more;
        if self.nodes > MOST_NODES {
            Err(self.wrong(span, "aliases repeat too much"))
        } else {
            Ok(())
        }
    }

    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, DvcError> {
        if depth > DEEPEST {
            return Err(self.wrong(span, "nested too deeply"));
        }
        self.count(1, span)?;
        let (kind, anchor, end) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = tag
                    .as_ref()
                    .is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                if let Some(tag) = tag.filter(|_| !is_text) {
                    return Err(self.wrong(span, format!("the tag `{tag}` is not allowed here")));
                }
                let value = if style == ScalarStyle::Plain && !is_text {
                    self.plain(&text, span)?
                } else {
                    Value::Text(text.into_owned())
                };
                (Kind::Scalar(value), anchor, span)
            }
            Event::SequenceStart(anchor, _) => {
                let mut items = Vec::new();
                let end = loop {
                    match self.next()? {
                        (Event::SequenceEnd, end) => break end,
                        (event, span) => items.push(self.node(event, span, depth + 1)?),
                    }
                };
                (Kind::List(items), anchor, end)
            }
            Event::MappingStart(anchor, _) => {
                let (entries, end) = self.map(depth)?;
                (Kind::Map(entries), anchor, end)
            }
            Event::Alias(anchor) => {
                let node = self
                    .anchors
                    .get(&anchor)
                    .cloned()
                    .ok_or_else(|| self.wrong(span, "the alias has no anchor before it"))?;
                self.count(size(&node), span)?;
                return Ok(node);
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd
            | Event::SequenceEnd
            | Event::MappingEnd => return Err(self.wrong(span, "unexpected end")),
        };
        let node = Node {
            line: span.start.line(),
            start: span.start.index(),
            end: end.end.index(),
            kind,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn plain(&self, text: &str, span: Span) -> Result<Value, DvcError> {
        match resolve(text) {
            Resolved::Value(value) => Ok(value),
            Resolved::Merge | Resolved::Default => Ok(Value::text(text)),
            Resolved::Timestamp => Err(DvcError::Invalid {
                file: self.file.to_owned(),
                line: span.start.line(),
                message: format!("`{text}` is a date, which DVC does not allow here"),
                hint: Some(format!("quote it: '{text}'")),
            }),
            Resolved::Huge => Err(self.wrong(span, format!("the number {text} is too large"))),
        }
    }

    fn map(&mut self, depth: usize) -> Result<(Vec<(Node, Node)>, Span), DvcError> {
        let mut entries: Vec<(Node, Node)> = Vec::new();
        let mut merged: Vec<(Node, Node)> = Vec::new();
        loop {
            let (event, span) = match self.next()? {
                (Event::MappingEnd, end) => {
                    for (key, value) in merged {
                        if !entries.iter().any(|(known, _)| same_key(known, &key)) {
                            entries.push((key, value));
                        }
                    }
                    return Ok((entries, end));
                }
                found => found,
            };
            let is_merge =
                matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = self.node(event, span, depth + 1)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, value_span, depth + 1)?;
            if is_merge {
                match value.kind {
                    Kind::Map(more) => merged.extend(more),
                    Kind::List(maps) => {
                        for map in maps {
                            let Kind::Map(more) = map.kind else {
                                return Err(
                                    self.wrong(value_span, "`<<` takes a map or a list of maps")
                                );
                            };
                            merged.extend(more);
                        }
                    }
                    Kind::Scalar(_) => {
                        return Err(self.wrong(value_span, "`<<` takes a map or a list of maps"));
                    }
                }
                continue;
            }
            if !matches!(key.kind, Kind::Scalar(_)) {
                return Err(self.wrong(span, "a key must be a scalar"));
            }
            if entries.iter().any(|(known, _)| same_key(known, &key)) {
                let name = key.value();
                return Err(self.wrong(
                    span,
                    format!(
                        "the key `{}` is given twice",
                        name.as_str().unwrap_or(&name.python_json())
                    ),
                ));
            }
            entries.push((key, value));
        }
    }
}

fn same_key(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::Scalar(a), Kind::Scalar(b)) => a.equals(b),
        _ => false,
    }
}

fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Scalar(_) => 1,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => {
            1 + entries
                .iter()
                .map(|(key, value)| size(key) + size(value))
                .sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    fn value(text: &str) -> Value {
        load("f", text).unwrap().unwrap().value()
    }

    fn error(text: &str) -> String {
        load("f.yaml", text).unwrap_err().to_string()
    }

    #[test]
    fn anchors_and_merges_are_followed() {
        assert_eq!(
            value("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n")
                .get("b")
                .unwrap()
                .python_json(),
            r#"{"p": 1, "q": 3}"#
        );
        assert_eq!(
            value("[1, '1', \"\\t\", ~]"),
            Value::List(vec![
                Value::Int(1),
                Value::text("1"),
                Value::text("\t"),
                Value::Null
            ])
        );
        assert!(load("f", "# nothing\n").unwrap().is_none());
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, expected) in [
            ("a: 1\nb: 2\na: 3\n", "f.yaml:3: the key `a` is given twice"),
            ("a: 1\nb: [1\n", "f.yaml:"),
            ("a: 2024-01-01\n", "f.yaml:1: `2024-01-01` is a date"),
            ("a: !x 1\n", "f.yaml:1: the tag"),
            ("a: 1\n---\nb: 2\n", "only one document"),
            ("? [a]\n: 1\n", "a key must be a scalar"),
            ("a:\n\t- b\n", "f.yaml:"),
        ] {
            assert!(error(text).contains(expected), "{text:?}: {}", error(text));
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let mut text = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for level in 1..12 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            writeln!(text, "a{level}: &a{level} [{inner}]").unwrap();
        }
        assert!(error(&text).contains("repeat too much"));
        assert!(error(&"[".repeat(5000)).contains("f.yaml:1"));
    }
}
