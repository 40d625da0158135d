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
