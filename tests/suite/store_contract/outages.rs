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
    // Two workers, and both are busy.
    let store = Store::open(&Options { pool_size: 2, ..Options::new(&database.url) }).await.unwrap();
    let sleep = || {
        store.scan(|conn| {
            diesel::sql_query("SELECT pg_sleep(2.5)").execute(conn).unwrap();
            Ok(())
        })
    };
    let long = async { tokio::try_join!(sleep(), sleep()) };
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

/// Ending or deleting something with very much below it is not broken off: it would never be done.
#[tokio::test]
async fn a_long_write_is_given_its_time() {
    let database = Database::new(Backend::Postgres);
    let store = database.open().await;
    let long = |key: &'static str| {
        move |conn: &mut store::Connection| {
            diesel::sql_query("SELECT pg_sleep(2.5)").execute(conn)?;
            store::meta::insert_once(conn, key, "1")
        }
    };
    let (short, long) = tokio::join!(store.write(long("broken off")), store.write_at_length(long("done")));
    assert!(matches!(short, Err(StoreError::Unavailable(_))), "{short:?}");
    long.unwrap();
    // The connection is as it was.
    for _ in 0..8 {
        let limit = store.read(|conn| {
            let shown = diesel::dsl::sql::<diesel::sql_types::Text>("SELECT current_setting('statement_timeout')");
            Ok(shown.get_result::<String>(conn)?)
        });
        assert_eq!(limit.await.unwrap(), "1800ms");
    }
    let there = store.read(|conn| Ok((store::meta::get(conn, "broken off")?, store::meta::get(conn, "done")?))).await.unwrap();
    assert_eq!(there, (None, Some("1".to_owned())));
}

/// A row that somebody holds, such as one of very many that are just being ended, costs whoever wants it a 503, and nobody else.
#[tokio::test]
async fn a_held_row_harms_no_neighbour() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    let (there, another) = (session(&w.user), session(&w.user));
    let both = [there.clone(), another.clone()];
    let inserted = w.store.write(move |conn| both.iter().try_for_each(|session| store::sessions::insert(conn, session)));
    inserted.await.unwrap();
    let of = |session| World { store: w.store.clone(), user: w.user.clone(), session, client: w.client.clone() };
    // One goes first and is on its way while the others gather: one that wants the held row, and one that does not.
    let [first, held, free] = [of(there), of(w.session.clone()), of(another)];
    let families = [first.redeem(Some("openid")).await.code.id, held.redeem(Some("openid")).await.code.id, free.redeem(Some("openid")).await.code.id];
    let held_up = |outcome: &dyn std::fmt::Debug| format!("{outcome:?}").contains("somebody else holds the row");

    for (rows, redeems) in [("refresh_families WHERE session_id", false), ("sessions WHERE id", true), ("client_sessions WHERE session_id", true)] {
        let mut operator = PgConnection::establish(&database.url).unwrap();
        operator.batch_execute(&format!("BEGIN; SELECT FROM {rows} = '{}' FOR UPDATE", held.session.id.0)).unwrap();
        let at = now() + TimeDelta::minutes(5);
        let touch = |of: &World, family| w.store.touch(Touch { session_id: of.session.id, client_id: Some(w.client.id.clone()), family_id: Some(family), at });
        let outcomes = tokio::join!(touch(&first, families[0]), touch(&held, families[1]), touch(&free, families[2]));
        assert!(outcomes.0 == Ok(()) && outcomes.2 == Ok(()) && held_up(&outcomes.1), "{rows}: {outcomes:?}");
        if redeems {
            let redeem = |of: &World| w.store.redeem(redemption(&of.session, &w.client, Some("openid")));
            let outcomes = tokio::join!(redeem(&first), redeem(&held), redeem(&free));
            assert!(outcomes.0 == Ok(true) && outcomes.2 == Ok(true) && held_up(&outcomes.1), "{rows}: {outcomes:?}");
        } else {
            let rotate = |id| w.store.rotate(Step { id, expected: 1, next: 2, at, bind_to: None });
            let outcomes = tokio::join!(rotate(families[0]), rotate(families[1]), rotate(families[2]));
            assert!(outcomes.0 == Ok(true) && outcomes.2 == Ok(true) && held_up(&outcomes.1), "{rows}: {outcomes:?}");
        }
        operator.batch_execute("ROLLBACK").unwrap();
        // And then it goes on.
        w.store.touch(Touch { session_id: held.session.id, client_id: None, family_id: None, at }).await.unwrap();
    }
    // Of a client or a user that is just being deleted.
    for rows in ["clients", "users"] {
        let (other, bob) = (client(&format!("other-{rows}")), user(&format!("bob-{rows}")));
        let theirs = session(&bob);
        let (c, u, s) = (other.clone(), bob.clone(), theirs.clone());
        let inserted = w.store.write(move |conn| {
            store::clients::insert(conn, &c)?;
            store::users::insert(conn, &u)?;
            store::sessions::insert(conn, &s)
        });
        inserted.await.unwrap();
        let name = if rows == "clients" { other.id.as_str().to_owned() } else { bob.id.0.to_string() };
        let mut operator = PgConnection::establish(&database.url).unwrap();
        operator.batch_execute(&format!("BEGIN; SELECT FROM {rows} WHERE id = '{name}' FOR UPDATE")).unwrap();
        let redeem = |session: &Session, client: &Client| w.store.redeem(redemption(session, client, Some("openid")));
        let outcomes = tokio::join!(redeem(&first.session, &w.client), redeem(&theirs, &other), redeem(&free.session, &w.client));
        assert!(outcomes.0 == Ok(true) && outcomes.2 == Ok(true) && held_up(&outcomes.1), "{rows}: {outcomes:?}");
        operator.batch_execute("ROLLBACK").unwrap();
    }
}

