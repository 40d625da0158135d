//! The user's answer on the consent page.

use super::authorize::{Cookies, Outcome, QuestionKind, deny, resume_opened};
use super::ticket::Authorization;
use super::{Core, Failure};
use crate::domain::consent::Consent;
use crate::domain::event::{Actor, EventKind, Object};
use crate::store::{consents, events};

/// Remembers what was allowed, and goes on. Only what the page asked for is granted: the scope comes from the sealed
/// request, never from the form (RU-15).
pub async fn answer(core: &Core, authorization: Authorization, allow: bool, cookies: Cookies<'_>) -> Result<Outcome, Failure> {
    if !allow {
        return deny(core, &authorization).await;
    }
    let question = match resume_opened(core, authorization.clone(), cookies).await? {
        Outcome::Ask(question) => question,
        answered => return Ok(answered),
    };
    let (QuestionKind::Consent(scope), Some(user)) = (&question.kind, &question.user) else {
        return Ok(Outcome::Ask(question));
    };
    // Somebody else has signed in since the page was shown: they have not been asked.
    if question.authorization.asked != authorization.asked {
        return Ok(Outcome::Ask(question));
    }
    let (now, began_at) = (core.now(), authorization.began_at);
    let occasion = core.occasion(Actor::User(user.id), now);
    let consent = Consent { user_id: user.id, client_id: question.client.id.clone(), scope: scope.clone(), granted_at: now };
    let granted = core.store.write(move |db| {
        // The form came before: it is answered again, and nothing is told twice.
        let before = consents::find(db, consent.user_id, &consent.client_id)?;
        let answers = |there: &Consent| began_at.is_some_and(|began_at| began_at <= there.granted_at) && consent.scope.is_subset(&there.scope);
        if before.as_ref().is_some_and(answers) {
            return Ok(None);
        }
        let object = Object::Client(consent.client_id.clone());
        events::record(db, &occasion.event(EventKind::ConsentGranted, object).of(consent.user_id).with("scope", &consent.scope))?;
        consents::grant(db, &consent)?;
        Ok(Some(consent))
    });
    if let Some(consent) = granted.await? {
        tracing::info!(event = "consent.granted", user = %consent.user_id, client = %consent.client_id, scope = %consent.scope, "consent granted");
    }
    resume_opened(core, Authorization { consent_given: true, ..authorization }, cookies).await
}
