//! The life of keys as the ring lives it, and what it remembers of tokens meanwhile.

use super::*;

/// Three rotations of one algorithm, ten minutes of announcement each, looked at every minute and just before it.
#[test]
fn the_life_of_keys_over_several_rotations() {
    let rows: Vec<SigningKey> = (0..4).map(|n| key(SigningAlg::Es256, if n == 0 { 0 } else { n * 90 - 10 }, n * 90)).collect();
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    let published = |now: Timestamp| -> BTreeSet<String> {
        let jwks: Value = serde_json::from_str(&ring.jwks(now)).unwrap();
        jwks["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect()
    };
    let minutes = 0..5 * 90;
    let instants: Vec<Timestamp> = minutes.flat_map(|minute| [at(minute), at(minute + 1) - TimeDelta::microseconds(1)]).collect();
    assert!(ring.has_active(SigningAlg::Es256, at(0) - TimeDelta::microseconds(1)), "the first one, by a clock that runs behind");
    for now in &instants {
        assert!(ring.has_active(SigningAlg::Es256, *now));
        let states = ring.states(*now);
        assert_eq!(states.iter().filter(|info| info.state == KeyState::Active).count(), 1);
        let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), *now).unwrap();
        let header: Value = serde_json::from_slice(&decoded(token.split('.').next().unwrap())).unwrap();
        let kid = header["kid"].as_str().unwrap();
        let signer = rows.iter().find(|row| row.kid == kid).unwrap();
        assert!(signer.active_from <= *now, "an announced key signed");
        assert!(rows.iter().all(|row| row.active_from > *now || row.active_from <= signer.active_from), "not the youngest");
        // Whoever has the token can verify it for all of `retire_after`.
        for later in instants.iter().filter(|later| now <= *later && **later <= *now + POLICY.retire_after) {
            assert!(published(*later).contains(kid));
        }
        assert!(ring.verify(&token, &["at+jwt"], *now + POLICY.retire_after).is_ok());
    }
    for pair in instants.windows(2) {
        let (now, later) = (pair[0], pair[1]);
        let changes = ring.next_change(now).is_some_and(|at| at <= later);
        assert_eq!(ring.states(now) != ring.states(later), changes);
        assert!(changes || ring.jwks(now) == ring.jwks(later));
    }
    // And in the end the old ones are gone, and their tokens with them.
    let old = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    assert!(ring.verify(&old, &["at+jwt"], at(149)).is_ok());
    assert_eq!(ring.verify(&old, &["at+jwt"], at(150)), Err(VerifyError::RetiredKey));
    assert_eq!(published(at(1000)), BTreeSet::from([rows[3].kid.clone()]));
    assert_eq!(ring.next_change(at(1000)), None);
}

#[test]
fn an_announced_key_is_published_signs_nothing_and_verifies_for_a_replica_that_is_ahead() {
    let rows = [key(SigningAlg::Es256, 0, 0), key(SigningAlg::Es256, 10, 20)];
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    assert!(ring.jwks(at(10)).contains(&rows[1].kid));
    let ahead = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(20)).unwrap();
    assert!(ring.verify(&ahead, &["at+jwt"], at(19)).is_ok());
    let now = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(19)).unwrap();
    assert_ne!(ahead.split('.').next(), now.split('.').next());
}

#[test]
fn a_key_retired_by_hand_verifies_nothing_from_then_on() {
    let mut rows = vec![key(SigningAlg::Es256, 0, 0)];
    let token = KeyRing::load(&rows, &sealer(), POLICY).unwrap().sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    rows[0].retired_at = Some(at(30));
    rows.push(key(SigningAlg::Es256, 30, 30));
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    for verify in
        [KeyRing::verify as fn(&KeyRing, &str, &[&str], Timestamp) -> _, |ring, token, typ, now| ring.verify_cached(token, typ, now).map(Arc::unwrap_or_clone)]
    {
        assert!(verify(&ring, &token, &["at+jwt"], at(30) - TimeDelta::microseconds(1)).is_ok());
        assert_eq!(verify(&ring, &token, &["at+jwt"], at(30)), Err(VerifyError::RetiredKey));
    }
    assert!(!ring.jwks(at(30)).contains(&rows[0].kid));
    assert!(ring.has_active(SigningAlg::Es256, at(30)));
    assert!(ring.knows(&rows[0].kid) && !ring.knows("other"));
}

