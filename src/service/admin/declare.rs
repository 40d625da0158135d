//! Writes the clients, users and lifetime rules of the settings file to the database at each start. The file wins over what a command changed;
//! what is as declared already is not written, so that a start of the tenth replica changes nothing.

use std::collections::BTreeSet;

use super::clients::caution;
use super::{Admin, AdminError, lifetime_policy};
use crate::domain::client::{Caution, Client};
use crate::domain::event::{Detail, EventKind, Object, Occasion, Username};
use crate::domain::id::{ClientId, UserId};
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::protocol::admin_privilege::{lacking, power_of_new_client, power_of_user};
use crate::service::telling_end;
use crate::settings::{DeclaredClient, DeclaredUser, Settings};
use crate::store::tree::{self, Node};
use crate::store::{Connection, StoreError, clients, events, groups, one_time_links, users};

/// All of them in one unit of work.
pub async fn declare(admin: &Admin, settings: &Settings) -> Result<(), AdminError> {
    let now = admin.now();
    let write = || {
        // In one order, whatever that of the file: two replicas that start with different files wait for one another, but never both.
        let mut declared_clients = settings.clients.clone();
        declared_clients.sort_by(|one, other| one.id.cmp(&other.id));
        // An id for each, in case it is new.
        let mut declared_users: Vec<(UserId, DeclaredUser)> =
            settings.users.iter().map(|user| (UserId::generate(now, admin.entropy.as_ref()), user.clone())).collect();
        declared_users.sort_by(|(_, one), (_, other)| one.username.cmp(&other.username));
        let occasion = admin.occasion(now);
        let (declared_rules, mark) = (settings.lifetime_rules.clone(), lifetime_policy::mark(admin.entropy.as_ref()));
        let clients_of_rules: Vec<ClientId> = declared_rules.iter().filter_map(|rule| rule.selector.client.clone()).collect();
        admin.store.write_at_length(move |db| {
            // The clients before the rules' mark, as where one is deleted: whoever is at both meanwhile waits, or is waited for, but never both.
            let mut cautions = Vec::new();
            for declared in declared_clients {
                let id = declared.id.clone();
                cautions.push((id, client(db, declared, true, &occasion)?));
            }
            lifetime_policy::declare(db, declared_rules, &mark, &occasion)?;
            let mut empowered = Vec::new();
            for (id, declared, there) in hold(db, declared_users)? {
                empowered.extend(user(db, id, declared, there, &occasion)?);
            }
            let mut nobodys = Vec::new();
            for id in clients_of_rules {
                if clients::find(db, &id)?.is_none() {
                    nobodys.push(id);
                }
            }
            Ok((cautions, empowered, nobodys))
        })
    };
    let (cautions, empowered, nobodys) = match write().await {
        // Another replica declared them at the same time; now they are there.
        Err(StoreError::Conflict) => write().await?,
        other => other?,
    };
    for (id, cautions) in cautions {
        caution(&id, &cautions);
    }
    for user in empowered {
        // Not refused, and the password stays: it may be the very person. It may also be one who took the name in time.
        tracing::warn!(event = "user.declared_with_power", %user, "a user who was there before the settings file declared one by this name now has the role that it gives: make sure that it is the same person");
    }
    for id in nobodys {
        // Not refused: it may be registered by a command later.
        tracing::warn!(event = "lifetime_rule.no_such_client", client = %id, "a lifetime rule of the settings file is for a client that is not registered: is its name right?");
    }
    Ok(())
}

