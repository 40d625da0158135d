//! Many callers at once: one winner, no harm to neighbours, bounded queues, nothing half done.

use super::*;

on_both! {
    a_survey_holds_nobody_up
    one_of_64_rotates
    a_key_is_bound_once
    one_of_64_binds_its_key
    one_of_64_redeems
    hot_writes_mix_and_answer_their_own_row
    hot_reads_answer_their_own_row
    a_failing_unit_harms_no_neighbour
    a_dropped_caller_leaves_nothing_half_done
    two_stores_share_one_database
    a_full_queue_is_unavailable
    close_finishes_what_is_queued
}

async fn one_of_64_rotates(database: Database) {
    let w = world(&database).await;
    let id = w.redeem(Some("openid")).await.code.id;
    for expected in 1..=5 {
        let at = now();
        let won = winners(|| {
            let store = w.store.clone();
            async move { store.rotate(Step { id, expected, next: expected + 1, at, bind_to: None }).await }
        });
        assert_eq!(won.await, 1);
        let family = w.family(id).await;
        assert_eq!((family.generation, family.rotated_at, family.last_used_at), (expected + 1, at, at));
    }
    assert_eq!(w.store.rotate(Step { id, expected: 1, next: 2, at: now(), bind_to: None }).await, Ok(false));
    // Forward over a gap, as after a restored backup.
    assert_eq!(w.store.rotate(Step { id, expected: 6, next: 40, at: now(), bind_to: None }).await, Ok(true));
    w.end(Node::Grant(id), EndReason::ReuseDetected).await;
    assert_eq!(w.store.rotate(Step { id, expected: 40, next: 41, at: now(), bind_to: None }).await, Ok(false));
}

/// By the batch and by a unit of work: a step binds what is not bound, and nothing else.
async fn a_key_is_bound_once(database: Database) {
    let w = world(&database).await;
    let key = |byte| Some(KeyThumbprint::of(&Digest([byte; 32])));
    for batched in [true, false] {
        let id = w.redeem(Some("openid")).await.code.id;
        let step = async |expected, next, bind_to: Option<KeyThumbprint>| {
            let step = Step { id, expected, next, at: now(), bind_to };
            let taken = if batched { w.store.rotate(step).await } else { w.store.write(move |conn| store::refresh_families::rotate(conn, &step)).await };
            (taken.unwrap(), w.family(id).await.bound_to)
        };
        assert_eq!(step(1, 2, None).await, (true, None), "{batched}");
        assert_eq!(step(1, 2, key(1)).await, (false, None), "a step that is not taken");
        let bound = Some(KeyBinding { key: key(1).unwrap(), since: 3 });
        assert_eq!(step(2, 3, key(1)).await, (true, bound.clone()), "{batched}");
        for other in [None, key(1), key(2)] {
            let at = w.family(id).await.generation;
            assert_eq!(step(at, at + 1, other).await, (true, bound.clone()), "{batched}");
        }
    }
    // One that was bound from the first on.
    let mut r = redemption(&w.session, &w.client, Some("openid"));
    let first = Some(KeyBinding { key: key(1).unwrap(), since: 1 });
    r.family.as_mut().unwrap().bound_to.clone_from(&first);
    let id = r.code.id;
    assert_eq!(w.store.redeem(r).await, Ok(true));
    assert_eq!(w.store.rotate(Step { id, expected: 1, next: 2, at: now(), bind_to: key(2) }).await, Ok(true));
    assert_eq!(w.family(id).await.bound_to, first);
}

async fn one_of_64_binds_its_key(database: Database) {
    let w = world(&database).await;
    let id = w.redeem(Some("openid")).await.code.id;
    let tasks: Vec<_> = (0..64)
        .map(|i| {
            let (store, key) = (w.store.clone(), KeyThumbprint::of(&Digest([i; 32])));
            let step = Step { id, expected: 1, next: 2, at: now(), bind_to: Some(key.clone()) };
            tokio::spawn(async move { store.rotate(step).await.unwrap().then_some(key) })
        })
        .collect();
    let mut won = Vec::new();
    for task in tasks {
        won.extend(task.await.unwrap());
    }
    assert_eq!((won.len(), w.family(id).await.bound_to), (1, Some(KeyBinding { key: won[0].clone(), since: 2 })));
}

