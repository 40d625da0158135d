//! Codes, families and the session tree: what is decided from, what a redemption writes, what an end ends.

use super::*;

on_both! {
    facts_follow_the_tree
    a_code_that_was_redeemed_is_not_burnt
    a_redemption_is_all_or_nothing
    a_redemption_reopens_an_ended_client_session
    ending_a_session_ends_what_is_below
    ending_ten_thousand_families_is_three_statements
    ending_honours_offline_access
    ending_a_user_a_pair_or_a_grant
}

async fn facts_follow_the_tree(database: Database) {
    let w = world(&database).await;
    let (cookie, app) = (w.session.cookie_digest, w.client.id.clone());
    let read = |client: Option<ClientId>| w.store.read(move |conn| store::sessions::facts(conn, &cookie, client.as_ref()));
    let facts = read(Some(app.clone())).await.unwrap().unwrap();
    assert!(facts.client_session.is_none() && facts.consent.is_none());
    let r = w.redeem(Some("openid")).await;
    let consent = Consent { user_id: w.user.id, client_id: app.clone(), scope: Scope::parse("openid").unwrap(), granted_at: now() };
    w.store.write(move |conn| store::consents::grant(conn, &consent)).await.unwrap();
    let facts = read(Some(app)).await.unwrap().unwrap();
    assert_eq!((facts.session.id, facts.user.id), (w.session.id, w.user.id));
    assert!(facts.client_session.is_some() && facts.consent.is_some());
    assert!(read(None).await.unwrap().unwrap().client_session.is_none());
    let unknown = w.store.read(|conn| store::sessions::facts(conn, &Digest([0; 32]), None)).await.unwrap();
    assert!(unknown.is_none());

    let id = r.code.id;
    let family = w.store.read(move |conn| store::refresh_families::facts(conn, id)).await.unwrap().unwrap();
    assert_eq!(family.user.unwrap().id, w.user.id);
    assert_eq!(family.session.unwrap().id, w.session.id);
    assert!(family.client_session.is_some() && family.consent.is_some());

    let bare = w.redeem(None).await.code.id;
    for (grant, has_family) in [(id, true), (bare, false)] {
        let facts = w.store.read(move |conn| store::grants::facts(conn, grant)).await.unwrap().unwrap();
        assert_eq!((facts.family.is_some(), facts.ended, facts.client_id), (has_family, None, w.client.id.clone()));
        w.end(Node::Grant(grant), EndReason::RevokedByClient).await;
        let facts = w.store.read(move |conn| store::grants::facts(conn, grant)).await.unwrap().unwrap();
        assert_eq!(facts.ended.unwrap().reason, EndReason::RevokedByClient);
    }
    // A swept code: its family speaks for the grant.
    database.execute("DELETE FROM redeemed_codes");
    assert!(w.store.read(move |conn| store::grants::facts(conn, id)).await.unwrap().is_some());
    assert!(w.store.read(move |conn| store::grants::facts(conn, bare)).await.unwrap().is_none());
}

/// RFC 6749 §4.1.2: burning is for a code that nobody has redeemed. What a redeemed one gave goes on, also when the row of its redemption
/// was swept long ago; whoever finds the old code ends nothing with it.
async fn a_code_that_was_redeemed_is_not_burnt(database: Database) {
    let w = world(&database).await;
    let burnt = async |code: &RedeemedCode| {
        let burnt = RedeemedCode { ended: Some(Ended { at: now(), reason: EndReason::CodeReplayed }), ..code.clone() };
        w.store.write(move |conn| store::redeemed_codes::burn(conn, &burnt)).await.unwrap();
        let id = code.id;
        let facts = w.store.read(move |conn| store::grants::facts(conn, id)).await.unwrap().unwrap();
        facts.ended.map(|ended| ended.reason)
    };
    let (family, bare) = (w.redeem(Some("openid")).await.code, w.redeem(None).await.code);
    assert_eq!((burnt(&family).await, burnt(&bare).await), (None, None));
    database.execute("DELETE FROM redeemed_codes");
    assert_eq!(burnt(&family).await, None, "the family speaks for the grant");
    let never = redemption(&w.session, &w.client, Some("openid"));
    assert_eq!(burnt(&never.code).await, Some(EndReason::CodeReplayed));
    assert_eq!(w.store.redeem(never).await, Ok(false), "the control: nobody had it, and nobody gets anything for it");
}

