//! How a text may be written: ruamel.yaml's analysis of a scalar, and its choice of style, in block context.

use super::{Value, resolve, resolve::Resolved};

/// The styles that DVC's files come out in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Single,
    Double,
}

/// What a text allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Analysis {
    pub(crate) multiline: bool,
    allow_plain: bool,
    allow_single: bool,
}

pub(crate) fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(character: char) -> bool {
    is_break(character) || matches!(character, '\0' | ' ' | '\t' | '\r')
}

/// Whether a character may stand as it is in a text (an emoji may, a control character may not).
pub(crate) fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..='\u{10ffff}')
        && character != '\u{feff}'
}

/// Analyses a text.
pub(crate) fn analyze(text: &[char]) -> Analysis {
    let (Some(first), Some(last)) = (text.first(), text.last()) else {
        return Analysis {
            multiline: false,
            allow_plain: true,
            allow_single: true,
        };
    };
    let starts_with =
        |mark: char| text.len() >= 3 && text[..3].iter().all(|character| *character == mark);
    let mut indicators = starts_with('-') || starts_with('.');
    let mut breaks = false;
    let mut special = false;
    let mut break_space = false;
    let mut space_break = false;
    let mut preceded_by_blank = true;
    let mut previous = None;
    for (index, &character) in text.iter().enumerate() {
        let followed_by_blank = text.get(index + 1).is_none_or(|next| is_blank(*next));
        if index == 0 {
            indicators |= "#,[]{}&*!|>'\"%@`".contains(character)
                || ("?:-".contains(character) && followed_by_blank);
        } else {
            indicators |=
                (character == ':' && followed_by_blank) || (character == '#' && preceded_by_blank);
        }
        breaks |= is_break(character);
        special |= !(character == '\n' || character == '\u{85}' || is_printable(character));
        let previous_is_break = previous.is_some_and(is_break);
        break_space |= character == ' ' && previous_is_break;
        space_break |= is_break(character) && previous == Some(' ');
        preceded_by_blank = is_blank(character);
        previous = Some(character);
    }
    let at_edge = |character: char| character == ' ' || is_break(character);
    Analysis {
        multiline: breaks,
        allow_plain: !(at_edge(*first)
            || at_edge(*last)
            || break_space
            || space_break
            || special
            || breaks
            || indicators),
        allow_single: !(break_space || space_break || special),
    }
}

/// The style of a text value, as a key or as a value.
pub(crate) fn style(text: &str, analysis: Analysis, is_key: bool) -> Style {
    let reads_back_as_text = matches!(resolve(text), Resolved::Value(Value::Text(_)));
    if reads_back_as_text
        && !(is_key && (text.is_empty() || analysis.multiline))
        && analysis.allow_plain
    {
        return Style::Plain;
    }
    if text.contains(['\'', '\n']) {
        return Style::Double;
    }
    if analysis.allow_single && !(is_key && analysis.multiline) {
        Style::Single
    } else {
        Style::Double
    }
}