/// While a row is held, one bad neighbour in the same batch makes nobody's honest code refused for good, and nobody waits for it again and again.
#[tokio::test]
async fn a_held_row_and_an_ended_session_harm_no_neighbour() {
    let database = Database::new(Backend::Postgres);
    let w = world(&database).await;
    let [first, ended, free] = [session(&w.user), session(&w.user), session(&w.user)];
    let all = [first.clone(), ended.clone(), free.clone()];
    w.store.write(move |conn| all.iter().try_for_each(|session| store::sessions::insert(conn, session))).await.unwrap();
    let gone = ended.id;
    w.store.write(move |conn| tree::end(conn, &Node::Session(gone), EndReason::Logout, now())).await.unwrap();
    let mut operator = PgConnection::establish(&database.url).unwrap();
    operator.batch_execute(&format!("BEGIN; SELECT FROM sessions WHERE id = '{}' FOR UPDATE", w.session.id.0)).unwrap();
    let redeem = |session: &Session| w.store.redeem(redemption(session, &w.client, Some("openid")));
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let began = Instant::now();
        let outcomes = tokio::join!(redeem(&first), redeem(&w.session), redeem(&ended), redeem(&free));
        assert!(outcomes.0 == Ok(true) && outcomes.3 == Ok(true), "{outcomes:?}");
        assert_eq!(outcomes.2, Err(StoreError::Conflict));
        assert!(format!("{outcomes:?}").contains("somebody else holds the row"), "{outcomes:?}");
        quickest = quickest.min(began.elapsed());
    }
    assert!(quickest < Duration::from_millis(400), "waited for again each time: {quickest:?}");
    operator.batch_execute("ROLLBACK").unwrap();
    // Until nobody holds it.
    assert_eq!(redeem(&w.session).await, Ok(true));
}

/// However much is being ended, half the workers are there for everybody else.
#[tokio::test]
async fn long_writes_take_half_the_workers_at_most() {
    let database = Database::new(Backend::Postgres);
    database.open().await.close().await;
    // Two workers.
    let store = Store::open(&Options { pool_size: 2, ..Options::new(&database.url) }).await.unwrap();
    let long = || {
        store.write_at_length(|conn| {
            diesel::sql_query("SELECT pg_sleep(2.5)").execute(conn)?;
            Ok(())
        })
    };
    let others = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        for _ in 0..20 {
            store.read(|conn| store::meta::get(conn, "x")).await.unwrap();
        }
    };
    let (one, other, ()) = tokio::join!(long(), long(), others);
    assert!(one.is_ok() && matches!(other, Err(StoreError::Unavailable(_))), "{one:?} {other:?}");
    long().await.unwrap();
}