async fn one_of_64_redeems(database: Database) {
    let w = world(&database).await;
    let r = redemption(&w.session, &w.client, Some("openid"));
    let won = winners(|| {
        let (store, mut mine) = (w.store.clone(), r.clone());
        // Every caller has drawn a family secret of its own.
        mine.family.as_mut().unwrap().secret = Secret::new(random(&SystemEntropy));
        async move { store.redeem(mine).await }
    });
    assert_eq!(won.await, 1);
    assert_eq!(w.family(r.code.id).await.generation, 1);
}

/// Asked at once, some of them for the same row and some for none: each is answered for what it asked, and as of now.
async fn hot_reads_answer_their_own_row(database: Database) {
    let w = world(&database).await;
    let mut families = Vec::new();
    for _ in 0..8 {
        families.push(w.redeem(Some("openid")).await.code.id);
    }
    let unknown = GrantId::generate(now(), &SystemEntropy);
    for (round, rotated) in families.clone().into_iter().enumerate() {
        let step = Step { id: rotated, expected: 1, next: 2, at: now(), bind_to: None };
        assert_eq!(w.store.rotate(step).await, Ok(true));
        let mut tasks = Vec::new();
        for id in families.iter().chain(&families).chain([&unknown]).copied() {
            let (store, client) = (w.store.clone(), w.client.id.clone());
            tasks.push(tokio::spawn(async move { (id, store.family(id).await.unwrap(), store.client(client).await.unwrap().is_some()) }));
        }
        for task in tasks {
            let (id, found, client_is_there) = task.await.unwrap();
            assert!(client_is_there);
            let generation = families[..=round].contains(&id).then_some(2).or(families.contains(&id).then_some(1));
            assert_eq!(found.map(|facts| (facts.family.id, facts.family.generation)), generation.map(|generation| (id, generation)));
        }
    }
    assert!(w.store.client(ClientId::parse("nobody").unwrap()).await.unwrap().is_none());
}

async fn hot_writes_mix_and_answer_their_own_row(database: Database) {
    let w = world(&database).await;
    let mut families = Vec::new();
    for _ in 0..8 {
        families.push(w.redeem(Some("openid")).await.code.id);
    }
    let mut tasks = Vec::new();
    for (i, id) in families.iter().copied().enumerate() {
        // Odd ones are told a generation that is not there. Two steps in a row may meet in one batch.
        let (store, expected) = (w.store.clone(), 1 + (i as u64 % 2) * 7);
        tasks.push(tokio::spawn(async move { (i % 2 == 0, store.rotate(Step { id, expected, next: expected + 1, at: now(), bind_to: None }).await) }));
        let (store, touch) = (w.store.clone(), Touch { session_id: w.session.id, client_id: Some(w.client.id.clone()), family_id: None, at: now() });
        tasks.push(tokio::spawn(async move { (true, store.touch(touch).await.map(|()| true)) }));
        let (store, r) = (w.store.clone(), redemption(&w.session, &w.client, None));
        tasks.push(tokio::spawn(async move { (true, store.redeem(r).await) }));
        // Names a client that is not there: it fails, and only it.
        let (store, mut r) = (w.store.clone(), redemption(&w.session, &w.client, None));
        r.code.client_id = ClientId::parse("nobody").unwrap();
        tasks.push(tokio::spawn(async move {
            let result = store.redeem(r).await;
            assert_eq!(result, Err(StoreError::Conflict));
            (false, Ok(false))
        }));
    }
    for task in tasks {
        let (expected, result) = task.await.unwrap();
        assert_eq!(result, Ok(expected));
    }
}

async fn a_failing_unit_harms_no_neighbour(database: Database) {
    let store = database.open().await;
    let tasks: Vec<_> = (0..60)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move {
                let result = store.write(move |conn| {
                    store::users::insert(conn, &user(&format!("user{i}")))?;
                    match i % 3 {
                        0 => Ok(()),
                        1 => Err(StoreError::Query("refused after the insert".to_owned())),
                        _ => panic!("a unit that panics after the insert (expected in this test)"),
                    }
                });
                (i, result.await)
            })
        })
        .collect();
    for task in tasks {
        let (i, result) = task.await.unwrap();
        assert_eq!(result.is_ok(), i % 3 == 0, "{result:?}");
    }
    let users = store.scan(|conn| store::users::list(conn, None, 100)).await.unwrap();
    assert_eq!(users.len(), 20);
    assert_eq!(store.write(|conn| store::users::insert(conn, &user("user0"))).await, Err(StoreError::Conflict));
}

