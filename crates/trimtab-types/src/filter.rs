//! The search grammar that tracking, registry and traces share: comparisons joined by AND, and order clauses.
//!
//! It is MLflow's: `entity.key OP value`, keys in backticks or quotes where they hold odd characters, strings in quotes,
//! `IN ('a', 'b')`, `IS [NOT] NULL`; no OR, no parentheses. Which entities, keys and operators mean something is for
//! the service that asks.

use std::fmt;

/// How much text a filter may have; what is longer is a mistake or an attack.
const TEXT: usize = 65_536;
/// How many comparisons a filter may have; each is an index probe per candidate row.
const COMPARISONS: usize = 128;
/// How many bytes a `LIKE` pattern may have; the databases refuse longer ones each in its own way.
const PATTERN: usize = 8_192;
/// How many items a list may have.
const LIST: usize = 4_096;

/// One comparison of a filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What is compared.
    pub field: Field,
    /// How.
    pub operator: Operator,
    /// With what.
    pub value: Literal,
}

/// `entity.key`, or a bare `key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What stands before the first dot, as written; `None` for a bare key.
    pub entity: Option<String>,
    /// The key, without its quotes.
    pub key: String,
}

impl fmt::Display for Field {
    /// As a filter spells it, with quotes where they are needed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entity) = &self.entity {
            part(f, entity, false)?;
            f.write_str(".")?;
        }
        part(f, &self.key, self.entity.is_some())
    }
}

fn part(f: &mut fmt::Formatter<'_>, text: &str, allow_dots: bool) -> fmt::Result {
    let is_plain = |c: char| is_bare(c) || (allow_dots && c == '.');
    // A bare `and` would join.
    let is_word = !allow_dots && text.eq_ignore_ascii_case("AND");
    if !text.is_empty() && !is_word && text.chars().all(is_plain) {
        return f.write_str(text);
    }
    // No key has every quote in it: it was read between some.
    let quote = ['`', '"', '\'']
        .into_iter()
        .find(|quote| !text.contains(*quote))
        .unwrap_or('`');
    write!(f, "{quote}{text}{quote}")
}

impl fmt::Display for Comparison {
    /// As a filter spells it: what is printed reads as the same comparison.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.operator.as_str())?;
        match &self.value {
            Literal::Nothing => Ok(()),
            Literal::Number(number) => write!(f, " {number}"),
            Literal::Text(text) => {
                f.write_str(" ")?;
                quoted(f, text)
            }
            Literal::List(items) => {
                f.write_str(" (")?;
                for (i, item) in items.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    quoted(f, item)?;
                }
                f.write_str(")")
            }
        }
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    write!(f, "{quote}{text}{quote}")
}

/// The text of a filter: what [`parse_filter`] reads as these comparisons.
pub fn print_filter(comparisons: &[Comparison]) -> String {
    let parts: Vec<String> = comparisons.iter().map(ToString::to_string).collect();
    parts.join(" AND ")
}

impl fmt::Display for Ordering {
    /// As an order clause spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.is_ascending { "ASC" } else { "DESC" };
        write!(f, "{} {word}", self.field)
    }
}

/// The operator of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what its spelling says")]
pub enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Like,
    ILike,
    In,
    NotIn,
    IsNull,
    IsNotNull,
}

impl Operator {
    /// The spelling in filters, and in SQL but for `ILIKE`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Like => "LIKE",
            Self::ILike => "ILIKE",
            Self::In => "IN",
            Self::NotIn => "NOT IN",
            Self::IsNull => "IS NULL",
            Self::IsNotNull => "IS NOT NULL",
        }
    }

    /// Whether it orders numbers (`= != < <= > >=`).
    pub fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Equal
                | Self::NotEqual
                | Self::Less
                | Self::LessOrEqual
                | Self::Greater
                | Self::GreaterOrEqual
        )
    }

    /// Whether it compares one text (`= != LIKE ILIKE`).
    pub fn is_textual(self) -> bool {
        matches!(
            self,
            Self::Equal | Self::NotEqual | Self::Like | Self::ILike
        )
    }

    /// Whether its right side is a list.
    pub fn takes_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }
}

/// The right side of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// Nothing (`IS NULL`, `IS NOT NULL`).
    Nothing,
    /// A number, as written.
    Number(String),
    /// A quoted text, without its quotes.
    Text(String),
    /// A list of quoted texts.
    List(Vec<String>),
}

