//! What a client may ask for itself (RFC 6749 §4.4); how it proves who it is, is `security/client_authentication.rs`.

use serde_json::json;

use crate::support::app::{App, MACHINE, PAGE, SERVER};
use crate::support::database::{Database, each_database};
use crate::support::relying_party::tokens;

each_database!(a_machine_acts_for_itself);

/// RFC 6749 §4.4, RFC 9068 §2.2. CS-04, TI-08.
async fn a_machine_acts_for_itself(database: Database) {
    let app = App::start(database).await;
    let machine = app.relying_party(MACHINE);
    let answer = tokens(&machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read")]).await);
    assert_eq!(answer.json["scope"], "jobs:read");
    let claims = machine.claims(&answer.access).await;
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(MACHINE), &json!(MACHINE)));
    assert_eq!(machine.introspect(&answer.access).await["active"], true);
    assert_eq!(machine.userinfo(&answer.access).await.status.as_u16() / 100, 4, "there is no user behind it");
    let wider = machine.post("oauth/token", &[("grant_type", "client_credentials"), ("scope", "jobs:read admin")]).await;
    assert_eq!(wider.error(), "invalid_scope");
    for other in [PAGE, SERVER] {
        let answer = app.relying_party(other).post("oauth/token", &[("grant_type", "client_credentials")]).await;
        assert_eq!(answer.error(), "unauthorized_client", "{other}");
    }
}