#[test]
fn without_an_active_key_signing_says_so() {
    let ring = KeyRing::load(&[key(SigningAlg::Es256, 0, 10)], &sealer(), POLICY).unwrap();
    assert!(!ring.has_active(SigningAlg::Es256, at(9)));
    assert!(matches!(ring.sign(SigningAlg::Es256, "JWT", &claims(), at(9)), Err(KeyError::NoActiveKey(SigningAlg::Es256))));
    assert!(matches!(ring.sign(SigningAlg::EdDsa, "JWT", &claims(), at(10)), Err(KeyError::NoActiveKey(SigningAlg::EdDsa))));
    assert_eq!(ring.next_change(at(9)), Some(at(10)));
}

#[test]
fn remembering_changes_the_cost_and_never_the_answer() {
    let ring = ring();
    let (token, other) = (ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap(), ring.sign(SigningAlg::EdDsa, "JWT", &claims(), at(0)).unwrap());
    // A wrong type is not remembered, and remembering does not let it through.
    assert_eq!(ring.verify_cached(&token, &["JWT"], at(0)), Err(VerifyError::WrongType));
    assert!(ring.verified_tokens().is_empty());
    let first = ring.verify_cached(&token, &["at+jwt"], at(0)).unwrap();
    let second = ring.verify_cached(&token, &["application/AT+JWT"], at(0)).unwrap();
    assert!(Arc::ptr_eq(&first, &second), "the second answer was remembered");
    assert_eq!(*first, claims());
    assert_eq!(ring.verify_cached(&token, &["JWT"], at(0)), Err(VerifyError::WrongType));
    // Failures are not remembered.
    for forged in [format!("{token}A"), token.replacen('.', "..", 1), other.replace('.', ""), String::new()] {
        assert!(ring.verify_cached(&forged, &["at+jwt", "JWT"], at(0)).is_err());
    }
    assert_eq!(ring.verified_tokens().len(), 1);
    // Long tokens are verified each time.
    let long = ring.sign(SigningAlg::EdDsa, "at+jwt", json!({ "pad": "a".repeat(4000) }).as_object().unwrap(), at(0)).unwrap();
    assert!(ring.verify_cached(&long, &["at+jwt"], at(0)).is_ok());
    assert_eq!(ring.verified_tokens().len(), 1);
    // Another ring, after a reload, knows nothing of it.
    let reloaded = KeyRing::load(&ROWS, &sealer(), POLICY).unwrap();
    assert!(reloaded.verified_tokens().is_empty());
}

#[test]
fn a_remembered_token_dies_with_its_key() {
    let rows = [key(SigningAlg::Es256, 0, 0), key(SigningAlg::Es256, 10, 20)];
    let ring = KeyRing::load(&rows, &sealer(), POLICY).unwrap();
    let token = ring.sign(SigningAlg::Es256, "at+jwt", &claims(), at(0)).unwrap();
    assert!(ring.verify_cached(&token, &["at+jwt"], at(0)).is_ok());
    assert!(ring.verify_cached(&token, &["at+jwt"], at(79)).is_ok());
    assert_eq!(ring.verify_cached(&token, &["at+jwt"], at(80)), Err(VerifyError::RetiredKey));
}

#[test]
fn many_threads_share_one_ring() {
    let ring = ring();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let ring = &ring;
            scope.spawn(move || {
                for number in 0..50 {
                    let claims = json!({ "thread": thread, "number": number }).as_object().unwrap().clone();
                    let token = ring.sign(SigningAlg::EdDsa, "at+jwt", &claims, at(0)).unwrap();
                    for _ in 0..3 {
                        assert_eq!(*ring.verify_cached(&token, &["at+jwt"], at(0)).unwrap(), claims);
                    }
                }
            });
        }
    });
    assert_eq!(ring.verified_tokens().len(), 200);
}