async fn a_redemption_is_all_or_nothing(database: Database) {
    let w = world(&database).await;
    let mut r = redemption(&w.session, &w.client, Some("openid"));
    let id = r.code.id;
    // The family's user is gone: the last of the inserts fails.
    let gone = UserId::generate(now(), &SystemEntropy);
    (r.code.user_id, r.family.as_mut().unwrap().user_id) = (gone, gone);
    assert_eq!(w.store.redeem(r.clone()).await, Err(StoreError::Conflict));
    r.code.user_id = w.user.id;
    assert!(matches!(w.store.redeem(r).await, Err(StoreError::Query(_))), "a family of another user than the code's");
    let (session, app) = (w.session.id, w.client.id.clone());
    let left = w.store.read(move |conn| Ok((store::redeemed_codes::find(conn, id)?, store::client_sessions::find(conn, session, &app)?)));
    let (code, pair) = left.await.unwrap();
    assert!(code.is_none() && pair.is_none());

    // A session that has ended gives nothing more; a code redeemed before its end is still told to be a replay.
    let before = w.redeem(Some("openid")).await;
    w.end(Node::Session(w.session.id), EndReason::RevokedByAdmin).await;
    assert_eq!(w.store.redeem(redemption(&w.session, &w.client, Some("openid offline_access"))).await, Err(StoreError::Conflict));
    assert_eq!(w.store.redeem(before).await, Ok(false));
}

async fn a_redemption_reopens_an_ended_client_session(database: Database) {
    let w = world(&database).await;
    let first = w.redeem(None).await;
    let second = w.redeem(None).await;
    let (session, app) = (w.session.id, w.client.id.clone());
    let pair = || {
        let app = app.clone();
        w.store.read(move |conn| store::client_sessions::find(conn, session, &app))
    };
    let live = pair().await.unwrap().unwrap();
    assert_eq!((live.created_at, live.last_used_at), (first.code.redeemed_at, second.code.redeemed_at));
    w.end(Node::ClientSession(session, app.clone()), EndReason::RevokedByUser).await;
    assert!(pair().await.unwrap().unwrap().ended.is_some());
    let third = w.redeem(None).await;
    let reopened = pair().await.unwrap().unwrap();
    assert_eq!((reopened.created_at, reopened.ended), (third.code.redeemed_at, None));
}

async fn ending_a_session_ends_what_is_below(database: Database) {
    let w = world(&database).await;
    let mut grants = Vec::new();
    for _ in 0..20 {
        grants.push(w.redeem(Some("openid offline_access")).await.code.id);
    }
    w.end(Node::Grant(grants[0]), EndReason::ReuseDetected).await;
    for node in [
        Node::Session(SessionId::generate(now(), &SystemEntropy)),
        Node::ClientSession(w.session.id, ClientId::parse("other").unwrap()),
        Node::Grant(grants[0]),
        Node::User(UserId::generate(now(), &SystemEntropy)),
        Node::UserClient(w.user.id, ClientId::parse("other").unwrap()),
    ] {
        let (ended, statements) = end_counted(&w, node).await;
        assert_eq!(ended, EndedCounts::default());
        assert!((1..=3).contains(&statements), "{statements} statements");
    }
    let counts = w.end(Node::Session(w.session.id), EndReason::RevokedByAdmin).await;
    assert_eq!(counts, EndedCounts { sessions: 1, client_sessions: 1, families: 19, codes: 0 });
    // What had ended keeps its reason, and nothing ends twice.
    assert_eq!(w.family(grants[0]).await.ended.unwrap().reason, EndReason::ReuseDetected);
    assert_eq!(w.family(grants[1]).await.ended.unwrap().reason, EndReason::RevokedByAdmin);
    assert_eq!(w.end(Node::Session(w.session.id), EndReason::Logout).await, EndedCounts::default());
}