async fn a_dropped_caller_leaves_nothing_half_done(database: Database) {
    let store = database.open().await;
    for i in 0..40 {
        let write = store.write(move |conn| {
            store::users::insert(conn, &user(&format!("a{i}")))?;
            store::users::insert(conn, &user(&format!("b{i}")))
        });
        // Polled once, so that it is queued, then dropped.
        let _ = tokio::time::timeout(Duration::ZERO, write).await;
    }
    store.close().await;
    let names: Vec<String> = database.open().await.scan(|conn| store::users::list(conn, None, 100)).await.unwrap().into_iter().map(|u| u.username).collect();
    for i in 0..40 {
        assert_eq!(names.contains(&format!("a{i}")), names.contains(&format!("b{i}")), "{names:?}");
    }
}

async fn two_stores_share_one_database(database: Database) {
    let w = world(&database).await;
    let other = database.open().await;
    let id = w.redeem(Some("openid")).await.code.id;
    let turn = AtomicU32::new(0);
    for expected in 1..=5 {
        let won = winners(|| {
            let store = if turn.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) { w.store.clone() } else { other.clone() };
            async move { store.rotate(Step { id, expected, next: expected + 1, at: now(), bind_to: None }).await }
        });
        assert_eq!(won.await, 1);
    }
    assert_eq!(w.family(id).await.generation, 6);
}

async fn a_full_queue_is_unavailable(database: Database) {
    let store = Store::open(&Options { pool_size: 2, queue: 4, ..Options::new(&database.url) }).await.unwrap();
    let writing_threads = if store.backend() == "sqlite" { 1 } else { 2 };
    let gate = Arc::new(std::sync::Barrier::new(writing_threads + 1));
    let mut blockers = Vec::new();
    for _ in 0..writing_threads {
        let (held, s) = (Arc::clone(&gate), store.clone());
        let (started, begun) = tokio::sync::oneshot::channel();
        blockers.push(tokio::spawn(async move {
            s.write(move |_| {
                let _ = started.send(());
                held.wait();
                Ok(())
            })
            .await
        }));
        begun.await.unwrap();
    }
    // Every writing thread is held, so four wait and the fifth is refused at once.
    let waiting: Vec<_> = (0..4)
        .map(|_| {
            let s = store.clone();
            tokio::spawn(async move { s.write(|_| Ok(())).await })
        })
        .collect();
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    assert!(before.elapsed() < Duration::from_secs(1));
    tokio::task::spawn_blocking(move || gate.wait()).await.unwrap();
    for write in blockers.into_iter().chain(waiting) {
        write.await.unwrap().unwrap();
    }
}

async fn close_finishes_what_is_queued(database: Database) {
    let store = database.open().await;
    let tasks: Vec<_> = (0..30)
        .map(|i| {
            let store = store.clone();
            tokio::spawn(async move { store.write(move |conn| store::users::insert(conn, &user(&format!("u{i}")))).await })
        })
        .collect();
    tokio::task::yield_now().await;
    store.close().await;
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(matches!(store.write(|_| Ok(())).await, Err(StoreError::Unavailable(_))));
    store.close().await;
    assert_eq!(database.open().await.scan(|conn| store::users::list(conn, None, 100)).await.unwrap().len(), 30);
}

/// Others read, list and write while it goes on, and what it reads is what there is. A closed store begins none.
async fn a_survey_holds_nobody_up(database: Database) {
    let w = world(&database).await;
    let ((begun, begins), (end, ends)) = (tokio::sync::oneshot::channel(), std::sync::mpsc::channel::<()>());
    let store = w.store.clone();
    let survey = tokio::spawn(async move {
        store
            .survey(move |conn| {
                let before = store::running::sessions(conn, store::running::Wanted::default(), &[])?.0.len();
                begun.send(()).unwrap();
                ends.recv().unwrap();
                Ok((before, store::running::sessions(conn, store::running::Wanted::default(), &[])?.0.len()))
            })
            .await
    });
    begins.await.unwrap();
    for name in ["one", "two", "three"] {
        let (user, listed) = (user(name), w.user.id);
        let another = session(&user);
        let wrote = w.store.write(move |conn| {
            store::users::insert(conn, &user)?;
            store::sessions::insert(conn, &another)
        });
        wrote.await.unwrap();
        assert_eq!(w.store.scan(move |conn| store::sessions::list(conn, Some(listed), None, 10)).await.unwrap().len(), 1);
    }
    end.send(()).unwrap();
    assert_eq!(survey.await.unwrap(), Ok((1, 4)));
    w.store.close().await;
    let refused = w.store.survey(|conn| store::running::sessions(conn, store::running::Wanted::default(), &[]).map(|rows| rows.0.len())).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
