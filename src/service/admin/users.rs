//! Users: creating, disabling, a new password. Whatever makes an account unsafe or unusable ends all that hangs on it, in the same unit of work.

use std::sync::{Arc, OnceLock};

use super::{Admin, AdminError, Guard, Memo, not_found};
use crate::domain::admin_scope::AdminRole;
use crate::domain::event::{Actor, Detail, EventKind, Object, Username};
use crate::domain::group::Groups;
use crate::domain::id::UserId;
use crate::domain::secret::Secret;
use crate::domain::session::EndReason;
use crate::domain::user::{Profile, User, normal_username};
use crate::domain::user::{USERNAME_RULE, is_email, is_username};
use crate::service::telling_end;
use crate::store::listed::{Order, Page};
use crate::store::tree::{self, Node};
use crate::store::user_lists::{self, UserFilter};
use crate::store::user_search::{self, Place};
use crate::store::{Connection, StoreError, events, meta, one_time_links, users};

/// A user to be created.
#[derive(Debug, Clone)]
pub struct NewUser {
    pub username: String,
    pub profile: Profile,
    pub groups: Groups,
    pub role: Option<AdminRole>,
    /// As `service::passwords` made it. `None`: nobody can sign in with a password.
    pub password_hash: Option<Secret<String>>,
}

/// A change of a user's name, profile and role, or why it cannot be made.
pub type UserChange = Box<dyn FnOnce(&mut User) -> Result<(), AdminError> + Send>;

impl Admin {
    pub async fn create_user(&self, new: NewUser) -> Result<User, AdminError> {
        self.create_user_once(new, None).await
    }

