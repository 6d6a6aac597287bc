//! Values into text, byte for byte as ruamel.yaml's round-trip emitter with its defaults writes them: block style,
//! sequences not indented under their key, folded at 80 columns. Its quirks (a space left at the end of a folded
//! line, a long word on a line of its own) are part of the format, because `dvc.lock` is compared by people and git.

use super::{
    Style, Value, analyze,
    scalar::{is_break, is_printable, style},
    value::python_float,
};

const WIDTH: usize = 80;
/// 128 with the tag, `!!str`, which is counted though it is not written.
const LONGEST_SIMPLE_KEY: usize = 123;

/// The text of a document.
pub fn emit(value: &Value) -> String {
    let mut emitter = Emitter {
        out: String::new(),
        column: 0,
        indent: 0,
        whitespace: true,
        indention: true,
        no_newline: false,
    };
    match value {
        Value::Map(entries) if entries.is_empty() => emitter.out.push_str("{}"),
        Value::List(items) if items.is_empty() => emitter.out.push_str("[]"),
        Value::Map(entries) => emitter.map(entries),
        Value::List(items) => emitter.list(items),
        Value::Null => emitter.out.push_str("null"),
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
            emitter.scalar(value, false);
        }
    }
    if !emitter.out.ends_with('\n') {
        emitter.out.push('\n');
    }
    emitter.out
}

struct Emitter {
    out: String,
    column: usize,
    indent: usize,
    /// The last thing written was white space.
    whitespace: bool,
    /// Nothing but indentation and dashes stands on this line.
    indention: bool,
    /// A dash was just written: what follows stays on its line.
    no_newline: bool,
}

impl Emitter {
    fn put(&mut self, text: impl IntoIterator<Item = char>) {
        for character in text {
            self.out.push(character);
            self.column += 1;
        }
    }

    fn line_break(&mut self, character: char) {
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
        self.out.push(character);
    }

    fn write_indent(&mut self) {
        if !self.indention
            || self.column > self.indent
            || (self.column == self.indent && !self.whitespace)
        {
            if self.no_newline {
                self.no_newline = false;
            } else {
                self.line_break('\n');
            }
        }
        if self.column < self.indent {
            self.whitespace = true;
            self.put(std::iter::repeat_n(' ', self.indent - self.column));
        }
    }

    fn indicator(&mut self, mark: &str, needs_space: bool, is_indention: bool) {
        if needs_space && !self.whitespace {
            self.put(" ".chars());
        }
        self.put(mark.chars());
        self.whitespace = false;
        self.indention = self.indention && is_indention;
    }

    fn map(&mut self, entries: &[(Value, Value)]) {
        for (key, value) in entries {
            self.write_indent();
            if is_simple_key(key) {
                self.indent += 2;
                self.scalar(key, true);
                self.indent -= 2;
                self.indicator(":", false, false);
            } else {
                self.indicator("?", true, true);
                self.nested(key, true);
                self.write_indent();
                self.indicator(":", true, true);
            }
            self.nested(value, true);
        }
    }

    fn list(&mut self, items: &[Value]) {
        for item in items {
            let stays = self.no_newline && self.column == 0;
            self.write_indent();
            self.indicator("-", true, true);
            if stays {
                self.no_newline = true;
            }
            self.nested(item, false);
        }
        self.no_newline = false;
    }

    fn nested(&mut self, value: &Value, in_map: bool) {
        let outer = self.indent;
        match value {
            Value::Map(entries) if !entries.is_empty() => {
                self.indent += 2;
                self.map(entries);
            }
            Value::List(items) if !items.is_empty() => {
                if !in_map || self.indention {
                    self.indent += 2;
                }
                self.list(items);
            }
            Value::Map(_) => self.indicator("{}", true, false),
            Value::List(_) => self.indicator("[]", true, false),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => {
                self.indent += 2;
                if !in_map {
                    // After a dash nothing is broken off here: the dash counts as indentation.
                    self.write_indent();
                }
                self.scalar(value, false);
            }
        }
        self.indent = outer;
    }

    fn scalar(&mut self, value: &Value, is_key: bool) {
        let Value::Text(text) = value else {
            let text: Vec<char> = plain(value).chars().collect();
            return self.plain(&text, !is_key);
        };
        let characters: Vec<char> = text.chars().collect();
        match style(text, analyze(&characters), is_key) {
            Style::Plain => self.plain(&characters, !is_key),
            Style::Single => self.single(&characters, !is_key),
            Style::Double => self.double(&characters, !is_key),
        }
    }

