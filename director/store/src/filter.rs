//! Statements whose conditions depend on what is asked. Values never become part of the text.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::QueryAs;
use sqlx::{Any, AssertSqlSafe, FromRow};

/// A value of a condition.
enum Value {
    Number(i64),
    Text(String),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

/// A statement that grows. The driver's own builder writes `?` for values, which PostgreSQL does not
/// know; this one numbers them, which both do.
pub(crate) struct Statement {
    text: String,
    values: Vec<Value>,
}

impl Statement {
    /// Begins with fixed text.
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            values: Vec::new(),
        }
    }

    /// Adds fixed text.
    pub(crate) fn text(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    fn value(&mut self, value: Value) {
        self.values.push(value);
        self.text.push('$');
        self.text.push_str(&self.values.len().to_string());
    }

    /// Adds fixed text and a number.
    pub(crate) fn number(&mut self, text: &'static str, value: i64) -> &mut Self {
        self.text(text).value(value.into());
        self
    }

    /// Adds ` AND column = value`.
    pub(crate) fn equal(&mut self, column: &'static str, value: &str) -> &mut Self {
        self.text(" AND ")
            .text(column)
            .text(" = ")
            .value(value.into());
        self
    }

    /// Adds ` AND column IN (values)`; nothing if there are none.
    pub(crate) fn among<'v>(
        &mut self,
        column: &'static str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> &mut Self {
        let mut values = values.into_iter();
        let Some(first) = values.next() else {
            return self;
        };
        self.text(" AND ")
            .text(column)
            .text(" IN (")
            .value(first.into());
        for value in values {
            self.text(", ").value(value.into());
        }
        self.text(")")
    }

    /// The statement with its values.
    pub(crate) fn build<O>(self) -> QueryAs<'static, Any, O, AnyArguments>
    where
        O: for<'r> FromRow<'r, AnyRow>,
    {
        let mut query = sqlx::query_as(AssertSqlSafe(self.text));
        for value in self.values {
            query = match value {
                Value::Number(number) => query.bind(number),
                Value::Text(text) => query.bind(text),
            };
        }
        query
    }
}
