//! Pages of other origins: those of the token's own client read the answers, and nobody else's (CR-02).

use super::*;
use crate::support::database::each_database;

each_database!(cr_02_only_the_pages_of_the_tokens_client_read_an_answer, a_page_may_ask_before_it_asks);

const ALLOWED: &str = "access-control-allow-origin";
const EVIL: [&str; 4] = ["https://evil.test", "null", "https://my.example.test.evil.test", "http://my.example.test"];

async fn cr_02_only_the_pages_of_the_tokens_client_read_an_answer(database: Database) {
    let app = start(database).await;
    let token = signed_in(&app, "alice").await;
    // Another client's origin is registered, and is not this client's.
    for (origin, expected) in
        [(ACCOUNT_PAGE_ORIGIN, Some(ACCOUNT_PAGE_ORIGIN)), ("https://app.example.test", None)].into_iter().chain(EVIL.map(|origin| (origin, None)))
    {
        for (path, status) in [("/profile", 200), ("/sessions/none", 404), ("/sessions?limit=0", 400), ("/nothing", 404)] {
            let answer = request(&app, Method::GET, path, Some(&token), &[("origin", origin)], "").await;
            assert_eq!((answer.status.as_u16(), answer.header(ALLOWED), answer.header("vary")), (status, expected, Some("Origin")), "{origin} {path}");
            assert_eq!(answer.header("access-control-allow-credentials"), None, "no cookie is looked at");
        }
    }
    // Whose answer it is cannot be told: a developer may still read what is wrong.
    for (bearer, kind) in [(None, "token-missing"), (Some("x"), "token-invalid")] {
        let answer = request(&app, Method::GET, "/profile", bearer, &[("origin", ACCOUNT_PAGE_ORIGIN)], "").await;
        assert_problem(&answer, 401, kind, kind);
        assert_eq!(answer.header(ALLOWED), Some(ACCOUNT_PAGE_ORIGIN));
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("www-authenticate") && exposed.contains("retry-after"), "{exposed}");
        let evil = request(&app, Method::GET, "/profile", bearer, &[("origin", EVIL[0])], "").await;
        assert_eq!(evil.header(ALLOWED), None);
    }
    // A request that is refused before it is read is read by the page that sent it; of two origins by neither.
    let long = "x".repeat(70_000);
    let answer = request(&app, Method::PUT, "/password", Some(&token), &[("origin", ACCOUNT_PAGE_ORIGIN)], &long).await;
    assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (413, Some(ACCOUNT_PAGE_ORIGIN)));
    let twice = [("origin", ACCOUNT_PAGE_ORIGIN), ("origin", EVIL[0])];
    let answer = request(&app, Method::GET, "/profile", Some(&token), &twice, "").await;
    assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (400, None));
}

async fn a_page_may_ask_before_it_asks(database: Database) {
    let app = start(database).await;
    let preflight = async |path: &str, origin: &str, method: &str| {
        let headers = [("origin", origin), ("access-control-request-method", method), ("access-control-request-headers", "authorization,content-type")];
        app.network.send(Method::OPTIONS, &format!("{}account/api/v1{path}", app.issuer), &headers, "").await
    };
    for (path, method) in [("/profile", "GET"), ("/sessions/x/end", "POST"), ("/password", "PUT"), ("/applications/page", "DELETE")] {
        let answer = preflight(path, ACCOUNT_PAGE_ORIGIN, method).await;
        assert_eq!((answer.status.as_u16(), answer.header(ALLOWED)), (204, Some(ACCOUNT_PAGE_ORIGIN)), "{method} {path}");
        assert!(answer.header("access-control-allow-methods").unwrap().split(", ").any(|allowed| allowed == method), "{method}");
        assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
        for origin in EVIL {
            let answer = preflight(path, origin, method).await;
            assert_eq!((answer.header(ALLOWED), answer.header("access-control-allow-methods")), (None, None), "{origin}");
        }
    }
    // The admin API answers no other origin, whatever is asked (CR-04).
    let headers = [("origin", ACCOUNT_PAGE_ORIGIN), ("access-control-request-method", "GET")];
    let admin = app.network.send(Method::OPTIONS, &format!("{}admin/api/v1/users", app.issuer), &headers, "").await;
    assert_eq!((admin.status.as_u16(), admin.header(ALLOWED)), (405, None));
}