    /// Plain texts have no breaks: see the choice of style.
    fn plain(&mut self, text: &[char], may_split: bool) {
        if text.is_empty() {
            return;
        }
        if !self.whitespace {
            self.put(" ".chars());
        }
        self.whitespace = false;
        self.indention = false;
        let mut start = 0;
        while start < text.len() {
            let is_space = text[start] == ' ';
            let length = text[start..]
                .iter()
                .take_while(|character| (**character == ' ') == is_space)
                .count();
            let run = &text[start..start + length];
            start += length;
            if is_space {
                if length == 1 && self.column >= WIDTH && may_split {
                    self.write_indent();
                    self.whitespace = false;
                    self.indention = false;
                } else {
                    self.put(run.iter().copied());
                }
            } else {
                if length + self.column > WIDTH && self.column > self.indent {
                    self.write_indent();
                }
                self.put(run.iter().copied());
            }
        }
    }

    fn single(&mut self, text: &[char], may_split: bool) {
        self.indicator("'", true, false);
        let (mut spaces, mut breaks) = (false, false);
        let mut start = 0;
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if spaces {
                if character != Some(' ') {
                    if start + 1 == end
                        && self.column > WIDTH
                        && may_split
                        && start != 0
                        && end != text.len()
                    {
                        self.write_indent();
                    } else {
                        self.put(text[start..end].iter().copied());
                    }
                    start = end;
                }
            } else if breaks {
                if !character.is_some_and(is_break) {
                    self.breaks(&text[start..end]);
                    start = end;
                }
            } else if character.is_none_or(|character| {
                character == ' ' || character == '\'' || is_break(character)
            }) && start < end
            {
                self.put(text[start..end].iter().copied());
                start = end;
            }
            if character == Some('\'') {
                self.put("''".chars());
                start = end + 1;
            }
            if let Some(character) = character {
                spaces = character == ' ';
                breaks = is_break(character);
            }
        }
        self.indicator("'", false, false);
    }

    fn breaks(&mut self, run: &[char]) {
        if run.first() == Some(&'\n') {
            self.line_break('\n');
        }
        for character in run {
            self.line_break(*character);
        }
        self.write_indent();
    }

    fn double(&mut self, text: &[char], may_split: bool) {
        self.indicator("\"", true, false);
        let mut start = 0;
        for end in 0..=text.len() {
            let character = text.get(end).copied();
            if character.is_none_or(must_escape) {
                if start < end {
                    self.put(text[start..end].iter().copied());
                    start = end;
                }
                if let Some(character) = character {
                    self.put(escape(character).chars());
                    start = end + 1;
                }
            }
            let is_inside = 0 < end && end + 1 < text.len();
            let is_full = self.column + end > WIDTH + start;
            if is_inside && (character == Some(' ') || start >= end) && is_full && may_split {
                let needs_backslash = needs_backslash(text, start, end);
                if start < end {
                    self.put(text[start..end].iter().copied());
                    start = end;
                }
                if needs_backslash {
                    self.put("\\".chars());
                }
                self.write_indent();
                self.whitespace = false;
                self.indention = false;
                if text.get(start) == Some(&' ') {
                    if needs_backslash {
                        self.put("\\".chars());
                    } else {
                        start += 1;
                    }
                }
            }
        }
        self.indicator("\"", false, false);
    }
}

/// Whether a fold of a double-quoted text at `end` needs a backslash to read back the same.
fn needs_backslash(text: &[char], start: usize, end: usize) -> bool {
    let find = |wanted: char, from: usize, to: usize| {
        text.get(from..to)
            .and_then(|part| part.iter().position(|character| *character == wanted))
            .map(|at| at + from)
    };
    let Some(space) = find(' ', end, text.len()) else {
        return true;
    };
    let at = find('\n', end, space).unwrap_or(space);
    let Some(next) = text.get(at + 1) else {
        return true;
    };
    if text[at] == '\n' && *next != ' ' {
        return true;
    }
    let has_quote = text[end..at]
        .iter()
        .any(|character| matches!(character, '"' | '\''));
    let after_space = text
        .get(end - 1..=end)
        .is_some_and(|pair| pair == [' ', ' ']);
    has_quote || matches!(next, ' ' | '\n') || after_space || start == end
}

fn is_simple_key(key: &Value) -> bool {
    let Value::Text(text) = key else {
        return !matches!(key, Value::List(_) | Value::Map(_));
    };
    let characters: Vec<char> = text.chars().collect();
    characters.len() < LONGEST_SIMPLE_KEY && !analyze(&characters).multiline
}

fn plain(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) if value.is_nan() => ".nan".to_owned(),
        Value::Float(value) if value.is_infinite() => {
            if *value > 0.0 { ".inf" } else { "-.inf" }.to_owned()
        }
        Value::Float(value) => python_float(*value),
        Value::Null | Value::Text(_) | Value::List(_) | Value::Map(_) => String::new(),
    }
}

fn must_escape(character: char) -> bool {
    matches!(
        character,
        '"' | '\\' | '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
    ) || !is_printable(character)
}

fn escape(character: char) -> String {
    let short = match character {
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
