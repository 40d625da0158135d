//! Groups: which there are, and who is in them. A group is there as soon as a user is in it or a lifetime rule is for it.

use std::collections::BTreeMap;

use super::{Admin, AdminError, Guard};
use crate::domain::event::{EventKind, Object};
use crate::domain::group::{GroupName, Groups};
use crate::domain::id::UserId;
use crate::domain::user::User;
use crate::store::listed::Order;
use crate::store::{Connection, events, groups, lifetime_rules, users};

/// A group as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupInfo {
    pub name: String,
    /// How many users are in it.
    pub members: u64,
    /// How many lifetime rules are for it.
    pub rules: u64,
}

impl Admin {
    /// Groups by name, or the other way round, those that then come after `after`.
    pub async fn groups(&self, order: Order, after: Option<GroupName>, limit: u32) -> Result<Vec<GroupInfo>, AdminError> {
        let after = after.map(String::from);
        let found = self.store.scan(move |db| {
            // There are a handful of rules. Of the groups with members those after the last found here come after all that is told.
            let follows = |name: &String| {
                after.as_ref().is_none_or(|after| match order {
                    Order::Ascending => name > after,
                    Order::Descending => name < after,
                })
            };
            let named = lifetime_rules::all(db)?.into_iter().filter_map(|rule| rule.selector.group).map(String::from).filter(follows);
            let mut found: BTreeMap<String, (u64, u64)> = BTreeMap::new();
            for name in named {
                found.entry(name).or_default().1 += 1;
            }
            for (name, members) in groups::sizes(db, order, after.as_deref(), limit)? {
                found.entry(name).or_default().0 = members;
            }
            Ok(found)
        });
        let by_name = found.await?.into_iter().map(|(name, (members, rules))| GroupInfo { name, members, rules });
        Ok(match order {
            Order::Ascending => by_name.take(limit as usize).collect(),
            Order::Descending => by_name.rev().take(limit as usize).collect(),
        })
    }

    /// Puts a user into a group, unless `guard` refuses when it sees the user. One who is in it stays as they are.
    pub async fn add_to_group(&self, id: UserId, group: GroupName, guard: Guard<User>) -> Result<User, AdminError> {
        self.set_membership(id, group, true, guard).await
    }

    /// Takes a user out of a group, unless `guard` refuses when it sees the user. One who is not in it stays as they are.
    pub async fn remove_from_group(&self, id: UserId, group: GroupName, guard: Guard<User>) -> Result<User, AdminError> {
        self.set_membership(id, group, false, guard).await
    }

    async fn set_membership(&self, id: UserId, group: GroupName, member: bool, guard: Guard<User>) -> Result<User, AdminError> {
        let now = self.now();
        let occasion = self.occasion(now);
        let joins = group.clone();
        let judge = move |_: &mut Connection, user: &User| {
            let full = member && !user.groups.contains(&joins) && user.groups.names().count() >= Groups::MOST;
            Ok(if full { Err(AdminError::Refused(format!("a user is in {} groups at most", Groups::MOST))) } else { Ok(()) })
        };
        self.held_if(id, guard, judge, move |db, user| {
            if user.groups.contains(&group) == member {
                return Ok(());
            }
            let before = user.clone();
            user.groups = if member { before.groups.with(&group) } else { before.groups.without(&group) };
            user.updated_at = now;
            users::update(db, user)?;
            events::record(db, &occasion.event(EventKind::UserUpdated, Object::User(id)).with_changes(&before, &*user))
        })
        .await
    }
}
