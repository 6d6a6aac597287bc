//! Building a query from parts: conditions with bound values, and keyset paging over any mixed order.

use serde::{Deserialize, Serialize};
use trimtab_types::{
    PageToken, PageTokenError,
    filter::{Literal, Operator},
};

use crate::{DbError, Row, Value, value::decode};

/// A statement under construction; values are only ever bound.
#[derive(Debug, Clone, Default)]
pub struct Query {
    sql: String,
    params: Vec<Value>,
}

impl Query {
    /// Begins with this text.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            params: Vec::new(),
        }
    }

    /// Appends text, which must come from the program, never from a caller.
    pub fn push(&mut self, sql: &str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    /// Appends a placeholder for this value.
    pub fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.params.push(value.into());
        self.sql.push('?');
        self.sql.push_str(&self.params.len().to_string());
        self
    }

    /// Appends `(?1, ?2, …)`; of no values `(NULL)`, which contains nothing.
    pub fn bind_list<V: Into<Value>>(&mut self, values: impl IntoIterator<Item = V>) -> &mut Self {
        self.push("(");
        let mut is_first = true;
        for value in values {
            if !is_first {
                self.push(", ");
            }
            is_first = false;
            self.bind(value);
        }
        self.push(if is_first { "NULL)" } else { ")" })
    }

    /// Appends a comparison of a text column; `LIKE` is case-sensitive, `ILIKE` ignores the case of ASCII letters, and
    /// a backslash in a pattern means itself. Answers whether operator and value fit together.
    pub fn text(&mut self, column: &str, operator: Operator, value: &Literal) -> bool {
        match (operator, value) {
            (Operator::Equal | Operator::NotEqual, Literal::Text(text)) => {
                let sign = if operator == Operator::Equal {
                    "="
                } else {
                    "<>"
                };
                self.push(column).push(" ").push(sign).push(" ").bind(text);
            }
            (Operator::Like, Literal::Text(text)) => {
                self.push(column)
                    .push(" LIKE ")
                    .bind(text.replace('\\', "\\\\"));
                self.push(" ESCAPE '\\'");
            }
            (Operator::ILike, Literal::Text(text)) => {
                let pattern = text.replace('\\', "\\\\").to_ascii_lowercase();
                self.push("lower(")
                    .push(column)
                    .push(") LIKE ")
                    .bind(pattern);
                self.push(" ESCAPE '\\'");
            }
            (Operator::In | Operator::NotIn, Literal::List(items)) => {
                let word = if operator == Operator::In {
                    " IN "
                } else {
                    " NOT IN "
                };
                self.push(column).push(word).bind_list(items);
            }
            _ => return false,
        }
        true
    }

    /// Appends the condition that a row comes after the key of a page token.
    pub fn after(&mut self, columns: &[SortColumn], key: &[Value]) -> &mut Self {
        self.push("(");
        for (depth, (column, value)) in columns.iter().zip(key).enumerate() {
            if depth > 0 {
                self.push(" OR ");
            }
            self.push("(");
            for (equal, value) in columns.iter().zip(key).take(depth) {
                self.push(&equal.expression).push(" = ").bind(value.clone());
                self.push(" AND ");
            }
            let sign = if column.is_ascending { " > " } else { " < " };
            self.push(&column.expression).push(sign).bind(value.clone());
            self.push(")");
        }
        self.push(")")
    }

    /// Appends `ORDER BY` these columns, which hold no NULL.
    pub fn order_by(&mut self, columns: &[SortColumn]) -> &mut Self {
        self.push(" ORDER BY ");
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                self.push(", ");
            }
            let word = if column.is_ascending { " ASC" } else { " DESC" };
            self.push(&column.expression).push(word);
        }
        self
    }

    /// The text.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The values.
    pub fn params(&self) -> &[Value] {
        &self.params
    }
}

/// What a sort column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortKind {
    /// Integers and times.
    Int,
    /// Doubles.
    Real,
    /// Text.
    Text,
}

/// One column of an order; the expression must never be NULL, and all columns together must be unique.
#[derive(Debug, Clone)]
pub struct SortColumn {
    /// SQL expression.
    pub expression: String,
    /// What it holds.
    pub kind: SortKind,
    /// Upwards.
    pub is_ascending: bool,
}

#[derive(Serialize, Deserialize)]
enum Part {
    I(i64),
    R(f64),
    T(String),
}

/// The token of a page that ended with a row whose sort columns stand from `first` on.
pub fn token_after(columns: &[SortColumn], row: &Row, first: usize) -> Result<PageToken, DbError> {
    token_of(columns, row.0.get(first..).unwrap_or_default())
}

/// The token of a page that ended at these values of the sort columns.
pub fn token_of(columns: &[SortColumn], values: &[Value]) -> Result<PageToken, DbError> {
    let parts = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            Ok(match column.kind {
                SortKind::Int => Part::I(decode(values, i)?),
                SortKind::Real => Part::R(decode(values, i)?),
                SortKind::Text => Part::T(decode(values, i)?),
            })
        })
        .collect::<Result<Vec<Part>, DbError>>()?;
    Ok(PageToken::encode(&parts))
}

/// The key of a caller's token, when it fits this order.
pub fn token_key(columns: &[SortColumn], token: &str) -> Result<Vec<Value>, PageTokenError> {
    let parts: Vec<Part> = PageToken::decode(token)?;
    if parts.len() != columns.len() {
        return Err(PageTokenError);
    }
    parts
        .into_iter()
        .zip(columns)
        .map(|(part, column)| match (part, column.kind) {
            (Part::I(value), SortKind::Int) => Ok(Value::Int(value)),
            (Part::R(value), SortKind::Real) => Ok(Value::Real(value)),
            (Part::T(value), SortKind::Text) if !value.contains('\0') => Ok(Value::Text(value)),
            _ => Err(PageTokenError),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_bind_their_values() {
        let mut query = Query::new("SELECT 1 FROM t WHERE ");
        assert!(query.text("a", Operator::ILike, &Literal::Text("X\\%".to_owned())));
        query.push(" AND ");
        assert!(query.text("b", Operator::In, &Literal::List(vec!["x".to_owned()])));
        assert!(!query.text("b", Operator::Less, &Literal::Text("x".to_owned())));
        assert_eq!(
            query.sql(),
            r"SELECT 1 FROM t WHERE lower(a) LIKE ?1 ESCAPE '\' AND b IN (?2)"
        );
        assert_eq!(query.params()[0], Value::Text(r"x\\%".to_owned()));
    }

    #[test]
    fn a_key_is_compared_column_by_column() {
        let column = |expression: &str, is_ascending| SortColumn {
            expression: expression.to_owned(),
            kind: SortKind::Int,
            is_ascending,
        };
        let columns = [column("a", true), column("b", false)];
        let mut query = Query::default();
        query
            .after(&columns, &[Value::Int(1), Value::Int(2)])
            .order_by(&columns);
        assert_eq!(
            query.sql(),
            "((a > ?1) OR (a = ?2 AND b < ?3)) ORDER BY a ASC, b DESC"
        );
        let token = PageToken::encode(&[Part::I(1), Part::T("x".to_owned())]);
        assert!(token_key(&columns, token.as_str()).is_err());
    }
}
