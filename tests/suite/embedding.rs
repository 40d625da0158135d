//! A crate first: two issuers in one process, under different paths, on a current-thread runtime, with nothing in common.

use std::sync::Arc;

use chrono::DateTime;
use gatekey::domain::clock::ManualClock;
use poem::{Route, handler};

use crate::support::app::{App, OWN_PAGE, settings};
use crate::support::database::{Backend, Database, run};
use crate::support::network::Network;
use crate::support::relying_party::RelyingParty;

#[handler]
fn hello() -> &'static str {
    "the host's own page"
}

#[test]
fn two_issuers_under_two_paths() {
    run(Backend::Sqlite, |first| async move {
        let second = Database::create(Backend::Postgres);
        let clock = Arc::new(ManualClock::new(DateTime::from_timestamp(1_800_000_000, 0).unwrap()));
        let issuers = ["https://id.example.test/first/", "https://id.example.test/second/"];
        let mut settings = [settings(issuers[0], &first), settings(issuers[1], &second)];
        // The same master key too: what keeps them apart must be the issuer.
        settings[1].users.truncate(1);
        let [one, two] = settings;
        let mut first = App::on(Arc::new(first), one, clock.clone(), "first").await;
        let mut second = App::on(Arc::new(second), two, clock, "second").await;
        let routes = Route::new().nest("/first", first.routes()).nest("/second", second.routes()).at("/hello", hello);
        let network = Network::new(routes);
        (first.network, second.network) = (network.clone(), network.clone());

        // One browser, signed in at both, and each knows only its own.
        let mut browser = first.browser();
        let at_first = first.relying_party(OWN_PAGE);
        let at_second = second.relying_party(OWN_PAGE);
        let tokens = first.sign_in(&mut browser, &at_first, "openid").await;
        assert_eq!(at_second.error(&second.silently(&mut browser, &at_second, "openid", &[]).await), "login_required");
        let others = second.sign_in(&mut browser, &at_second, "openid").await;
        at_first.code(&first.silently(&mut browser, &at_first, "openid", &[]).await);
        at_second.code(&second.silently(&mut browser, &at_second, "openid", &[]).await);
        assert_eq!(browser.jar.all().len(), 8, "four cookies each: {:?}", browser.jar.all());

        for (issuer, party) in [(&first, &at_first), (&second, &at_second)] {
            let metadata = network.get(&party.endpoint(".well-known/openid-configuration"), &[]).await.json();
            assert_eq!(metadata["issuer"], issuer.issuer.as_str());
            for name in ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint"] {
                assert!(metadata[name].as_str().unwrap().starts_with(&issuer.issuer), "{name}");
            }
        }

        // MX-02: nothing of one is worth anything at the other, and harms nothing there.
        let code = at_first.code(&first.silently(&mut browser, &at_first, "openid", &[]).await);
        assert_eq!(at_second.try_exchange(&code).await.error(), "invalid_grant");
        at_second.refused(tokens.refresh()).await;
        assert_eq!(at_second.userinfo(&tokens.access).await.status.as_u16(), 401);
        at_first.exchange(&code).await;
        at_first.refresh(tokens.refresh()).await;
        at_second.refresh(others.refresh()).await;

        let answer = network.get("https://id.example.test/hello", &[]).await;
        assert_eq!(answer.text(), "the host's own page");
        let elsewhere = RelyingParty { issuer: "https://id.example.test/".to_owned(), ..at_first };
        assert_eq!(network.get(&elsewhere.endpoint("authorize"), &[]).await.status.as_u16(), 404);
    });
}
