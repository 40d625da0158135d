//! When a refresh family lives: its own limits, and the session that it hangs on.

use super::refresh_token::{Dead, by_time};
use crate::domain::client_session::ClientSession;
use crate::domain::clock::Timestamp;
use crate::domain::duration::earlier;
use crate::domain::lifetime::Limits;
use crate::protocol::session::{Deadlines, Standing, Times, grant_by_standing};

/// The judgement of a family that has not been ended, but for what its user and the user's consent say.
pub fn by_standing(
    family: Times,
    outlives_session: bool,
    session: Option<&Standing>,
    client_session: Option<&Standing>,
    limits: &Limits,
    now: Timestamp,
) -> Result<Deadlines, Dead> {
    let own = by_time(family, limits, now).map_err(Dead::Expired)?;
    if outlives_session {
        // A code redeemed at the very moment its session was revoked leaves a family that the ending did not see.
        if let Some(reason) = session.and_then(|session| session.ended).filter(|reason| !reason.spares_offline_access()) {
            return Err(Dead::Refused(reason.as_str()));
        }
        return Ok(own);
    }
    let Some(session) = session else {
        return Err(Dead::Refused("session is gone"));
    };
    let session = grant_by_standing(session, client_session, limits, now)?;
    Ok(Deadlines { absolute: earlier(own.absolute, session.absolute), idle: earlier(own.idle, session.idle) })
}

/// Whether what was given in that millisecond is older than the client session's new beginning. A code redeemed at the very moment the client session was
/// ended begins it anew, and leaves a family that the ending did not see. Whatever its scope: what ends a client session alone spares no
/// `offline_access`.
pub fn is_of_before(given_in: i64, client_session: Option<&ClientSession>) -> bool {
    client_session.is_some_and(|client_session| client_session.ended.is_none() && client_session.has_ended_grant(given_in))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::session::{EndReason, Ended};
    use crate::domain::tenure::Tenure;
    use crate::protocol::session::tests::{a_client, at, client_session, session, user};
    use crate::protocol::token::refresh_token::tests::family;
    use crate::protocol::token::refresh_token::{Facts, usable};

    /// Of the very instant included.
    #[test]
    fn a_client_session_begun_anew_takes_no_family_of_before_along() {
        let anew = ClientSession { last_ended_at: Some(at(10)), ..client_session() };
        for (created, before) in [(9, true), (10, true), (11, false)] {
            assert_eq!(is_of_before(at(created).timestamp_millis(), Some(&anew)), before, "{created}");
        }
        let given_in = at(9).timestamp_millis();
        assert!(!is_of_before(given_in, None) && !is_of_before(given_in, Some(&client_session())));
        // One that has not begun anew is judged by its end, which may spare what outlives the session.
        let over = ClientSession { ended: Some(Ended { at: at(10), reason: EndReason::Logout }), ..anew };
        assert!(!is_of_before(given_in, Some(&over)));
    }

    #[test]
    fn that_is_asked_of_every_family() {
        use crate::domain::client::{ClientKind, ClientMetadata};
        let (session, user) = (session(), user());
        let metadata = ClientMetadata { first_party: true, ..ClientMetadata::defaults(ClientKind::Spa, "App") };
        let client = a_client(client_session().client_id.as_str(), metadata);
        for scope in ["openid", "openid offline_access"] {
            for (ended, judged) in [(-1, None), (0, Some(Dead::Refused("client_session_ended")))] {
                let (family, client_session) = (family(scope), ClientSession { last_ended_at: Some(at(ended)), ..client_session() });
                let facts = Facts {
                    family: &family,
                    user: Some(&user),
                    session: Some(&session),
                    client_session: Some(&client_session),
                    consent: None,
                    tenure: &Tenure::UNBROKEN,
                };
                assert_eq!(usable(&facts, &client, &Limits::default(), at(1)).err(), judged, "{scope} {ended}");
            }
        }
    }
}
