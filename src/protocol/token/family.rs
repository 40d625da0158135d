//! When a refresh family lives: its own limits, and the session that it hangs on.

use super::refresh_token::{Dead, by_time};
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