/// `by_file`: whether it is the settings file that declares it, or the issuer by itself.
pub(super) fn client(db: &mut Connection, declared: DeclaredClient, by_file: bool, occasion: &Occasion) -> Result<Vec<Caution>, StoreError> {
    let now = occasion.at;
    // Held: nobody changes what is judged here, or deletes it, before it is written.
    let there = clients::find_held(db, &declared.id)?;
    let tell = |kind| occasion.event(kind, Object::Client(declared.id.clone()));
    let (mut told, mut previous_secret) = (Vec::new(), None);
    // Whoever registered it, over the API or by a command, has the secret, and is not given with it what the file gives the client, now or later. Nor is
    // who made its secret over the API since. (What it asks its users for counts where they are not asked.)
    let gains = |there: &Client| !lacking(power_of_new_client(&there.metadata), power_of_new_client(&declared.metadata)).is_empty();
    let empowers = by_file && there.as_ref().is_some_and(gains);
    let by_operator = match &there {
        Some(there) if by_file => there.managed_by_file && clients::has_secret_by_operator(db, &there.id)?,
        _ => false,
    };
    let distrusts = empowers && !by_operator;
    if let Some(there) = &there {
        let same_secret = declared.metadata.is_public() || declared.secret_digest.is_none() || declared.secret_digest == there.secret_digest;
        if there.managed_by_file == by_file && there.metadata == declared.metadata && same_secret {
            if by_file && declared.secret_digest.is_some() && !by_operator {
                clients::note_secret_by_operator(db, &declared.id, true)?;
            }
            return Ok(Vec::new());
        }
        if there.metadata != declared.metadata {
            told.push(tell(EventKind::ClientUpdated).with_changes(&there.metadata, &declared.metadata));
        }
        if same_secret {
            previous_secret = there.previous_secret.filter(|_| !declared.metadata.is_public() && !empowers);
        } else {
            // The file names what is right: neither what a command made of it nor what was before works on.
            told.push(tell(EventKind::ClientSecretRotated));
        }
    } else {
        told.push(tell(EventKind::ClientCreated).with("metadata", &declared.metadata));
    }
    let mut cautions = declared.metadata.cautions(there.as_ref().map(|there| &there.metadata));
    let drops_secret = distrusts && declared.secret_digest.is_none() && there.as_ref().is_some_and(|there| there.secret_digest.is_some());
    // Who made the one before is not known: it does not work on with more power, whoever made the present one.
    let ends_previous = empowers && !drops_secret && there.as_ref().is_some_and(|there| there.live_previous_secret(now).is_some());
    let adopted = by_file && there.as_ref().is_none_or(|there| !there.managed_by_file);
    if drops_secret {
        cautions.push(Caution::SecretDropped);
        told.push(tell(EventKind::ClientSecretRotated));
    } else if ends_previous {
        told.push(tell(EventKind::ClientPreviousSecretEnded));
    }
    let client = Client {
        id: declared.id,
        metadata: declared.metadata,
        secret_digest: declared.secret_digest,
        previous_secret,
        // The file does not say whether a client is disabled: one that an administrator stopped does not come back with a restart.
        disabled_at: there.and_then(|there| there.disabled_at),
        managed_by_file: by_file,
        created_at: now,
        updated_at: now,
    };
    clients::upsert(db, &client)?;
    if drops_secret {
        clients::forget_secrets(db, &client.id, now)?;
    } else if ends_previous {
        clients::end_previous_secret(db, &client.id, now)?;
    }
    if adopted || client.secret_digest.is_some() {
        clients::note_secret_by_operator(db, &client.id, client.secret_digest.is_some())?;
    }
    told.iter().try_for_each(|event| events::record(db, event))?;
    Ok(cautions)
}

/// The declared users, each with the one who is there. What is about to be written of several is held in one order: the users by their names, and then
/// the groups that somebody comes into or leaves. So whoever changes one of them meanwhile waits, or is waited for, but never both.
fn hold(db: &mut Connection, declared: Vec<(UserId, DeclaredUser)>) -> Result<Vec<(UserId, DeclaredUser, Option<User>)>, StoreError> {
    users::hold(db, &declared.iter().map(|(_, user)| user.username.clone()).collect::<Vec<_>>())?;
    let (mut users, mut groups) = (Vec::with_capacity(declared.len()), BTreeSet::new());
    for (id, declared) in declared {
        let there = users::find_by_username(db, &declared.username)?;
        let before: BTreeSet<&str> = there.iter().flat_map(|there| there.groups.names()).collect();
        let after: BTreeSet<&str> = declared.groups.names().collect();
        groups.extend(before.symmetric_difference(&after).map(|name| (*name).to_owned()));
        users.push((id, declared, there));
    }
    groups::hold(db, &groups)?;
    Ok(users)
}

/// Answers the user, if one who was there before the file has more power by it.
fn user(db: &mut Connection, id: UserId, declared: DeclaredUser, there: Option<User>, occasion: &Occasion) -> Result<Option<UserId>, StoreError> {
    let now = occasion.at;
    let Some(there) = there else {
        let user = User {
            id,
            username: declared.username,
            profile: declared.profile,
            groups: declared.groups,
            password_hash: declared.password_hash,
            password_changed_at: now,
            role: declared.role,
            disabled_at: None,
            managed_by_file: true,
            created_at: now,
            updated_at: now,
        };
        users::insert(db, &user)?;
        let event = occasion
            .event(EventKind::UserCreated, Object::User(id))
            .with("username", Username(&user.username))
            .with("groups", &user.groups)
            .with("role", user.role);
        events::record(db, &event)?;
        return Ok(None);
    };
    let mut empowered = None;
    if let Some(hash) = &declared.password_hash
        && there.password_hash.as_ref().map(|hash| hash.expose()) != Some(hash.expose())
    {
        users::set_password(db, there.id, hash, now)?;
        let ended = tree::end(db, &Node::User(there.id), EndReason::PasswordChanged, now)?;
        events::record(db, &telling_end(occasion.event(EventKind::UserPasswordSet, Object::User(there.id)), EndReason::PasswordChanged, &ended))?;
    }
    if !there.managed_by_file || there.profile != declared.profile || there.groups != declared.groups || there.role != declared.role {
        let user = User { profile: declared.profile, groups: declared.groups, role: declared.role, managed_by_file: true, updated_at: now, ..there.clone() };
        users::update(db, &user)?;
        if !there.managed_by_file && !lacking(power_of_user(there.role), power_of_user(user.role)).is_empty() {
            empowered = Some(user.id);
        }
        if user.role != there.role {
            one_time_links::use_up_of(db, user.id, now)?;
        }
        let event = occasion.event(EventKind::UserUpdated, Object::User(user.id)).with_changes(&there, &user);
        if event.detail != Detail::default() {
            events::record(db, &event)?;
        }
    }
    Ok(empowered)
}
