//! One connection type over both databases. The backend is chosen by the URL's scheme, never by trial.

use diesel::prelude::*;

/// A connection to either database: what every function of the tables takes first.
///
/// The statements are written once, in diesel's DSL, and this type renders them for its database; where the two differ,
/// a function matches on it. (Seen from outside it is called `store::Connection`.)
#[derive(diesel::MultiConnection)]
pub enum AnyConnection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Runs the expression on the connection as what it is. For the statements of every request: through [`AnyConnection`] diesel builds
/// the text of a statement twice at each call, though it is prepared already; on a connection of one database it does not.
macro_rules! on_each {
    ($conn:ident, $run:expr) => {
        match $conn {
            $crate::store::connection::AnyConnection::Sqlite($conn) => $run,
            $crate::store::connection::AnyConnection::Postgres($conn) => $run,
        }
    };
}
pub(super) use on_each;
