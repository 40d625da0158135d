//! Fills the database with sessions, each of a user of its own and with a refresh family, so that growth shows what it costs.
//!
//! Every row is a copy of one that the server itself wrote, with other ids, written by the store's own functions.

use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};
use gatekey::domain::authorization_code::RedeemedCode;
use gatekey::domain::entropy::SystemEntropy;
use gatekey::domain::id::{GrantId, SessionId, UserId};
use gatekey::domain::refresh_family::RefreshFamily;
use gatekey::domain::secret::{self, Secret};
use gatekey::domain::session::Session;
use gatekey::domain::user::User;
use gatekey::store::redeemed_codes::{self, Redemption};
use gatekey::store::{Options, Store, refresh_families, sessions, users};
use sha2::Digest;

use super::outside::Browser;
use super::server::Server;

/// Rows of one transaction: a second of work at most, on either database.
const CHUNK: usize = 1000;

/// Name and value of the session cookie: the others have its name and a word more.
pub fn session_cookie(browser: &Browser) -> (String, String) {
    let cookies = browser.cookie();
    let session = cookies.split("; ").filter_map(|pair| pair.split_once('=')).min_by_key(|(name, _)| name.len());
    session.map(|(name, value)| (name.to_owned(), value.to_owned())).expect("a session cookie")
}

/// The value of the session cookie of a filled-in session.
pub fn cookie(index: usize) -> String {
    URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(format!("session {index} of the load driver")))
}

struct Template {
    user: User,
    session: Session,
    code: RedeemedCode,
    family: RefreshFamily,
}

const USED_JUST_NOW: [&str; 2] = [
    "UPDATE sessions SET last_used_at = (SELECT max(last_used_at) FROM sessions)",
    "UPDATE client_sessions SET last_used_at = (SELECT max(last_used_at) FROM sessions)",
];

/// Writes `count` sessions like the one of `browser`, once for each folder.
pub fn fill(server: &Server, browser: &Browser, count: usize) {
    let done = server.folder.join("filled");
    if std::fs::read_to_string(&done).is_ok_and(|text| text == count.to_string()) {
        return;
    }
    runtime().block_on(async {
        let store = Store::open(&Options::new(&server.database)).await.unwrap();
        let template = Arc::new(template(&store, browser).await);
        let mut writing = tokio::task::JoinSet::new();
        for start in (0..count).step_by(CHUNK) {
            if writing.len() == 8 {
                writing.join_next().await.unwrap().unwrap();
            }
            let (store, template) = (store.clone(), template.clone());
            writing.spawn(async move {
                let rows = start..count.min(start + CHUNK);
                store
                    .write(move |db| {
                        rows_of(&template, rows).try_for_each(|(user, session, redemption)| {
                            users::insert(db, &user)?;
                            sessions::insert(db, &session)?;
                            redeemed_codes::redeem(db, &redemption).map(|first| assert!(first))
                        })
                    })
                    .await
                    .unwrap();
            });
        }
        while let Some(written) = writing.join_next().await {
            written.unwrap();
        }
        store.close().await;
    });
    std::fs::write(done, count.to_string()).unwrap();
}

/// A use of a session that has rested for a minute is written down, and each request would be such a use: another operation than
/// the one that is measured. Ada has just signed in, so her time is the latest.
pub fn all_used_just_now(server: &Server) {
    runtime().block_on(async {
        let store = Store::open(&Options::new(&server.database)).await.unwrap();
        for update in USED_JUST_NOW {
            store.write(move |db| Ok(diesel::sql_query(update).execute(db)?)).await.unwrap();
        }
        store.close().await;
    });
    // Rows by the million at once leave a log as long as no requests do, and every page that is read is looked for in it first.
    if let Some(file) = server.database.strip_prefix("sqlite://") {
        SqliteConnection::establish(file).unwrap().batch_execute("PRAGMA busy_timeout = 5000; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

async fn template(store: &Store, browser: &Browser) -> Template {
    let cookie = Secret::new(session_cookie(browser).1).digest();
    let read = store.read(move |db| {
        let facts = sessions::facts(db, &cookie, None)?.expect("ada's session");
        let mut families = refresh_families::list_by_user(db, facts.user.id, None, 1)?;
        let family = families.pop().expect("a family of ada's");
        let code = redeemed_codes::find(db, family.id)?.expect("the code of ada's family");
        Ok(Template { user: facts.user, session: facts.session, code, family })
    });
    read.await.unwrap()
}

fn rows_of(template: &Template, range: Range<usize>) -> impl Iterator<Item = (User, Session, Redemption)> {
    range.map(move |index| {
        // Ids carry the time they were made at: one sign-in a millisecond.
        let made_at = template.session.created_at + TimeDelta::milliseconds(index as i64);
        let (user_id, session_id, grant_id) =
            (UserId::generate(made_at, &SystemEntropy), SessionId::generate(made_at, &SystemEntropy), GrantId::generate(made_at, &SystemEntropy));
        let user = User { id: user_id, username: format!("user{index}"), ..template.user.clone() };
        let cookie_digest = secret::Digest::of(cookie(index).as_bytes());
        let session = Session { id: session_id, user_id, cookie_digest, ..template.session.clone() };
        let code = RedeemedCode { id: grant_id, user_id, session_id, ..template.code.clone() };
        let family = RefreshFamily { id: grant_id, user_id, session_id, ..template.family.clone() };
        (user, session, Redemption { code, family: Some(family) })
    })
}
