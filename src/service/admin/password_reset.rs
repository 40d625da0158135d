//! Starting a password reset: a one-time link for the user, which whoever administers hands over. Nobody but the user learns the password.

use chrono::TimeDelta;

use super::{Admin, AdminError, Guard};
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, Object};
use crate::domain::id::{LinkId, UserId};
use crate::domain::secret::Secret;
use crate::domain::user::User;
use crate::service::password_reset::PURPOSE;
use crate::store::{events, one_time_links};

/// What is handed over, and until when it is good.
#[derive(Debug)]
pub struct PasswordReset {
    pub secret: Secret<String>,
    pub expires_at: Timestamp,
}

impl Admin {
    /// Makes the link, in the place of those that the user had before, unless `guard` refuses when it sees the user. Nothing else changes
    /// until it is used.
    pub async fn start_password_reset(&self, id: UserId, lifetime: TimeDelta, guard: Guard<User>) -> Result<PasswordReset, AdminError> {
        let now = self.now();
        let (occasion, secret) = (self.occasion(now), Secret::<String>::generate(self.entropy.as_ref()));
        let (link, digest, expires_at) = (LinkId::generate(now, self.entropy.as_ref()), secret.digest(), now + lifetime);
        let allowed: Guard<User> = Box::new(move |user| {
            guard(user)?;
            if user.disabled_at.is_some() { Err(AdminError::UserDisabled(user.username.clone())) } else { Ok(()) }
        });
        let done = self.held(id, allowed, move |db, _| {
            one_time_links::insert_for(db, id, link, PURPOSE, &digest, expires_at, now)?;
            let event = occasion.event(EventKind::UserPasswordResetStarted, Object::User(id));
            events::record(db, &event.with("link", link).with("expires_at", expires_at))
        });
        done.await?;
        tracing::info!(event = "user.password_reset_started", user = %id, "a link for a new password was made");
        Ok(PasswordReset { secret, expires_at })
    }
}
