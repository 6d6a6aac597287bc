//! Parameter files: reading values by key path, and overriding them without touching the rest of the file.

use std::{fs, io, path::Path};

use crate::{
    DvcError, Value,
    error::nearest,
    yaml::{Kind, Node, Style, analyze, load, style},
};

/// The values of these key paths in a file; of all its top-level keys when none is given. `file` is the path as the
/// stage writes it, for messages.
pub fn read_params(
    path: &Path,
    file: &str,
    keys: &[String],
) -> Result<Vec<(String, Value)>, DvcError> {
    let root = read(path, file)?;
    let Value::Map(entries) = &root else {
        return Err(DvcError::Syntax {
            file: file.to_owned(),
            line: 1,
            message: "a parameter file is a map".to_owned(),
        });
    };
    if keys.is_empty() {
        let mut all: Vec<(String, Value)> = entries
            .iter()
            .filter_map(|(key, value)| Some((key.as_str()?.to_owned(), value.clone())))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        return Ok(all);
    }
    let mut wanted = keys.to_vec();
    wanted.sort();
    wanted.dedup();
    wanted
        .into_iter()
        .map(|key| {
            let value = find(&root, &key).cloned();
            value
                .map(|value| (key.clone(), value))
                .ok_or_else(|| missing(file, &key, &paths(&root)))
        })
        .collect()
}

fn read(path: &Path, file: &str) -> Result<Value, DvcError> {
    let syntax = |line, message: String| DvcError::Syntax {
        file: file.to_owned(),
        line,
        message,
    };
    let text = fs::read_to_string(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DvcError::File {
            attempt: "read the parameters in",
            path: path.to_owned(),
            source,
        },
        _ => DvcError::file("read", path)(source),
    })?;
    match path.extension().and_then(|suffix| suffix.to_str()) {
        Some("json") => serde_json::from_str(&text)
            .map(|value: serde_json::Value| Value::from(&value))
            .map_err(|error| syntax(error.line(), error.to_string())),
        Some("toml") => text
            .parse::<toml::Table>()
            .map(|table| from_toml(&toml::Value::Table(table)))
            .map_err(|error| {
                let line = error
                    .span()
                    .map_or(1, |span| text[..span.start].lines().count().max(1));
                syntax(line, error.message().to_owned())
            }),
        Some("py") => Err(DvcError::Unsupported {
            file: file.to_owned(),
            line: 1,
            key: "params in a .py file".to_owned(),
        }),
        _ => Ok(load(file, &text)?.map_or_else(|| Value::Map(Vec::new()), |node| node.value())),
    }
}

fn from_toml(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::text(text),
        toml::Value::Integer(value) => Value::Int(i128::from(*value)),
        toml::Value::Float(value) => Value::Float(*value),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Datetime(value) => Value::text(value.to_string()),
        toml::Value::Array(items) => Value::List(items.iter().map(from_toml).collect()),
        toml::Value::Table(table) => Value::Map(
            table
                .iter()
                .map(|(key, value)| (Value::text(key), from_toml(value)))
                .collect(),
        ),
    }
}

fn find<'v>(root: &'v Value, key: &str) -> Option<&'v Value> {
    key.split('.').try_fold(root, |value, part| match value {
        Value::Map(_) => value.get(part),
        Value::List(items) => items.get(part.parse::<usize>().ok()?),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => None,
    })
}

fn paths(root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![(String::new(), root)];
    while let Some((prefix, value)) = open.pop() {
        for (key, value) in value.entries().unwrap_or_default() {
            if let Some(key) = key.as_str() {
                let path = if prefix.is_empty() {
                    key.to_owned()
                } else {
                    format!("{prefix}.{key}")
                };
                found.push(path.clone());
                open.push((path, value));
            }
        }
    }
    found
}

fn missing(file: &str, key: &str, known: &[String]) -> DvcError {
    DvcError::MissingParam {
        file: file.to_owned(),
        key: key.to_owned(),
        nearest: nearest(key, known),
    }
}

