//! The first admin: a one-time link, printed at the first start, opens the page that makes the account.

use chrono::TimeDelta;

use super::{Core, Failure};
use crate::domain::admin_scope::AdminRole;
use crate::domain::event::{Actor, EventKind, Object, Username};
use crate::domain::group::Groups;
use crate::domain::id::{LinkId, UserId};
use crate::domain::secret::Secret;
use crate::domain::user::{Profile, User, normal_username};
use crate::store::{StoreError, events, meta, one_time_links, users};

const PURPOSE: &str = "first_admin";
const LINK_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// A fresh link's secret, if there is no admin yet. Earlier links stay valid until they expire or one of them is used.
pub async fn first_admin_link(core: &Core) -> Result<Option<Secret<String>>, Failure> {
    if core.store.read(users::count_admins).await? > 0 {
        return Ok(None);
    }
    let secret = Secret::<String>::generate(core.entropy.as_ref());
    let (now, digest) = (core.now(), secret.digest());
    let id = LinkId::generate(now, core.entropy.as_ref());
    core.store.write(move |db| one_time_links::insert(db, id, PURPOSE, &digest, now + LINK_LIFETIME, now)).await?;
    Ok(Some(secret))
}

pub async fn link_is_valid(core: &Core, secret: &Secret<String>) -> Result<bool, Failure> {
    let (now, digest) = (core.now(), secret.digest());
    Ok(core.store.read(move |db| Ok(one_time_links::valid(db, PURPOSE, &digest, now)? && users::count_admins(db)? == 0)).await?)
}

/// What the page asks for.
pub struct NewAdmin {
    pub username: String,
    pub name: Option<String>,
    pub email: Option<String>,
    pub password: Secret<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    Done,
    /// Used, expired, or somebody else was first.
    LinkInvalid,
    UsernameTaken,
}

/// Uses the link up and makes the account, in one transaction.
pub async fn create_first_admin(core: &Core, link: &Secret<String>, admin: NewAdmin) -> Result<Setup, Failure> {
    if !link_is_valid(core, link).await? {
        return Ok(Setup::LinkInvalid);
    }
    let hash = core.passwords.hash(admin.password).await.map_err(|busy| Failure::Unavailable(busy.to_string()))?;
    let (now, digest) = (core.now(), link.digest());
    let user = User {
        id: UserId::generate(now, core.entropy.as_ref()),
        username: normal_username(&admin.username),
        profile: Profile { name: admin.name, email: admin.email, ..Profile::default() },
        groups: Groups::default(),
        password_hash: Some(hash),
        password_changed_at: now,
        role: Some(AdminRole::Administrator),
        disabled_at: None,
        managed_by_file: false,
        created_at: now,
        updated_at: now,
    };
    let id = user.id;
    let occasion = core.occasion(Actor::Anybody, now);
    let done = core.store.write(move |db| {
        // Several links may be about, one from each start: whoever comes second must see the first's admin.
        meta::lock(db, "first_admin_lock")?;
        if users::count_admins(db)? > 0 || !one_time_links::consume(db, PURPOSE, &digest, now)? {
            return Ok(Setup::LinkInvalid);
        }
        // The others too, now and not by there being an admin: whoever found one must not have it when there is none again.
        one_time_links::use_up_purpose(db, PURPOSE, now)?;
        users::insert(db, &user)?;
        let tell = |kind| occasion.event(kind, Object::User(id));
        events::record(db, &tell(EventKind::UserCreated).with("username", Username(&user.username)).with("role", AdminRole::Administrator))?;
        events::record(db, &tell(EventKind::SetupCompleted))?;
        Ok(Setup::Done)
    });
    match done.await {
        // The whole unit rolled back: the link can still be used with another name.
        Err(StoreError::Conflict) => Ok(Setup::UsernameTaken),
        Ok(Setup::Done) => {
            tracing::info!(event = "user.created", user = %id, admin = true, "the first admin was created");
            Ok(Setup::Done)
        }
        other => Ok(other?),
    }
}
