//! What is written comes back, and each table keeps its word.

use super::*;

on_both! {
    every_value_comes_back
    a_one_time_link_works_once
    consents_grow
    clients_are_declared_again
    small_tables_keep_their_word
    lists_are_paged
    touch_moves_forward_only
}

async fn every_value_comes_back(database: Database) {
    let w = world(&database).await;
    let r = w.redeem(Some("openid offline_access")).await;
    let (id, session, client, name) = (r.code.id, w.session.id, w.client.id.clone(), w.user.username.clone());
    let found = w.store.scan(move |conn| {
        Ok((
            store::users::find_by_username(conn, &name)?,
            store::sessions::find(conn, session)?,
            store::clients::find(conn, &client)?,
            store::redeemed_codes::find(conn, id)?,
            store::refresh_families::find(conn, id)?,
            store::client_sessions::find(conn, session, &client)?,
        ))
    });
    let (user, session, client, code, family, pair) = found.await.unwrap();
    let (user, session, client, code, family, pair) = (user.unwrap(), session.unwrap(), client.unwrap(), code.unwrap(), family.unwrap(), pair.unwrap());
    let sent = r.family.unwrap();
    assert_eq!((user.id, user.profile, user.password_changed_at), (w.user.id, w.user.profile.clone(), w.user.password_changed_at));
    assert_eq!((session.id, session.cookie_digest, session.auth_time), (w.session.id, w.session.cookie_digest, w.session.auth_time));
    assert_eq!((client.metadata, client.created_at), (w.client.metadata.clone(), w.client.created_at));
    assert_eq!((code.redeemed_at, code.keep_until, code.ended), (r.code.redeemed_at, r.code.keep_until, None));
    assert_eq!((family.grant, family.secret.expose(), family.generation), (sent.grant, sent.secret.expose(), 1));
    assert_eq!((pair.created_at, pair.last_used_at, pair.ended), (r.code.redeemed_at, r.code.redeemed_at, None));
}

async fn a_one_time_link_works_once(database: Database) {
    let store = database.open().await;
    let (at, digest) = (now(), Digest(random(&SystemEntropy)));
    let link = LinkId::generate(at, &SystemEntropy);
    store.write(move |conn| store::one_time_links::insert(conn, link, "first-admin", &digest, at + TimeDelta::hours(1), at)).await.unwrap();
    assert_eq!(store.write(move |conn| store::one_time_links::consume(conn, "other", &digest, at)).await, Ok(false));
    assert_eq!(store.write(move |conn| store::one_time_links::consume(conn, "first-admin", &digest, at + TimeDelta::hours(1))).await, Ok(false));
    assert_eq!(store.read(move |conn| store::one_time_links::valid(conn, "first-admin", &digest, at)).await, Ok(true));
    let won = winners(|| {
        let store = store.clone();
        async move { store.write(move |conn| store::one_time_links::consume(conn, "first-admin", &digest, at)).await }
    });
    assert_eq!(won.await, 1);
    assert_eq!(store.read(move |conn| store::one_time_links::valid(conn, "first-admin", &digest, at)).await, Ok(false));
}