/// Ends the node, and counts the statements that it takes.
async fn end_counted(w: &World, node: Node) -> (EndedCounts, u32) {
    let statements = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&statements);
    let ended = w.store.write(move |conn| {
        conn.set_instrumentation(move |event: diesel::connection::InstrumentationEvent<'_>| {
            if matches!(event, diesel::connection::InstrumentationEvent::StartQuery { .. }) {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        let ended = tree::end(conn, &node, EndReason::RevokedByAdmin, now());
        conn.set_instrumentation(|_: diesel::connection::InstrumentationEvent<'_>| {});
        ended
    });
    (ended.await.unwrap(), statements.load(Ordering::Relaxed))
}

async fn ending_ten_thousand_families_is_three_statements(database: Database) {
    let w = world(&database).await;
    let first = w.redeem(Some("openid offline_access")).await.code.id;
    let columns = "client_id, user_id, session_id, grant_facts, offline, secret, generation, rotated_at, created_at, last_used_at";
    let (id, numbers) = match w.store.backend() {
        "sqlite" => ("randomblob(16)", "(WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) SELECT i FROM n)"),
        _ => ("gen_random_uuid()", "generate_series(2, 10000)"),
    };
    database.execute(&format!("INSERT INTO refresh_families (id, {columns}) SELECT {id}, {columns} FROM refresh_families, {numbers} AS n"));
    let (ended, statements) = end_counted(&w, Node::Session(w.session.id)).await;
    assert_eq!(ended, EndedCounts { sessions: 1, client_sessions: 1, families: 10_000, codes: 0 });
    assert_eq!(statements, 3);
    assert_eq!(w.family(first).await.ended.unwrap().reason, EndReason::RevokedByAdmin);
}

async fn ending_honours_offline_access(database: Database) {
    for (reason, survives) in EndReason::ALL.map(|reason| {
        use EndReason::{ExpiredAbsolute, ExpiredIdle, Logout, RevokedByClient, Superseded};
        (reason, matches!(reason, Logout | ExpiredIdle | ExpiredAbsolute | Superseded | RevokedByClient))
    }) {
        let w = if reason == EndReason::Logout { world(&database).await } else { another_session(&database).await };
        let offline = w.redeem(Some("openid offline_access")).await.code.id;
        let online = w.redeem(Some("openid")).await.code.id;
        w.end(Node::Session(w.session.id), reason).await;
        assert_eq!(w.family(offline).await.ended.is_none(), survives, "{reason:?}");
        assert!(w.family(online).await.ended.is_some(), "{reason:?}");
    }
}

async fn ending_a_user_a_pair_or_a_grant(database: Database) {
    let w = world(&database).await;
    let one = w.redeem(Some("openid")).await.code.id;
    let counts = w.end(Node::UserClient(w.user.id, w.client.id.clone()), EndReason::ConsentWithdrawn).await;
    assert_eq!(counts, EndedCounts { client_sessions: 1, families: 1, ..EndedCounts::default() });
    assert_eq!(w.family(one).await.ended.unwrap().reason, EndReason::ConsentWithdrawn);
    w.redeem(Some("openid offline_access")).await;
    let counts = w.end(Node::User(w.user.id), EndReason::PasswordChanged).await;
    assert_eq!(counts, EndedCounts { sessions: 1, client_sessions: 1, families: 1, codes: 0 });
    // Deleting the user takes all of it away.
    let (user, client) = (w.user.id, w.client.id.clone());
    assert_eq!(w.store.write(move |conn| store::users::delete(conn, user)).await, Ok(true));
    assert!(w.store.read(move |conn| store::refresh_families::find(conn, one)).await.unwrap().is_none());
    assert_eq!(w.store.write(move |conn| store::clients::delete(conn, &client)).await, Ok(true));
}

async fn another_session(database: &Database) -> World {
    let store = database.open().await;
    let user = store.read(|conn| store::users::find_by_username(conn, "ann")).await.unwrap().unwrap();
    let session = session(&user);
    let s = session.clone();
    store.write(move |conn| store::sessions::insert(conn, &s)).await.unwrap();
    World { store, user, session, client: client("app") }
}