/// One clause of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordering {
    /// What is ordered by.
    pub field: Field,
    /// Upwards, which is also what no word means.
    pub is_ascending: bool,
}

/// The text is not in the grammar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// More text or comparisons than any honest search has.
    #[error(
        "the filter is too long: at most {COMPARISONS} comparisons, {LIST} items in a list, {PATTERN} bytes in a pattern, {TEXT} bytes in all"
    )]
    TooLong,
    /// A part of the filter is not a comparison.
    #[error("Invalid clause(s) in filter string: '{clause}' ({expected})")]
    Clause {
        /// The part, cut to a readable length.
        clause: String,
        /// What would be right there.
        expected: &'static str,
    },
    /// An order clause is not `field [ASC|DESC]`.
    #[error("Invalid order_by clause '{0}'. Could not be parsed.")]
    Order(String),
}

/// Reads a filter; blank text is no comparison.
pub fn parse_filter(text: &str) -> Result<Vec<Comparison>, FilterError> {
    if text.len() > TEXT {
        return Err(FilterError::TooLong);
    }
    if text.contains('\0') {
        return Err(FilterError::Clause {
            clause: gist(text),
            expected: "expected no NUL character",
        });
    }
    let mut reader = Reader { rest: text };
    let mut comparisons = Vec::new();
    loop {
        // As MLflow reads it: an AND may be missing, or stand where nothing follows.
        while reader.take_word("AND") {}
        reader.skip_space();
        if reader.rest.is_empty() {
            return Ok(comparisons);
        }
        let comparison = reader.comparison()?;
        let is_long = match &comparison.value {
            Literal::Text(pattern) => pattern.len() > PATTERN && !comparison.operator.is_numeric(),
            Literal::List(items) => items.len() > LIST,
            Literal::Nothing | Literal::Number(_) => false,
        };
        if is_long || comparisons.len() == COMPARISONS {
            return Err(FilterError::TooLong);
        }
        comparisons.push(comparison);
    }
}

/// Reads one order clause: `field`, `field ASC`, `field DESC`.
pub fn parse_order(text: &str) -> Result<Ordering, FilterError> {
    let error = || FilterError::Order(gist(text));
    if text.len() > TEXT {
        return Err(FilterError::TooLong);
    }
    let mut reader = Reader { rest: text };
    let field = reader.field().map_err(|_| error())?;
    let is_ascending = !reader.take_word("DESC");
    if is_ascending {
        reader.take_word("ASC");
    }
    reader.skip_space();
    if reader.rest.is_empty() {
        Ok(Ordering {
            field,
            is_ascending,
        })
    } else {
        Err(error())
    }
}

fn gist(text: &str) -> String {
    let mut gist: String = text.chars().take(60).collect();
    if gist.len() < text.len() {
        gist.push('…');
    }
    gist
}

struct Reader<'t> {
    rest: &'t str,
}

fn is_bare(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '$' | '@')
}

