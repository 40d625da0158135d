//! On which thread, in which transaction, and with what patience units of work run. One form for each database.

mod batch;
mod checkpoint;
mod gather;
mod held;
mod postgres;
mod queue;
mod sqlite;
mod unit;

use super::Options;
use super::clients::{self, MarkedClient};
use super::connection::AnyConnection as Connection;
use super::error::StoreError;
use super::location::Location;
use super::migrate::OpenError;
use super::redeemed_codes::{self, Redemption};
use super::refresh_families::{self, FamilyFacts, Step};
use super::sessions::{self, Touch};
use crate::domain::id::{ClientId, GrantId};

pub(super) enum Executor {
    Sqlite(sqlite::Executor),
    Postgres(postgres::Executor),
}

impl Executor {
    pub(super) fn start(location: &Location, options: &Options) -> Result<Self, OpenError> {
        match location {
            Location::Sqlite(path) => sqlite::Executor::start(path, options).map(Self::Sqlite),
            Location::Postgres(url) => postgres::Executor::start(url, options).map(Self::Postgres),
        }
    }

    pub(super) async fn read<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.read(f),
            Self::Postgres(executor) => executor.read(f).await,
        }
    }

    pub(super) async fn scan<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.scan(f).await,
            Self::Postgres(executor) => executor.scan(f).await,
        }
    }

    pub(super) async fn survey<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.survey(f).await,
            Self::Postgres(executor) => executor.survey(f).await,
        }
    }

    pub(super) async fn write<T: Send + 'static>(&self, f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.write(unit::Atomicity::Savepoint, f).await,
            Self::Postgres(executor) => executor.write(f).await,
        }
    }

    pub(super) async fn write_at_length<T: Send + 'static>(
        &self,
        f: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self {
            // Its statements have no limit.
            Self::Sqlite(executor) => executor.write(unit::Atomicity::Savepoint, f).await,
            Self::Postgres(executor) => executor.write_at_length(f).await,
        }
    }

    pub(super) async fn client(&self, id: ClientId) -> Result<Option<MarkedClient>, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.read(|conn| clients::marked(conn, &id)),
            Self::Postgres(executor) => executor.client(id).await,
        }
    }

    pub(super) async fn family(&self, id: GrantId) -> Result<Option<FamilyFacts>, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.read(|conn| refresh_families::facts(conn, id)),
            Self::Postgres(executor) => executor.family(id).await,
        }
    }

    pub(super) async fn rotate(&self, step: Step) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.write(unit::Atomicity::OneStatement, move |conn| refresh_families::rotate(conn, &step)).await,
            Self::Postgres(executor) => executor.rotate(step).await,
        }
    }

    pub(super) async fn redeem(&self, redemption: Redemption) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(executor) => executor.write(unit::Atomicity::Savepoint, move |conn| redeemed_codes::redeem(conn, &redemption)).await,
            Self::Postgres(executor) => executor.redeem(redemption).await,
        }
    }

    pub(super) async fn touch(&self, touch: Touch) -> Result<(), StoreError> {
        match self {
            // Two statements, of which either may stand without the other.
            Self::Sqlite(executor) => executor.write(unit::Atomicity::OneStatement, move |conn| sessions::touch(conn, &touch)).await,
            Self::Postgres(executor) => executor.touch(touch).await,
        }
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(executor) => executor.ping().await,
            Self::Postgres(executor) => executor.ping().await,
        }
    }

    pub(super) const fn backend(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        }
    }

    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(executor) => executor.close().await,
            Self::Postgres(executor) => executor.close().await,
        }
    }
}
