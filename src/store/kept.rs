//! Statements that stay prepared on their connection.
//!
//! diesel keeps what its DSL selects and inserts, but prepares every UPDATE and every piece of raw SQL anew at each call: the columns
//! that an UPDATE sets, and any raw text, could be others each time. Here they are the same each time, and parsing one costs more
//! than running it: some 15 µs in SQLite, a round trip in PostgreSQL. A kept statement is found again by its text.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::HasSqlType;

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