/// The text of a YAML or JSON parameter file with one value changed; comments, order and everything else stay.
pub fn override_params(
    file: &str,
    text: &str,
    key: &str,
    value: &Value,
) -> Result<String, DvcError> {
    if Path::new(file)
        .extension()
        .is_some_and(|suffix| suffix == "toml" || suffix == "py")
    {
        return Err(DvcError::Unsupported {
            file: file.to_owned(),
            line: 1,
            key: "overriding a parameter here".to_owned(),
        });
    }
    let root = load(file, text)?.ok_or_else(|| missing(file, key, &[]))?;
    let before = root.value();
    let (from, to) = place(&root, text, key).ok_or_else(|| missing(file, key, &paths(&before)))?;
    let characters: Vec<char> = text.chars().collect();
    let head: String = characters[..from].iter().collect();
    let tail: String = characters[to..].iter().collect();
    let space = if head.ends_with(':') { " " } else { "" };
    let is_json = Path::new(file)
        .extension()
        .is_some_and(|suffix| suffix == "json");
    let new = if is_json {
        value.python_json()
    } else {
        flow(value)
    };
    let edited = format!("{head}{space}{new}{tail}");

    // A file that shares values by anchors, or is written in a way that was not foreseen, is left alone.
    let mut expected = before;
    set(&mut expected, key, value);
    let is_right = load(file, &edited).is_ok_and(|after| {
        after.is_some_and(|after| after.value().python_json() == expected.python_json())
    });
    if is_right {
        return Ok(edited);
    }
    Err(DvcError::Invalid {
        file: file.to_owned(),
        line: root.line,
        message: format!("`{key}` cannot be changed without changing something else"),
        hint: Some("write the value out where it is used, without an anchor or alias".to_owned()),
    })
}

/// The characters that a new value replaces.
fn place(root: &Node, text: &str, key: &str) -> Option<(usize, usize)> {
    let mut node = root;
    let mut after_key = None;
    for part in key.split('.') {
        match &node.kind {
            Kind::Map(entries) => {
                let (name, value) = entries.iter().find(|(name, _)| name.text() == Some(part))?;
                after_key = Some(name.end);
                node = value;
            }
            Kind::List(items) => {
                after_key = None;
                node = items.get(part.parse::<usize>().ok()?)?;
            }
            Kind::Scalar(_) => return None,
        }
    }
    let characters: Vec<char> = text.chars().collect();
    let is_block = !matches!(node.kind, Kind::Scalar(_))
        && !matches!(characters.get(node.start), Some('[' | '{'));
    if (is_block || node.start >= node.end)
        && let Some(after_key) = after_key
    {
        let colon = after_key
            + characters
                .get(after_key..)?
                .iter()
                .position(|character| *character == ':')?;
        return Some((
            colon + 1,
            if is_block {
                last(node, &characters)
            } else {
                colon + 1
            },
        ));
    }
    Some((node.start, last(node, &characters)))
}

/// The end of a scalar or flow collection, or of the last of them in a block. Of a quoted scalar the parser tells
/// the end of what follows it, so its closing quote is looked for.
fn last(node: &Node, characters: &[char]) -> usize {
    let first = characters.get(node.start).copied();
    match &node.kind {
        Kind::Scalar(_) => match first {
            Some(quote @ ('\'' | '"')) => {
                quote_end(characters, node.start, quote).unwrap_or(node.end)
            }
            _ => node.end,
        },
        Kind::List(_) | Kind::Map(_) if matches!(first, Some('[' | '{')) => node.end,
        Kind::List(items) => items.last().map_or(node.end, |item| last(item, characters)),
        Kind::Map(entries) => entries
            .last()
            .map_or(node.end, |(_, value)| last(value, characters)),
    }
}

fn quote_end(characters: &[char], start: usize, quote: char) -> Option<usize> {
    let mut at = start + 1;
    while let Some(character) = characters.get(at) {
        match character {
            '\\' if quote == '"' => at += 2,
            character if *character == quote => {
                if quote == '\'' && characters.get(at + 1) == Some(&quote) {
                    at += 2;
                } else {
                    return Some(at + 1);
                }
            }
            _ => at += 1,
        }
    }
    None
}

fn set(root: &mut Value, key: &str, new: &Value) {
    let mut value = root;
    for part in key.split('.') {
        let next = match value {
            Value::Map(entries) => entries
                .iter_mut()
                .find(|(name, _)| name.as_str() == Some(part))
                .map(|(_, value)| value),
            Value::List(items) => part
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get_mut(index)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => None,
        };
        match next {
            Some(next) => value = next,
            None => return,
        }
    }
    *value = new.clone();
}

