//! Statements that stay prepared on their connection.
//!
//! diesel keeps what its DSL selects and inserts, but prepares every UPDATE and every piece of raw SQL anew at each call: the columns
//! that an UPDATE sets, and any raw text, could be others each time. Here they are the same each time, and parsing one costs more
//! than running it: some 15 µs in SQLite, a round trip in PostgreSQL. A kept statement is found again by its text.
//!
//! And whatever the DSL says is walked through three times at each call, column by column, though the statement is prepared: once to put it
//! together, once to ask whether it may be kept, once to find its values. For a join of five tables that was a fifth of all that silent
//! authentication does. Most of SQLite's statements of every request are therefore [`Written`]: the DSL says them once, for their text.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Binary, HasSqlType, Nullable, Text};
use diesel::sqlite::Sqlite;

/// A query that is loaded. (Not for `execute`, which hands diesel a reference, and that forgets what is said here.)
pub(super) struct Kept<Q>(pub(super) Q);

impl<Q: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Kept<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _: &DB) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Kept<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q: Query> Query for Kept<Q> {
    type SqlType = Q::SqlType;
}

impl<Q, Conn> RunQueryDsl<Conn> for Kept<Q> {}

/// A statement that is executed, written piece by piece: text that never changes, and values to bind.
pub(super) struct Statement<Before, Piece>(Before, Piece);

pub(super) struct Bound<T, U>(U, PhantomData<T>);

/// Begins a statement.
pub(super) fn statement(text: &'static str) -> Statement<(), &'static str> {
    Statement((), text)
}

impl<Before, Piece> Statement<Before, Piece> {
    pub(super) fn sql(self, text: &'static str) -> Statement<Self, &'static str> {
        Statement(self, text)
    }

    pub(super) fn bind<T, U>(self, value: U) -> Statement<Self, Bound<T, U>> {
        Statement(self, Bound(value, PhantomData))
    }
}

impl<Before: QueryFragment<DB>, DB: Backend> QueryFragment<DB> for Statement<Before, &'static str> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        out.push_sql(self.1);
        Ok(())
    }
}

impl<Before: QueryFragment<DB>, T, U: ToSql<T, DB>, DB: Backend + HasSqlType<T>> QueryFragment<DB> for Statement<Before, Bound<T, U>> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        self.0.walk_ast(out.reborrow())?;
        let Bound(value, _) = &self.1;
        out.push_bind_param::<T, U>(value)
    }
}

impl<Before, Piece> QueryId for Statement<Before, Piece> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Before, Piece, Conn> RunQueryDsl<Conn> for Statement<Before, Piece> {}

/// A query of SQLite's whose text is made once, from what the DSL says ([`written!`]).
pub(super) trait Wording: 'static {
    /// The columns of the answer.
    type SqlType;

    /// The text, cut where a value goes.
    fn pieces() -> &'static [String];
}

/// Such a query, with its values in the order of the text: those of what is selected, of each join's condition, of the filter. Nothing but the
/// tests of the function that hands them over holds that order. (It may be executed too: it is found by its type, also through a reference.)
pub(super) struct Written<'a, W, const N: usize>([Value<'a>; N], PhantomData<W>);

pub(super) enum Value<'a> {
    Integer(i64),
    Text(&'a str),
    Blob(&'a [u8]),
    Null,
}

impl<'a> Value<'a> {
    /// The value, or NULL.
    pub(super) fn or_null<T>(value: Option<T>, of: impl FnOnce(T) -> Self) -> Self {
        value.map_or(Self::Null, of)
    }
}

/// `W` with these values.
pub(super) const fn with<W: Wording, const N: usize>(values: [Value<'_>; N]) -> Written<'_, W, N> {
    Written(values, PhantomData)
}

/// Says a query for [`with`]: its name, the columns of its answer, and how the DSL says it, with any values. Or what has no answer, as SQLite's
/// own text.
macro_rules! written {
    ($name:ident = $text:expr) => {
        struct $name;

        impl $crate::store::kept::Wording for $name {
            type SqlType = ();

            fn pieces() -> &'static [String] {
                static PIECES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| $crate::store::kept::cut(&$text));
                &PIECES
            }
        }
    };
    ($name:ident: $sql_type:ty = $query:expr) => {
        struct $name;

        impl $crate::store::kept::Wording for $name {
            type SqlType = $sql_type;

            fn pieces() -> &'static [String] {
                static PIECES: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| $crate::store::kept::pieces::<$name, _>(&$query));
                &PIECES
            }
        }
    };
}
pub(super) use written;

/// What [`written!`] makes of a query; it has the columns that are claimed, or does not compile.
pub(super) fn pieces<W: Wording, Q: Query<SqlType = W::SqlType> + QueryFragment<Sqlite>>(query: &Q) -> Vec<String> {
    let text = diesel::debug_query::<Sqlite, _>(query).to_string();
    // diesel writes the values behind the text.
    let sql = text.split_once(" -- binds: ").map_or(text.as_str(), |(sql, _)| sql);
    cut(sql)
}

/// A text without a `?` of its own.
pub(super) fn cut(sql: &str) -> Vec<String> {
    sql.split('?').map(str::to_owned).collect()
}

impl<W: Wording, const N: usize> QueryFragment<Sqlite> for Written<'_, W, N> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        let Some((first, rest)) = W::pieces().split_first().filter(|(_, rest)| rest.len() == N) else {
            return Err(Error::QueryBuilderError("a query has another number of values than its text".into()));
        };
        out.push_sql(first);
        for (value, piece) in self.0.iter().zip(rest) {
            match value {
                Value::Integer(value) => out.push_bind_param::<BigInt, _>(value)?,
                Value::Text(value) => out.push_bind_param::<Text, _>(value)?,
                Value::Blob(value) => out.push_bind_param::<Binary, _>(value)?,
                Value::Null => out.push_bind_param::<Nullable<BigInt>, _>(&None::<i64>)?,
            }
            out.push_sql(piece);
        }
        Ok(())
    }

    fn is_safe_to_cache_prepared(&self, _: &Sqlite) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<W: Wording, const N: usize> QueryId for Written<'_, W, N> {
    type QueryId = Written<'static, W, N>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<W: Wording, const N: usize> Query for Written<'_, W, N> {
    type SqlType = W::SqlType;
}

impl<W, const N: usize> RunQueryDsl<SqliteConnection> for Written<'_, W, N> {}
