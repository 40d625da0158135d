//! A database that is locked, cut off or read-only: told soon, and served again by itself.

use super::*;

/// A database that another process keeps locked costs callers a 503, not a hang, and serves again when it is let go.
#[tokio::test]
async fn a_locked_sqlite_is_unavailable_and_recovers() {
    let database = Database::new(Backend::Sqlite);
    let store = database.open().await;
    let mut other = SqliteConnection::establish(database.url.strip_prefix("sqlite://").unwrap()).unwrap();
    other.batch_execute("BEGIN IMMEDIATE").unwrap();
    let before = Instant::now();
    assert!(matches!(store.write(|conn| store::users::insert(conn, &user("ann"))).await, Err(StoreError::Unavailable(_))));
    assert!(before.elapsed() < Duration::from_secs(20));
    other.batch_execute("ROLLBACK").unwrap();
    store.write(|conn| store::users::insert(conn, &user("ann"))).await.unwrap();
}

/// All connections of the pool are cut at once: no more than the requests under way fail, and it serves again by itself.
#[tokio::test]
async fn postgres_connections_that_are_cut_are_replaced() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    let id = w.redeem(Some("openid")).await.code.id;
    for _ in 0..8 {
        w.store.read(|conn| store::meta::get(conn, "x")).await.unwrap();
    }
    PgConnection::establish(&admin_url())
        .unwrap()
        .batch_execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.dropped.as_ref().unwrap().1))
        .unwrap();
    let first = w.store.rotate(Step { id, expected: 1, next: 2, at: now(), bind_to: None }).await;
    assert!(matches!(first, Ok(true) | Err(StoreError::Unavailable(_))), "{first:?}");
    let mut failed = 0;
    for _ in 0..20 {
        match w.store.write(|conn| store::meta::insert_once(conn, "x", "y")).await {
            Ok(_) => {}
            Err(StoreError::Unavailable(_)) => failed += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert!(failed <= 4, "{failed} of 20 failed after the cut");
    w.store.ping().await.unwrap();
}

#[tokio::test]
async fn a_read_only_postgres_is_unavailable() {
    let database = Database::new(Backend::Postgres);
    database.open().await.close().await;
    let name = &database.dropped.as_ref().unwrap().1;
    database.execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"));
    let store = database.open().await;
    assert!(matches!(store.write(|conn| store::users::insert(conn, &user("ann"))).await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}

/// A list may take long; one that does not even begin, because the server or every worker is held up, is given up as soon as anything else.
#[tokio::test]
async fn a_long_read_is_waited_for_only_once_it_has_begun() {
    let database = Database::new(Backend::Postgres);
    database.open().await.close().await;
    // One worker.
    let store = Store::open(&Options { pool_size: 2, ..Options::new(&database.url) }).await.unwrap();
    let long = store.scan(|conn| {
        diesel::sql_query("SELECT pg_sleep(2.5)").execute(conn).unwrap();
        Ok(())
    });
    let behind = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let began = Instant::now();
        (store.scan(|_| Ok(())).await, began.elapsed())
    };
    let (long, (behind, waited)) = tokio::join!(long, behind);
    long.unwrap();
    assert!(matches!(behind, Err(StoreError::Unavailable(_))), "{behind:?}");
    assert!(waited < Duration::from_secs(2), "{waited:?}");
}

/// The smallest pool: a long list and a slow write do not make the reads of every request wait.
#[tokio::test]
async fn a_small_pool_has_a_connection_for_each_thread() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    database.execute(
        "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END $$; \
         CREATE TRIGGER dawdle BEFORE UPDATE ON sessions FOR EACH ROW EXECUTE FUNCTION dawdle()",
    );
    let store = Store::open(&Options { pool_size: 2, ..Options::new(&database.url) }).await.unwrap();
    let list = store.scan(|conn| {
        diesel::sql_query("SELECT pg_sleep(2.5)").execute(conn).unwrap();
        Ok(())
    });
    let touch = store.touch(Touch { session_id: w.session.id, client_id: None, family_id: None, at: w.session.last_used_at + TimeDelta::seconds(90) });
    let asked = async {
        let mut other = PgConnection::establish(&database.url).unwrap();
        let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
        while diesel::dsl::sql::<diesel::sql_types::BigInt>(sleeping).get_result::<i64>(&mut other).unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        store.client(w.client.id.clone()).await
    };
    let (list, _, asked) = tokio::join!(list, touch, asked);
    list.unwrap();
    assert!(asked.unwrap().is_some());
}

/// A unit that swallows a conflict must not be answered as if it were committed.
#[tokio::test]
async fn a_swallowed_conflict_is_no_silent_loss_on_postgres() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    let twin = w.client.clone();
    let result = w.store.write(move |conn| {
        store::meta::insert_once(conn, "before", "1")?;
        let _ = store::clients::insert(conn, &twin);
        Ok(())
    });
    let answered = result.await;
    let there = w.store.read(|conn| store::meta::get(conn, "before")).await;
    assert_eq!(answered.is_ok(), there.unwrap().is_some(), "{answered:?}");
}