/// A value on one line.
fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Float(value) if value.is_nan() => ".nan".to_owned(),
        Value::Float(value) if value.is_infinite() => {
            if *value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_) => value.python_json(),
        Value::Text(text) => {
            let characters: Vec<char> = text.chars().collect();
            let is_plain = !text.is_empty()
                && style(text, analyze(&characters), true) == Style::Plain
                && !text.contains([',', '[', ']', '{', '}', '?', ':', '#']);
            if is_plain {
                text.clone()
            } else {
                serde_json::Value::from(text.as_str()).to_string()
            }
        }
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", flow(key), flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# about\na: 1 # one\nb:\n  c: 'x'   # text\n  d: [1, 2]\n  é: \"q\"\nlist:\n- 1\n- p: 2\n  q: 3\n# end\ne:\nf: {g: 1}\n";

    fn with(key: &str, value: serde_json::Value) -> String {
        override_params("params.yaml", TEXT, key, &Value::from(&value)).unwrap()
    }

    #[test]
    fn one_value_changes_and_the_rest_stays() {
        use serde_json::json;
        for (key, value, old, new) in [
            ("a", json!(2.5), "a: 1 # one", "a: 2.5 # one"),
            (
                "b.c",
                json!("yes: no"),
                "c: 'x'   # text",
                "c: \"yes: no\"   # text",
            ),
            (
                "b.d",
                json!([1, "two", null]),
                "d: [1, 2]",
                "d: [1, two, null]",
            ),
            ("b.é", json!("é"), "é: \"q\"", "é: é"),
            ("b.d.1", json!(7), "d: [1, 2]", "d: [1, 7]"),
            (
                "list",
                json!([9]),
                "list:\n- 1\n- p: 2\n  q: 3\n",
                "list: [9]\n",
            ),
            ("list.1.q", json!("true"), "  q: 3\n", "  q: \"true\"\n"),
            ("e", json!({"x": [true]}), "e:\n", "e: {x: [true]}\n"),
            ("f.g", json!(""), "{g: 1}", "{g: \"\"}"),
            (
                "b",
                json!(0),
                "b:\n  c: 'x'   # text\n  d: [1, 2]\n  é: \"q\"\n",
                "b: 0\n",
            ),
        ] {
            assert_eq!(with(key, value), TEXT.replacen(old, new, 1), "{key}");
        }
    }

    #[test]
    fn what_is_not_there_or_shared_is_refused() {
        let value = Value::Int(1);
        let error = override_params(
            "params.yaml",
            "model:\n  max_iter: 1\n",
            "model.maxiter",
            &value,
        )
        .unwrap_err();
        assert!(
            matches!(&error, DvcError::MissingParam { nearest: Some(near), .. } if near == "model.max_iter"),
            "{error}"
        );
        let shared = override_params(
            "params.yaml",
            "a: &x {p: 1}\nb: *x\n",
            "b.p",
            &Value::Int(2),
        )
        .unwrap_err();
        assert!(
            shared
                .to_string()
                .contains("without changing something else")
        );
        let json = override_params(
            "p.json",
            "{\"a\": {\"b\": 1}}\n",
            "a.b",
            &Value::text("x y"),
        )
        .unwrap();
        assert_eq!(json, "{\"a\": {\"b\": \"x y\"}}\n");
        assert!(matches!(
            override_params("p.toml", "a = 1", "a", &value),
            Err(DvcError::Unsupported { .. })
        ));
    }

    #[test]
    fn every_kind_of_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("p.yaml", "b: 1e-4\na: {x: [1, no]}\n"),
            ("p.json", "{\"b\": 1e-4, \"a\": {\"x\": [1, \"no\"]}}"),
            ("p.toml", "b = 1e-4\n[a]\nx = [1, \"no\"]\n"),
        ] {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            let all = read_params(&path, name, &[]).unwrap();
            assert_eq!(all[1], ("b".to_owned(), Value::Float(1e-4)), "{name}");
            let some = read_params(&path, name, &["a.x.1".to_owned(), "a".to_owned()]).unwrap();
            assert_eq!(some[1], ("a.x.1".to_owned(), Value::text("no")), "{name}");
            let error = read_params(&path, name, &["c".to_owned()]).unwrap_err();
            assert_eq!(error.to_string(), format!("`c` is not in {name}"));
        }
        for (name, text) in [
            ("x.yaml", "a: [\n"),
            ("x.json", "{"),
            ("x.toml", "a ="),
            ("y.yaml", "- 1\n"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
            assert!(
                read_params(&folder.path().join(name), name, &[]).is_err(),
                "{name}"
            );
        }
    }
}