impl Reader<'_> {
    fn error(&self, expected: &'static str) -> FilterError {
        FilterError::Clause {
            clause: gist(self.rest),
            expected,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes a keyword in any case, when it stands alone.
    fn take_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let Some(head) = self.rest.get(..word.len()) else {
            return false;
        };
        let rest = &self.rest[word.len()..];
        let ends = !rest.starts_with(|c: char| is_bare(c) || c == '.');
        if head.eq_ignore_ascii_case(word) && ends {
            self.rest = rest;
            true
        } else {
            false
        }
    }

    /// Takes a text in one of these quotes.
    fn quoted(&mut self, quotes: &[char]) -> Option<String> {
        let quote = self.rest.chars().next().filter(|c| quotes.contains(c))?;
        let inner = &self.rest[quote.len_utf8()..];
        let end = inner.find(quote)?;
        let text = inner[..end].to_owned();
        self.rest = &inner[end + quote.len_utf8()..];
        Some(text)
    }

    fn part(&mut self, allow_dots: bool) -> Option<String> {
        // A key after a dot may stand in single quotes too, as MLflow reads it.
        let quotes: &[char] = if allow_dots {
            &['`', '"', '\'']
        } else {
            &['`', '"']
        };
        if let Some(text) = self.quoted(quotes) {
            return Some(text);
        }
        let end = self
            .rest
            .find(|c: char| !(is_bare(c) || (allow_dots && c == '.')))
            .unwrap_or(self.rest.len());
        if end == 0 {
            return None;
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(text.to_owned())
    }

    fn field(&mut self) -> Result<Field, FilterError> {
        const EXPECTED: &str = "expected a field such as metrics.accuracy";
        self.skip_space();
        let first = self.part(false).ok_or_else(|| self.error(EXPECTED))?;
        if !self.take(".") {
            return Ok(Field {
                entity: None,
                key: first,
            });
        }
        let key = self.part(true).ok_or_else(|| self.error(EXPECTED))?;
        Ok(Field {
            entity: Some(first),
            key,
        })
    }

    fn operator(&mut self) -> Result<Operator, FilterError> {
        self.skip_space();
        let signs = [
            ("!=", Operator::NotEqual),
            ("<>", Operator::NotEqual),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("=", Operator::Equal),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        for (sign, operator) in signs {
            if self.take(sign) {
                return Ok(operator);
            }
        }
        for (word, operator) in [
            ("LIKE", Operator::Like),
            ("ILIKE", Operator::ILike),
            ("IN", Operator::In),
        ] {
            if self.take_word(word) {
                return Ok(operator);
            }
        }
        if self.take_word("NOT") {
            if self.take_word("IN") {
                return Ok(Operator::NotIn);
            }
            return Err(self.error("expected IN after NOT"));
        }
        if self.take_word("IS") {
            let is_negated = self.take_word("NOT");
            if self.take_word("NULL") {
                return Ok(if is_negated {
                    Operator::IsNotNull
                } else {
                    Operator::IsNull
                });
            }
            return Err(self.error("expected NULL or NOT NULL after IS"));
        }
        Err(self.error("expected a comparator"))
    }

    fn number(&mut self) -> Option<String> {
        let end = self
            .rest
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-')))
            .unwrap_or(self.rest.len());
        let text = &self.rest[..end];
        let begins = text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+'));
        if !begins
            || text
                .bytes()
                .any(|b| b.is_ascii_alphabetic() && !matches!(b, b'e' | b'E'))
        {
            return None;
        }
        text.parse::<f64>().ok()?;
        let text = text.to_owned();
        self.rest = &self.rest[end..];
        Some(text)
    }

    fn list(&mut self) -> Result<Vec<String>, FilterError> {
        const EXPECTED: &str = "expected a list of quoted texts such as ('a', 'b')";
        if !self.take("(") {
            return Err(self.error(EXPECTED));
        }
        let mut items = Vec::new();
        loop {
            self.skip_space();
            if !items.is_empty() && self.take(")") {
                return Ok(items);
            }
            let item = self
                .quoted(&['\'', '"'])
                .ok_or_else(|| self.error(EXPECTED))?;
            items.push(item);
            self.skip_space();
            if self.take(")") {
                return Ok(items);
            }
            if !self.take(",") {
                return Err(self.error(EXPECTED));
            }
        }
    }

    fn comparison(&mut self) -> Result<Comparison, FilterError> {
        let field = self.field()?;
        let operator = self.operator()?;
        self.skip_space();
        let value = if matches!(operator, Operator::IsNull | Operator::IsNotNull) {
            Literal::Nothing
        } else if operator.takes_list() {
            Literal::List(self.list()?)
        } else if let Some(text) = self.quoted(&['\'', '"']) {
            Literal::Text(text)
        } else if let Some(number) = self.number() {
            Literal::Number(number)
        } else {
            return Err(self.error("expected a number or a quoted text"));
        };
        Ok(Comparison {
            field,
            operator,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        match parse_filter(text) {
            Ok(comparisons) => comparisons
                .iter()
                .map(|c| format!("{}|{}|{:?}", c.field, c.operator.as_str(), c.value))
                .collect::<Vec<_>>()
                .join(" & "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn filters_are_read() {
        for (text, expected) in [
            ("", ""),
            ("  ", ""),
            ("metrics.acc > 0.5", r#"metrics.acc|>|Number("0.5")"#),
            ("metrics.acc>=-1e-3", r#"metrics.acc|>=|Number("-1e-3")"#),
            ("params.`a b` = 'x'", r#"params.`a b`|=|Text("x")"#),
            (r#"tags."a.b c" != "x y""#, r#"tags.`a.b c`|!=|Text("x y")"#),
            (
                "tags.mlflow.source.name ilike '%x%'",
                r#"tags.mlflow.source.name|ILIKE|Text("%x%")"#,
            ),
            ("run_id in ('a', \"b\")", r#"run_id|IN|List(["a", "b"])"#),
            (
                "attributes.run_id NOT IN ('a',)",
                r#"attributes.run_id|NOT IN|List(["a"])"#,
            ),
            (
                "tags.x IS NULL and params.y is not null",
                "tags.x|IS NULL|Nothing & params.y|IS NOT NULL|Nothing",
            ),
            (
                "`Run name` = 'a' AND metrics.in = 1",
                r#"`Run name`|=|Text("a") & metrics.in|=|Number("1")"#,
            ),
            ("name = 'ANDy AND b'", r#"name|=|Text("ANDy AND b")"#),
            (
                "and metrics.'a b' > 1 metrics.c < 2 AND",
                r#"metrics.`a b`|>|Number("1") & metrics.c|<|Number("2")"#,
            ),
        ] {
            assert_eq!(show(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_by_its_part() {
        for (text, part) in [
            ("metrics.a > 1 OR metrics.b > 1", "expected a comparator"),
            ("metrics.a", "expected a comparator"),
            ("metrics.a > x", "expected a number"),
            ("metrics.a > 'x", "expected a number"),
            ("(metrics.a > 1)", "expected a field"),
            ("run_id IN 'a'", "expected a list"),
            ("run_id IN ()", "expected a list"),
            ("tags.x IS 1", "expected NULL"),
            ("metrics.a > 1; DROP TABLE x", "expected a field"),
        ] {
            assert!(show(text).contains(part), "{text}: {}", show(text));
        }
        let long = vec!["metrics.a > 1"; 129].join(" AND ");
        assert_eq!(parse_filter(&long), Err(FilterError::TooLong));
        assert_eq!(parse_filter(&" ".repeat(70_000)), Err(FilterError::TooLong));
    }

    /// Parts that are nearly filters, and what is not at all.
    fn nearly() -> impl proptest::strategy::Strategy<Value = String> {
        use proptest::prelude::*;
        let key = "(metrics|params|tags|attributes)?\\.?([a-zé_:/.-]{0,5}|`[^`]{0,5}`|\"[^\"]{0,5}\"|'[^']{0,5}')";
        let operator = "( ?(=|!=|<>|<|<=|>|>=) ?| (not )?(like|ILIKE|IN|In) | IS (NOT )?null| )";
        let value = "(-?[0-9.e+-]{0,6}|'[^']{0,6}'|\"[^\"]{0,6}\"|\\(('[^']{0,3}',? ?){0,3}\\)|)";
        let comparison = (key, operator, value).prop_map(|(k, o, v)| format!("{k}{o}{v}"));
        prop_oneof![
            6 => proptest::collection::vec(comparison, 1..4).prop_map(|parts| parts.join(" AND ")),
            1 => "\\PC{0,40}",
            1 => any::<String>(),
        ]
    }

    proptest::proptest! {
        #[test]
        fn what_is_read_and_printed_reads_the_same(text in nearly()) {
            if let Ok(comparisons) = parse_filter(&text) {
                let printed = print_filter(&comparisons);
                proptest::prop_assert_eq!(parse_filter(&printed), Ok(comparisons), "{}", printed);
            }
            if let Ok(order) = parse_order(&text) {
                let printed = order.to_string();
                proptest::prop_assert_eq!(parse_order(&printed), Ok(order), "{}", printed);
            }
        }
    }

    #[test]
    fn deep_and_long_texts_end_at_once() {
        for text in [
            "(".repeat(60_000),
            "metrics.a > ".repeat(5_000),
            "a`".repeat(30_000),
        ] {
            assert!(parse_filter(&text).is_err());
            assert!(parse_order(&text).is_err());
        }
        let most = vec!["metrics.a > 1"; 500].join(" AND ");
        assert_eq!(parse_filter(&most), Err(FilterError::TooLong));
        let pattern = format!("params.a LIKE '{}'", "%a".repeat(4_097));
        assert_eq!(parse_filter(&pattern), Err(FilterError::TooLong));
    }

    #[test]
    fn orders_are_read() {
        for (text, key, is_ascending) in [
            ("metrics.acc DESC", "metrics.acc", false),
            ("metrics.`a b` asc", "metrics.`a b`", true),
            ("start_time", "start_time", true),
            (
                "attribute.\"start time\"  desc ",
                "attribute.`start time`",
                false,
            ),
        ] {
            let order = parse_order(text).unwrap();
            assert_eq!(
                (order.field.to_string().as_str(), order.is_ascending),
                (key, is_ascending)
            );
        }
        for bad in ["", "a b", "a DESC b", "a ASC DESC", "metrics. DESC", "`a"] {
            assert!(parse_order(bad).is_err(), "{bad}");
        }
    }
}