async fn consents_grow(database: Database) {
    let w = world(&database).await;
    let words = ["openid", "profile", "email", "address", "phone"];
    let tasks: Vec<_> = words
        .iter()
        .map(|word| {
            let consent = Consent { user_id: w.user.id, client_id: w.client.id.clone(), scope: Scope::parse(word).unwrap(), granted_at: now() };
            let store = w.store.clone();
            tokio::spawn(async move { store.write(move |conn| store::consents::grant(conn, &consent)).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let (user, client) = (w.user.id, w.client.id.clone());
    let (found, c) = (client.clone(), client);
    let consent = w.store.read(move |conn| store::consents::find(conn, user, &found)).await.unwrap().unwrap();
    assert_eq!(consent.scope, Scope::parse(&words.join(" ")).unwrap());
    assert_eq!(w.store.write(move |conn| store::consents::withdraw(conn, user, &c)).await, Ok(true));
}

async fn clients_are_declared_again(database: Database) {
    let store = database.open().await;
    let mut declared = client("service");
    declared.metadata = ClientMetadata::defaults(ClientKind::Machine, "A service");
    let secret = Digest(random(&SystemEntropy));
    let first = Client { secret_digest: Some(secret), ..declared.clone() };
    let again = Client { updated_at: now(), created_at: now(), managed_by_file: true, ..declared };
    let id = again.id.clone();
    store.write(move |conn| store::clients::upsert(conn, &first).and_then(|()| store::clients::upsert(conn, &again))).await.unwrap();
    let find = id.clone();
    let found = store.read(move |conn| store::clients::find(conn, &find)).await.unwrap().unwrap();
    assert!(found.secret_digest == Some(secret) && found.managed_by_file && found.created_at < found.updated_at);
    assert_eq!(store.write(move |conn| store::clients::set_secret(conn, &id, Digest([7; 32]), None, now())).await, Ok(true));
    let public = client("app");
    store.write(move |conn| store::clients::upsert(conn, &public)).await.unwrap();
    let origins = store.scan(store::registered::origins).await.unwrap();
    assert_eq!(origins[0], (ClientId::parse("app").unwrap(), vec!["https://app.example.com".to_owned()]));
}

async fn small_tables_keep_their_word(database: Database) {
    let store = database.open().await;
    assert_eq!(store.write(|conn| store::meta::insert_once(conn, "check", "one")).await, Ok("one".to_owned()));
    assert_eq!(store.write(|conn| store::meta::insert_once(conn, "check", "two")).await, Ok("one".to_owned()));
    assert_eq!(store.read(|conn| store::meta::get(conn, "check")).await, Ok(Some("one".to_owned())));
    let at = now();
    let key = SigningKey {
        kid: "k1".to_owned(),
        alg: SigningAlg::Es256,
        public_jwk: "{}".to_owned(),
        sealed_private: vec![1, 2],
        announced_at: at,
        active_from: at,
        retired_at: None,
    };
    let again = key.clone();
    store.write(move |conn| store::signing_keys::insert(conn, &key)).await.unwrap();
    assert_eq!(store.write(move |conn| store::signing_keys::insert(conn, &again)).await, Err(StoreError::Conflict));
    store.write(move |conn| store::signing_keys::set_retired(conn, "k1", at)).await.unwrap();
    assert_eq!(store.read(store::signing_keys::list).await.unwrap()[0].retired_at, Some(at));

    let ann = User { role: Some(gatekey::domain::admin_scope::AdminRole::Administrator), ..user("ann") };
    let id = ann.id;
    store.write(move |conn| store::users::insert(conn, &ann)).await.unwrap();
    assert_eq!(store.read(store::users::count_admins).await, Ok(1));
    let (old, new) = (Secret::new("$argon2id$old".to_owned()), Secret::new("$argon2id$new".to_owned()));
    let (o, n) = (old.clone(), new.clone());
    assert_eq!(store.write(move |conn| store::users::rehash(conn, id, &o, &n)).await, Ok(true));
    assert_eq!(store.write(move |conn| store::users::rehash(conn, id, &old, &new)).await, Ok(false));
    store.write(move |conn| store::users::set_disabled(conn, id, Some(at), at)).await.unwrap();
    store.write(move |conn| store::users::set_password(conn, id, &Secret::new("x".to_owned()), at)).await.unwrap();
    assert_eq!(store.read(store::users::count_admins).await, Ok(0));
    let found = store.read(move |conn| store::users::find(conn, id)).await.unwrap().unwrap();
    assert_eq!((found.disabled_at, found.password_changed_at), (Some(at), at));
    assert_eq!(store.write(move |conn| store::users::update(conn, &User { username: "ann2".to_owned(), ..found })).await, Ok(true));
    store.ping().await.unwrap();
}

async fn lists_are_paged(database: Database) {
    let w = world(&database).await;
    for i in 0..5 {
        let other = user(&format!("u{i}"));
        let s = session(&w.user);
        w.store.write(move |conn| store::users::insert(conn, &other).and_then(|()| store::sessions::insert(conn, &s))).await.unwrap();
        w.redeem(Some("openid")).await;
    }
    let id = w.user.id;
    let page = w.store.scan(move |conn| {
        let first = store::sessions::list(conn, Some(id), None, 4)?;
        let rest = store::sessions::list(conn, Some(id), first.last().map(|s| s.id), 4)?;
        let families = store::refresh_families::list_by_user(conn, id, None, 10)?;
        let first_users = store::users::list(conn, None, 4)?;
        let other_users = store::users::list(conn, first_users.last().map(|u| u.id), 4)?;
        let clients = store::clients::list(conn, None, 10)?;
        Ok((first.len(), rest.len(), families.len(), first_users.len(), other_users.len(), clients.len()))
    });
    assert_eq!(page.await, Ok((4, 2, 5, 4, 2, 1)));
}

async fn touch_moves_forward_only(database: Database) {
    let w = world(&database).await;
    let (used, other) = (w.redeem(Some("openid")).await.code.id, w.redeem(Some("openid")).await.code.id);
    let (session, app, early, late) = (w.session.id, w.client.id.clone(), now(), now() + TimeDelta::hours(1));
    let before = (w.family(used).await, w.family(other).await);
    for at in [late, early] {
        w.store.touch(Touch { session_id: session, client_id: Some(app.clone()), family_id: Some(used), at }).await.unwrap();
    }
    let find = async |session, app| {
        let read = w.store.read(move |conn| Ok((store::sessions::find(conn, session)?, store::client_sessions::find(conn, session, &app)?)));
        let (session, pair) = read.await.unwrap();
        (session.unwrap().last_used_at, pair.unwrap().last_used_at)
    };
    assert_eq!(find(session, app.clone()).await, (late, late));
    let touched = w.family(used).await;
    assert_eq!((touched.last_used_at, touched.generation, touched.rotated_at), (late, before.0.generation, before.0.rotated_at), "used, and no step taken");
    assert_eq!(w.family(other).await.last_used_at, before.1.last_used_at);
    // Never of what has ended.
    w.end(Node::Session(session), EndReason::Logout).await;
    w.store.touch(Touch { session_id: session, client_id: Some(app.clone()), family_id: Some(used), at: late + TimeDelta::hours(1) }).await.unwrap();
    assert_eq!((find(session, app).await, w.family(used).await.last_used_at), ((late, late), late));
}
