//! Telling applications that a session has ended (Back-Channel Logout 1.0 §2.5): whatever ends a client session has queued a notice in the
//! same transaction; here they are sent.
//!
//! 1. Look for what is due.
//! 2. Take it: of several replicas one does, and only for as long as a try may last.
//! 3. Sign a token for this try and post it.
//! 4. Heard: the notice is gone. Else it is due again later, or given up when it has been tried for long enough.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use chrono::TimeDelta;
use tokio::task::JoinSet;

use super::{Core, Failure, subject};
use crate::domain::clock::Timestamp;
use crate::domain::entropy::random;
use crate::domain::event::{EventKind, Object, Occasion};
use crate::domain::id::{ClientId, LinkId};
use crate::domain::logout_notice::LogoutNotice;
use crate::outbound::Undelivered;
use crate::protocol::logout_notice::{Next, after_failure, wait};
use crate::protocol::logout_token::{LogoutToken, TYP};
use crate::store::{clients, events, logout_notices};

/// How soon a replica sees what was queued, by whomever.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Sent at once to one application, and to all.
const OF_EACH: usize = 8;
const AT_ONCE: usize = 64;
/// Longer than a try with its signature can take: then it is due again, for its sender has crashed.
const LEASE: TimeDelta = TimeDelta::seconds(30);
/// How long one that was given up is still shown.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Sends what is due, now and from now on, until the issuer is gone.
pub async fn run(core: Weak<Core>) {
    while let Some(core) = core.upgrade() {
        deliver(&core).await;
        drop(core);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Sends what is due, until nothing is.
pub async fn deliver(core: &Arc<Core>) {
    let mut sending = Sending::default();
    loop {
        match sending.take_due(core).await {
            Ok(taken) => taken.into_iter().for_each(|notice| sending.send(core, notice)),
            Err(failure) => tracing::warn!(%failure, "logout notices could not be read; it is tried again in a second"),
        }
        if sending.tries.is_empty() {
            return;
        }
        tokio::select! {
            Some(ended) = sending.tries.join_next() => sending.ended(ended.ok()),
            // One application that is slow to answer does not keep the others from hearing.
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// The tries under way.
#[derive(Default)]
struct Sending {
    tries: JoinSet<ClientId>,
    of_each: HashMap<ClientId, usize>,
}

impl Sending {
    async fn take_due(&self, core: &Core) -> Result<Vec<LogoutNotice>, Failure> {
        let now = core.now();
        let due = core.store.read(move |db| logout_notices::due(db, OF_EACH as u32, 4 * AT_ONCE as u32, now)).await?;
        let mut free: HashMap<ClientId, usize> = HashMap::new();
        let mut places = AT_ONCE.saturating_sub(self.tries.len());
        let wanted: Vec<LogoutNotice> = due
            .into_iter()
            .filter(|notice| {
                let busy = self.of_each.get(&notice.client_id).copied().unwrap_or(0);
                let free = free.entry(notice.client_id.clone()).or_insert(OF_EACH.saturating_sub(busy));
                let has_place = *free > 0 && places > 0;
                if has_place {
                    *free -= 1;
                    places -= 1;
                }
                has_place
            })
            .collect();
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        Ok(core.store.write(move |db| logout_notices::take(db, &wanted, now + LEASE, now)).await?)
    }

    fn send(&mut self, core: &Arc<Core>, notice: LogoutNotice) {
        *self.of_each.entry(notice.client_id.clone()).or_default() += 1;
        let core = core.clone();
        self.tries.spawn(async move {
            let outcome = tell(&core, &notice).await;
            if let Err(failure) = note(&core, &notice, outcome).await {
                // The notice is due again when its time is up: the application may hear twice, which it must bear (§2.5: at least once).
                tracing::warn!(client = %notice.client_id, %failure, "the outcome of a logout notice could not be written");
            }
            notice.client_id
        });
    }

    fn ended(&mut self, client: Option<ClientId>) {
        match client {
            Some(client) => {
                if let Some(busy) = self.of_each.get_mut(&client) {
                    *busy = busy.saturating_sub(1);
                }
            }
            // A try that panicked does not say whose it was; its notice is due again in time.
            None => self.of_each.clear(),
        }
    }
}

/// What came of a try.
enum Outcome {
    Heard,
    /// The application is gone, or wants to hear nothing any more.
    NobodyToTell,
    /// The application answered, but not that it heard.
    Refused(u16),
    /// Whatever else there is for it would fare the same now.
    Undelivered(Undelivered),
}

async fn tell(core: &Core, notice: &LogoutNotice) -> Result<Outcome, Failure> {
    let id = notice.client_id.clone();
    let client = core.store.read(move |db| clients::find(db, &id)).await?;
    // The address of today: the admin may have mended it.
    let Some((client, uri)) = client.as_ref().and_then(|client| Some((client, client.metadata.backchannel_logout_uri.as_ref()?))) else {
        return Ok(Outcome::NobodyToTell);
    };
    let now = core.now();
    let token = LogoutToken {
        issuer: core.issuer(),
        client_id: &client.id,
        subject: &subject::of(core, client, notice.user_id),
        sid: &core.sids.sid(notice.session_id, &client.id),
        id: &LinkId::generate(now, core.entropy.as_ref()).to_string(),
        issued_at: now,
    };
    // §2.4: signed as the client's ID tokens are.
    let signed = core.keys.sign(core, client.metadata.id_token_signed_response_alg, TYP, &token.claims(), now).await?;
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("logout_token", &signed).finish();
    Ok(match core.outbound.post_form(uri.as_str(), form).await {
        // §2.8: 200, and 204 for frameworks that make that of an answer without a body.
        Ok(200..=299) => Outcome::Heard,
        Ok(status) => Outcome::Refused(status),
        Err(undelivered) => Outcome::Undelivered(undelivered),
    })
}

async fn note(core: &Core, notice: &LogoutNotice, outcome: Result<Outcome, Failure>) -> Result<(), Failure> {
    let client = &notice.client_id;
    let (why, client_is_away) = match outcome {
        Ok(Outcome::Heard) => {
            let taken = notice.clone();
            core.store.write(move |db| logout_notices::remove(db, &taken)).await?;
            tracing::info!(event = "logout_notice.delivered", %client, attempts = notice.attempts, "an application was told of a logout");
            return Ok(());
        }
        Ok(Outcome::NobodyToTell) => {
            let taken = notice.clone();
            core.store.write(move |db| logout_notices::remove(db, &taken)).await?;
            return Ok(());
        }
        Ok(Outcome::Refused(status @ 300..=399)) => (format!("it answered {status}: redirects are not followed; register the address they lead to"), false),
        Ok(Outcome::Refused(status)) => (format!("it answered {status}"), false),
        Ok(Outcome::Undelivered(undelivered)) => (undelivered.to_string(), true),
        Err(failure) => (format!("the logout token could not be made: {failure}"), false),
    };
    failed(core, notice, why, client_is_away).await
}

async fn failed(core: &Core, notice: &LogoutNotice, why: String, client_is_away: bool) -> Result<(), Failure> {
    let now = core.now();
    let next = match after_failure(notice, core.settings.logout.retry_for, u16::from_be_bytes(random(core.entropy.as_ref())), now) {
        Next::TryAt(next) => Some(next),
        Next::GiveUp => None,
    };
    let (taken, text) = (notice.clone(), why.clone());
    // One that has no connection is asked again by one notice after the other, not by all that wait.
    let pause: Timestamp = now + wait(notice.attempts, 0);
    let occasion = Occasion::of_server(now, &core.entropy);
    let mine = core.store.write(move |db| {
        let mine = logout_notices::failed(db, &taken, &text, next, now)?;
        if mine && client_is_away {
            logout_notices::postpone(db, &taken.client_id, pause, now)?;
        }
        if mine && next.is_none() {
            let event = occasion.event(EventKind::LogoutNoticeGaveUp, Object::Client(taken.client_id.clone())).of(taken.user_id);
            events::record(db, &event.with("session", taken.session_id).with("attempts", taken.attempts))?;
            logout_notices::forget(db, now - KEPT)?;
        }
        Ok(mine)
    });
    if !mine.await? {
        return Ok(());
    }
    let (client, attempts) = (&notice.client_id, notice.attempts);
    match next {
        Some(next) => tracing::warn!(event = "logout_notice.failed", %client, attempts, why, next_try_at = %next, "an application was not told of a logout"),
        None => tracing::error!(event = "logout_notice.gave_up", %client, attempts, why, "an application was not told of a logout, and is not tried again"),
    }
    Ok(())
}
