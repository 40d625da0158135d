//! What ends when a client gives a refresh token back (RFC 7009 §2.1).

use crate::domain::client::Client;
use crate::domain::clock::Timestamp;
use crate::domain::id::{GrantId, SessionId};
use crate::domain::lifetime::Limits;
use crate::protocol::token::refresh_token::{Facts, usable};
use crate::protocol::token::stands_for_session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// It was given to somebody else: nothing (RFC 7009 §2.1), and the caller learns nothing of it.
    Nothing,
    /// The family, and the access tokens that came from it.
    Grant(GrantId),
    /// The session that the token of this grant stands for (`online_access`), and all that hangs on it.
    Session(SessionId, GrantId),
}

/// What ends with a token that has been verified against its family's secret, of whichever generation: who gives an old one back wants
/// the family gone.
///
/// Only a token that still works ends the session: what has ended or run out, or what the user has taken back, is no right to sign anybody out.
pub fn ends(facts: &Facts<'_>, client: &Client, limits: &Limits, now: Timestamp) -> Ends {
    let family = facts.family;
    if family.client_id != client.id {
        return Ends::Nothing;
    }
    let works = family.ended.is_none() && usable(facts, client, limits, now).is_ok();
    if works && stands_for_session(&family.grant, client) { Ends::Session(family.session_id, family.id) } else { Ends::Grant(family.id) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{ClientKind, ClientMetadata};
    use crate::domain::consent::Consent;
    use crate::domain::duration::Lifetime;
    use crate::domain::refresh_family::RefreshFamily;
    use crate::domain::scope::Scope;
    use crate::domain::session::{EndReason, Ended, Session};
    use crate::domain::tenure::Tenure;
    use crate::protocol::session::tests::{a_client, at, session, user};
    use crate::protocol::token::refresh_token::tests::family;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    fn client(id: &str, registered: &str, first_party: bool) -> Client {
        let metadata = ClientMetadata { scope: scope(registered), first_party, ..ClientMetadata::defaults(ClientKind::Web, "App") };
        a_client(id, metadata)
    }

    fn ended_by(family: &RefreshFamily, session: Option<&Session>, consent: Option<&Consent>, client: &Client, limits: &Limits, now: i64) -> Ends {
        let user = user();
        ends(&Facts { family, user: Some(&user), session, client_session: None, consent, tenure: &Tenure::UNBROKEN }, client, limits, at(now))
    }

    const ONLINE: &str = "openid online_access";

    #[test]
    fn only_online_access_ends_the_session() {
        let (session, limits, own) = (session(), Limits::default(), client("app", "openid online_access offline_access", true));
        let of = |granted: &str, client: &Client| ended_by(&family(granted), Some(&session), None, client, &limits, 10);
        let grant = Ends::Grant(family(ONLINE).id);
        assert_eq!(of(ONLINE, &own), Ends::Session(session.id, family(ONLINE).id));
        assert_eq!(of("openid", &own), grant);
        assert_eq!(of("openid offline_access", &own), grant);
        assert_eq!(of("openid offline_access online_access", &own), grant, "it outlives the session, so it is none of it");
        assert_eq!(of(ONLINE, &client("app", "openid", true)), grant, "who may ask for it no more");
        assert_eq!(of(ONLINE, &client("other", ONLINE, true)), Ends::Nothing);
        let mut public = own.clone();
        public.metadata.authentication = crate::domain::client::ClientAuthentication::None;
        assert_eq!(of(ONLINE, &public), grant);
    }

    /// A dead token is no right to sign anybody out.
    #[test]
    fn only_what_still_works_ends_the_session() {
        let (live, own) = (session(), client("app", ONLINE, true));
        let grant = Ends::Grant(family(ONLINE).id);
        let limits = Limits { refresh_idle: Lifetime::seconds(10), ..Limits::default() };
        assert_eq!(ended_by(&family(ONLINE), Some(&live), None, &own, &limits, 9), Ends::Session(live.id, family(ONLINE).id));
        assert_eq!(ended_by(&family(ONLINE), Some(&live), None, &own, &limits, 10), grant);
        let limits = Limits::default();
        let gone = RefreshFamily { ended: Some(Ended { at: at(1), reason: EndReason::CodeReplayed }), ..family(ONLINE) };
        assert_eq!(ended_by(&gone, Some(&live), None, &own, &limits, 9), grant);
        assert_eq!(ended_by(&family(ONLINE), None, None, &own, &limits, 9), grant);
        let (online, ended) = (family(ONLINE), Session { ended: Some(Ended { at: at(1), reason: EndReason::Logout }), ..session() });
        assert_eq!(ended_by(&family(ONLINE), Some(&ended), None, &own, &limits, 9), grant);
        // All that the client had was ended while it was redeemed.
        let (user, stopped) = (user(), Tenure { stopped_at: Some(at(5)), ..Tenure::UNBROKEN });
        let facts = |tenure| Facts { family: &online, user: Some(&user), session: Some(&live), client_session: None, consent: None, tenure };
        assert_eq!(ends(&facts(&stopped), &own, &limits, at(9)), grant);
        assert_eq!(ends(&facts(&Tenure::UNBROKEN), &own, &limits, at(9)), Ends::Session(live.id, online.id), "the control");
        // The user has taken it back, or never gave that much.
        let asking = client("app", ONLINE, false);
        let consent = |text| Consent { user_id: user.id, client_id: asking.id.clone(), scope: scope(text), granted_at: at(0) };
        assert_eq!(ended_by(&family(ONLINE), Some(&live), None, &asking, &limits, 9), grant);
        assert_eq!(ended_by(&family(ONLINE), Some(&live), Some(&consent("openid")), &asking, &limits, 9), grant);
        assert_eq!(ended_by(&family(ONLINE), Some(&live), Some(&consent(ONLINE)), &asking, &limits, 9), Ends::Session(live.id, family(ONLINE).id));
    }
}
