//! Users: creating, disabling, a new password. Whatever makes an account unsafe or unusable ends all that hangs on it, in the same unit of work.

use super::{Admin, AdminError, not_found};
use crate::domain::event::{Detail, EventKind, Object, Username};
use crate::domain::group::Groups;
use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::session::EndReason;
use crate::domain::user::{Profile, User, normal_username};
use crate::domain::user::{USERNAME_RULE, is_email, is_username};
use crate::service::telling_end;
use crate::store::tree::{self, Node};
use crate::store::{StoreError, events, users};

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: String,
    pub profile: Profile,
    pub groups: Groups,
    pub admin: bool,
    /// As `service::passwords` made it. `None`: nobody can sign in with a password.
    pub password_hash: Option<Secret<String>>,
}

/// A change of a user's name, profile and role, or why it cannot be made.
pub type UserChange = Box<dyn FnOnce(&mut User) -> Result<(), AdminError> + Send>;

impl Admin {
    pub async fn create_user(&self, new: NewUser) -> Result<User, AdminError> {
        let now = self.now();
        let user = User {
            id: UserId::generate(now, self.entropy.as_ref()),
            username: normal_username(&new.username),
            profile: new.profile,
            groups: new.groups,
            password_hash: new.password_hash,
            password_changed_at: now,
            admin: new.admin,
            disabled_at: None,
            managed_by_file: false,
            created_at: now,
            updated_at: now,
        };
        check(&user)?;
        let (row, occasion) = (user.clone(), self.occasion(now));
        let inserted = self.store.write(move |db| {
            users::insert(db, &row)?;
            events::record(
                db,
                &occasion
                    .event(EventKind::UserCreated, Object::User(row.id))
                    .with("username", Username(&row.username))
                    .with("groups", &row.groups)
                    .with("admin", row.admin),
            )
        });
        match inserted.await {
            Err(StoreError::Conflict) => Err(AdminError::Exists { what: "user", name: user.username }),
            other => {
                other?;
                tracing::info!(event = "user.created", user = %user.id, admin = user.admin, "a user was created");
                Ok(user)
            }
        }
    }

    /// Users in the order they were created, those after `after`.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, AdminError> {
        Ok(self.store.scan(move |db| users::list(db, after, limit)).await?)
    }

    /// The user with this id or else this name: nobody can pass for another by taking that one's id as a name.
    pub async fn user(&self, name_or_id: &str) -> Result<User, AdminError> {
        let (name, id) = (normal_username(name_or_id), name_or_id.parse::<UserId>().ok());
        let found = self.store.read(move |db| {
            if let Some(id) = id
                && let Some(user) = users::find(db, id)?
            {
                return Ok(Some(user));
            }
            users::find_by_username(db, &name)
        });
        found.await?.ok_or_else(|| not_found("user", name_or_id))
    }

    /// Changes name, profile and role of a user as they are at that moment.
    pub async fn update_user(&self, id: UserId, change: UserChange) -> Result<User, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let changed = self.store.write(move |db| {
            let Some(before) = users::find(db, id)? else { return Ok(None) };
            let mut user = before.clone();
            if let Err(refused) = change(&mut user) {
                return Ok(Some(Err(refused)));
            }
            (user.id, user.username, user.updated_at) = (id, normal_username(&user.username), now);
            if let Err(refused) = check(&user) {
                return Ok(Some(Err(refused)));
            }
            users::update(db, &user)?;
            let event = occasion.event(EventKind::UserUpdated, Object::User(id)).with_changes(&before, &user);
            if event.detail != Detail::default() {
                events::record(db, &event)?;
            }
            Ok(Some(Ok(user)))
        });
        match changed.await {
            Err(StoreError::Conflict) => Err(AdminError::Refused("another user has that name: choose another".to_owned())),
            other => other?.ok_or_else(|| not_found("user", id))?,
        }
    }

    /// Nobody signs in as this user any more, and whoever was is signed out everywhere.
    pub async fn disable_user(&self, id: UserId) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.store.write(move |db| {
            let known = users::set_disabled(db, id, Some(now), now)?;
            let ended = tree::end(db, &Node::User(id), EndReason::UserDisabled, now)?;
            if known {
                events::record(db, &telling_end(occasion.event(EventKind::UserDisabled, Object::User(id)), EndReason::UserDisabled, &ended))?;
            }
            Ok(known)
        });
        self.told(done.await?, id, "user.disabled")
    }

    pub async fn enable_user(&self, id: UserId) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.store.write(move |db| {
            let known = users::set_disabled(db, id, None, now)?;
            if known {
                events::record(db, &occasion.event(EventKind::UserEnabled, Object::User(id)))?;
            }
            Ok(known)
        });
        self.told(done.await?, id, "user.enabled")
    }

    /// Sets a new password; whoever was signed in with the old one is signed out everywhere.
    pub async fn set_password(&self, id: UserId, hash: Secret<String>) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.store.write(move |db| {
            let known = users::set_password(db, id, &hash, now)?;
            let ended = tree::end(db, &Node::User(id), EndReason::PasswordChanged, now)?;
            if known {
                events::record(db, &telling_end(occasion.event(EventKind::UserPasswordSet, Object::User(id)), EndReason::PasswordChanged, &ended))?;
            }
            Ok(known)
        });
        self.told(done.await?, id, "user.password_set")
    }

    /// Deletes a user with all sessions, consents and refresh families.
    pub async fn delete_user(&self, id: UserId) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.store.write(move |db| {
            let Some(user) = users::find(db, id)? else { return Ok(false) };
            events::record(db, &occasion.event(EventKind::UserDeleted, Object::User(id)).with("username", Username(&user.username)))?;
            // Ended first, so that the applications are told: what is only deleted is gone without a word.
            tree::end(db, &Node::User(id), EndReason::RevokedByAdmin, now)?;
            users::delete(db, id)
        });
        self.told(done.await?, id, "user.deleted")
    }

    /// How many may administer: those who are not disabled.
    pub async fn count_admins(&self) -> Result<u64, AdminError> {
        Ok(self.store.read(users::count_admins).await?)
    }

    fn told(&self, known: bool, id: UserId, event: &'static str) -> Result<(), AdminError> {
        if !known {
            return Err(not_found("user", id));
        }
        tracing::info!(event, user = %id, "a user was changed");
        Ok(())
    }
}

fn check(user: &User) -> Result<(), AdminError> {
    if !is_username(&user.username) {
        return Err(AdminError::Refused(format!("`{}` does not fit: {USERNAME_RULE}", user.username)));
    }
    match &user.profile.email {
        Some(email) if !is_email(email) => Err(AdminError::Refused(format!("`{email}` is no e-mail address: write it as name@example.com"))),
        _ => Ok(()),
    }
}