    /// The same, and `memo` writes down what is answered.
    pub async fn create_user_once(&self, new: NewUser, memo: Option<Memo<User>>) -> Result<User, AdminError> {
        let now = self.now();
        let user = User {
            id: UserId::generate(now, self.entropy.as_ref()),
            username: normal_username(&new.username),
            profile: new.profile,
            groups: new.groups,
            password_hash: new.password_hash,
            password_changed_at: now,
            role: new.role,
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
                    .with("role", row.role),
            )?;
            memo.map_or(Ok(()), |memo| memo.write(db, &row, now))
        });
        match inserted.await {
            Err(StoreError::Conflict) => Err(AdminError::Exists { what: "user", name: user.username }),
            other => {
                other?;
                tracing::info!(event = "user.created", user = %user.id, role = user.role.map(AdminRole::as_str), "a user was created");
                Ok(user)
            }
        }
    }

    /// Users in the order they were created, those after `after`.
    pub async fn users(&self, after: Option<UserId>, limit: u32) -> Result<Vec<User>, AdminError> {
        Ok(self.store.scan(move |db| users::list(db, after, limit)).await?)
    }

    /// Those of them who are wanted, also the other way round. Where more than one thing is asked for, a page may hold less than `limit` though
    /// there is a next one.
    pub async fn users_page(&self, filter: UserFilter, order: Order, after: Option<UserId>, limit: u32) -> Result<Page<User, UserId>, AdminError> {
        Ok(self.store.scan(move |db| user_lists::page(db, &filter, order, after, limit)).await?)
    }

    /// Users in the order of their names, or the other way round, those who then come after the name `after`.
    pub async fn users_by_name(&self, order: Order, after: Option<String>, limit: u32) -> Result<Page<User, String>, AdminError> {
        Ok(self.store.scan(move |db| user_lists::by_name(db, order, after, limit)).await?)
    }

    /// Users whose name or e-mail address begins with `text`, in the order of that, those after `after`; and where the next page begins.
    pub async fn search_users(&self, text: &str, filter: UserFilter, after: Option<Place>, limit: u32) -> Result<(Vec<User>, Option<Place>), AdminError> {
        let text = text.trim().to_owned();
        // Neither has such in it, and PostgreSQL takes no text with a NUL.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Ok((Vec::new(), None));
        }
        Ok(self.store.scan(move |db| user_search::search(db, &text, &filter, after, limit)).await?)
    }

    pub async fn user_of_id(&self, id: UserId) -> Result<User, AdminError> {
        self.store.read(move |db| users::find(db, id)).await?.ok_or_else(|| not_found("user", id))
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
        let (occasion, keeps_one) = (self.occasion(now), self.keeps_an_administrator());
        let taken = Arc::new(OnceLock::new());
        let name = Arc::clone(&taken);
        let changed = self.store.write_at_length(move |db| {
            let Some(before) = users::find_to_change(db, id)? else { return Ok(None) };
            let mut user = before.clone();
            if let Err(refused) = change(&mut user) {
                return Ok(Some(Err(refused)));
            }
            (user.id, user.username, user.updated_at) = (id, normal_username(&user.username), now);
            if let Err(refused) = check(&user) {
                return Ok(Some(Err(refused)));
            }
            if user.role != Some(AdminRole::Administrator) && keeps_one && is_last_administrator(db, &before)? {
                return Ok(Some(Err(AdminError::LastAdministrator(before.username))));
            }
            // Only a name can be in the way.
            name.get_or_init(|| user.username.clone());
            users::update(db, &user)?;
            if user.role != before.role {
                // Who was let at the account as it was is not let at what it may do now.
                one_time_links::use_up_of(db, id, now)?;
            }
            let event = occasion.event(EventKind::UserUpdated, Object::User(id)).with_changes(&before, &user);
            if event.detail != Detail::default() {
                events::record(db, &event)?;
            }
            Ok(Some(Ok(user)))
        });
        match changed.await {
            Err(StoreError::Conflict) => Err(AdminError::Exists { what: "user", name: taken.get().cloned().unwrap_or_default() }),
            other => other?.ok_or_else(|| not_found("user", id))?,
        }
    }

    /// Nobody signs in as this user any more, and whoever was is signed out everywhere. Doing it again changes nothing.
    pub async fn disable_user(&self, id: UserId) -> Result<(), AdminError> {
        self.disable_user_if(id, Box::new(|_| Ok(()))).await.map(drop)
    }

    /// The same, unless `guard` refuses when it sees the user.
    pub async fn disable_user_if(&self, id: UserId, guard: Guard<User>) -> Result<User, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.held_to_lose(id, guard, move |db, user| {
            let ended = tree::end(db, &Node::User(id), EndReason::UserDisabled, now)?;
            if user.disabled_at.is_none() {
                users::set_disabled(db, id, Some(now), now)?;
                (user.disabled_at, user.updated_at) = (Some(now), now);
                events::record(db, &telling_end(occasion.event(EventKind::UserDisabled, Object::User(id)), EndReason::UserDisabled, &ended))?;
            }
            Ok(())
        });
        let user = done.await?;
        tracing::info!(event = "user.disabled", user = %id, "a user was changed");
        Ok(user)
    }

    pub async fn enable_user(&self, id: UserId) -> Result<(), AdminError> {
        self.enable_user_if(id, Box::new(|_| Ok(()))).await.map(drop)
    }

    /// The same, unless `guard` refuses when it sees the user.
    pub async fn enable_user_if(&self, id: UserId, guard: Guard<User>) -> Result<User, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.held(id, guard, move |db, user| {
            if user.disabled_at.is_some() {
                users::set_disabled(db, id, None, now)?;
                (user.disabled_at, user.updated_at) = (None, now);
                events::record(db, &occasion.event(EventKind::UserEnabled, Object::User(id)))?;
            }
            Ok(())
        });
        let user = done.await?;
        tracing::info!(event = "user.enabled", user = %id, "a user was changed");
        Ok(user)
    }

    /// Sets a new password; whoever was signed in with the old one is signed out everywhere.
    pub async fn set_password(&self, id: UserId, hash: Secret<String>) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.store.write_at_length(move |db| {
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
        self.delete_user_if(id, Box::new(|_| Ok(()))).await
    }

    /// The same, unless `guard` refuses when it sees the user.
    pub async fn delete_user_if(&self, id: UserId, guard: Guard<User>) -> Result<(), AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let done = self.held_to_lose(id, guard, move |db, user| {
            events::record(db, &occasion.event(EventKind::UserDeleted, Object::User(id)).with("username", Username(&user.username)))?;
            // Ended first, so that the applications are told: what is only deleted is gone without a word.
            tree::end(db, &Node::User(id), EndReason::RevokedByAdmin, now)?;
            users::delete(db, id).map(drop)
        });
        done.await?;
        tracing::info!(event = "user.deleted", user = %id, "a user was changed");
        Ok(())
    }

    /// Does `work` with the user as it is, if there is one and `guard` allows; the answer is the user as `work` left it.
    pub(super) async fn held(
        &self,
        id: UserId,
        guard: Guard<User>,
        work: impl FnOnce(&mut Connection, &mut User) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<User, AdminError> {
        self.held_if(id, guard, |_, _| Ok(Ok(())), work).await
    }

    /// The same for work after which the user administers no more: refused where nobody would be left who does.
    async fn held_to_lose(
        &self,
        id: UserId,
        guard: Guard<User>,
        work: impl FnOnce(&mut Connection, &mut User) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<User, AdminError> {
        let keeps_one = self.keeps_an_administrator();
        let judge = move |db: &mut Connection, user: &User| {
            let last = keeps_one && is_last_administrator(db, user)?;
            Ok(if last { Err(AdminError::LastAdministrator(user.username.clone())) } else { Ok(()) })
        };
        self.held_if(id, guard, judge, work).await
    }

    pub(super) async fn held_if(
        &self,
        id: UserId,
        guard: Guard<User>,
        judge: impl FnOnce(&mut Connection, &User) -> Result<Result<(), AdminError>, StoreError> + Send + 'static,
        work: impl FnOnce(&mut Connection, &mut User) -> Result<(), StoreError> + Send + 'static,
    ) -> Result<User, AdminError> {
        let done = self.store.write_at_length(move |db| {
            let Some(mut user) = users::find_to_change(db, id)? else { return Ok(Err(not_found("user", id))) };
            if let Err(refused) = guard(&user) {
                return Ok(Err(refused));
            }
            if let Err(refused) = judge(db, &user)? {
                return Ok(Err(refused));
            }
            work(db, &mut user)?;
            Ok(Ok(user))
        });
        done.await?
    }

    /// Over HTTP nobody takes away the last one who could undo it there. The command line may: it is the way back in.
    fn keeps_an_administrator(&self) -> bool {
        matches!(self.actor, Actor::User(_) | Actor::Client(_))
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

/// Whether this is the one who administers and can sign in, and there is no other. Until the transaction ends nobody else is told so: of two
/// who go at once the second sees that the first has gone.
fn is_last_administrator(db: &mut Connection, user: &User) -> Result<bool, StoreError> {
    if user.role != Some(AdminRole::Administrator) || user.disabled_at.is_some() || user.password_hash.is_none() {
        return Ok(false);
    }
    meta::lock(db, "last_administrator_lock")?;
    Ok(!users::has_other_admin(db, user.id)?)
}

fn check(user: &User) -> Result<(), AdminError> {
    if !is_username(&user.username) {
        return Err(AdminError::Refused(format!("`{}` does not fit: {USERNAME_RULE}", user.username)));
    }
    if user.groups.names().count() > Groups::MOST {
        return Err(AdminError::Refused(format!("a user is in {} groups at most", Groups::MOST)));
    }
    match &user.profile.email {
        Some(email) if !is_email(email) => Err(AdminError::Refused(format!("`{email}` is no e-mail address: write it as name@example.com"))),
        _ => Ok(()),
    }
}
