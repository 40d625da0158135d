//! What can go wrong in the store, sorted by what the caller must do about it.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why a unit of work gave no answer. A refusal by a rule is never one of these: that is a value in `Ok`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database cannot serve now: queue full, unreachable, locked, full, read-only, shutting down. Becomes 503; trying again later is right.
    #[error("the database is not available: {0}")]
    Unavailable(String),
    /// A unique key is taken, or the row that a foreign key names is gone. The unit must end with it: PostgreSQL runs nothing more in that transaction.
    #[error("the row conflicts with one that is there, or names one that is not")]
    Conflict,
    /// A row that this program cannot have written, or a damaged file.
    #[error("the database holds something it must not: {0}")]
    Corrupt(String),
    /// Anything else: a fault of this program.
    #[error("a database statement failed: {0}")]
    Query(String),
}

impl StoreError {
    pub(super) fn unavailable(why: impl Into<String>) -> Self {
        Self::Unavailable(why.into())
    }

    pub(super) fn corrupt(table: &str, what: impl std::fmt::Display) -> Self {
        Self::Corrupt(format!("{table}: {what}"))
    }

    /// Whether a row was wanted that somebody else held for too long.
    pub(super) fn is_of_a_held_row(&self) -> bool {
        matches!(self, Self::Unavailable(why) if why.contains("due to lock timeout"))
    }

    /// Whether the connection that gave this error is still to be trusted.
    pub(super) fn spares_connection(&self) -> bool {
        matches!(self, Self::Conflict | Self::Corrupt(_))
    }
}

/// Texts of errors that pass by themselves or by an operator's hand. SQLite never translates its messages; of PostgreSQL's
/// the common ones have a kind of their own, and every session asks for English.
const UNAVAILABLE: &[&str] = &[
    // SQLite
    "database is locked",
    "database table is locked",
    "database or disk is full",
    "attempt to write a readonly database",
    "disk I/O error",
    "unable to open database file",
    "out of memory",
    // PostgreSQL
    "canceling statement due to",
    "canceling authentication due to",
    "terminating connection",
    "the database system is",
    "deadlock detected",
    "could not serialize access",
    "read-only transaction",
    "No space left on device",
    "could not extend file",
    "too many clients",
    "remaining connection slots",
    "out of shared memory",
    "server closed the connection",
    "no connection to the server",
    "connection not open",
    "could not receive data",
    "could not send data",
    "SSL connection has been closed",
    "SSL SYSCALL error",
    "connection to server",
];

/// libpq explains itself over several lines; a log line is one.
pub(super) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

const DAMAGED: &[&str] = &["database disk image is malformed", "file is not a database", "invalid page in block", "could not read block"];

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        use DatabaseErrorKind as Kind;
        match error {
            DieselError::DatabaseError(Kind::UniqueViolation | Kind::ForeignKeyViolation, _) => Self::Conflict,
            DieselError::DatabaseError(Kind::ReadOnlyTransaction | Kind::ClosedConnection | Kind::UnableToSendCommand | Kind::SerializationFailure, info) => {
                Self::Unavailable(one_line(info.message()))
            }
            DieselError::DatabaseError(_, info) => {
                let message = one_line(info.message());
                if UNAVAILABLE.iter().any(|text| message.contains(text)) {
                    Self::Unavailable(message)
                } else if DAMAGED.iter().any(|text| message.contains(text)) {
                    Self::Corrupt(message)
                } else {
                    Self::Query(message)
                }
            }
            DieselError::DeserializationError(error) => Self::Corrupt(error.to_string()),
            DieselError::BrokenTransactionManager | DieselError::RollbackErrorOnCommit { .. } => Self::Unavailable(error.to_string()),
            other => Self::Query(other.to_string()),
        }
    }
}
