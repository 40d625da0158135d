//! How far a caller reaches: nobody lays hands on who or what can do more than they can, or makes it. What the settings file gives somebody counts
//! as well, for at the next start they have it again.

use std::sync::Arc;

use super::Api;
use super::caller::Caller;
use crate::domain::admin_scope::{AdminRole, AdminScope, AdminScopes};
use crate::domain::client::{Client, ClientMetadata};
use crate::domain::id::ClientId;
use crate::domain::lifetime::LimitOverrides;
use crate::domain::user::User;
use crate::protocol::admin_privilege::{lacking, power_of_client, power_of_new_client, power_of_user};
use crate::service::Core;
use crate::service::admin::AdminError;

#[derive(Clone)]
pub struct Reach {
    held: AdminScopes,
    proved_lately: bool,
    core: Arc<Core>,
}

impl Reach {
    pub fn of(caller: &Caller, api: &Api) -> Self {
        Self { held: caller.held(), proved_lately: caller.proved_lately(), core: api.core.clone() }
    }

    pub fn role(&self, role: Option<AdminRole>) -> Result<(), AdminError> {
        self.power(power_of_user(role))
    }

    pub fn user(&self, user: &User) -> Result<(), AdminError> {
        self.power(self.power_of(user))
    }

    /// The same of what is dangerous where the user has power.
    pub fn user_now(&self, user: &User) -> Result<(), AdminError> {
        let power = self.power_of(user);
        self.power(power)?;
        self.proof_for(power)
    }

    /// The sign-in alone: what anybody with the scope may do to anybody, but not to who has power from a browser that was left open.
    pub fn proof_of_user(&self, user: &User) -> Result<(), AdminError> {
        self.proof_for(self.power_of(user))
    }

    /// A user by this name is made, or renamed to it.
    pub fn username(&self, username: &str) -> Result<(), AdminError> {
        self.lasting(power_of_user(self.core.declared_role(username)))
    }

    pub fn client(&self, id: &ClientId, metadata: &ClientMetadata) -> Result<(), AdminError> {
        self.lasting(power_of_client(metadata).union(self.declared_power(id)))
    }

    pub fn new_client(&self, id: &ClientId, metadata: &ClientMetadata) -> Result<(), AdminError> {
        self.limits(&LimitOverrides::default(), &metadata.lifetimes)?;
        self.lasting(power_of_new_client(metadata).union(self.declared_power(id)))
    }

    /// A client becomes this.
    pub fn replaced_client(&self, client: &Client, metadata: &ClientMetadata) -> Result<(), AdminError> {
        self.client(&client.id, &client.metadata)?;
        self.client(&client.id, metadata)?;
        self.limits(&client.metadata.lifetimes, &metadata.lifetimes)?;
        // Its secret would be of no use any more, or its users would be sent elsewhere without being asked.
        let loses_secret = !client.metadata.is_public() && metadata.is_public();
        let (before, after) = (&client.metadata, metadata);
        let elsewhere = before.redirect_uris != after.redirect_uris || before.web_origins != after.web_origins || before.first_party != after.first_party;
        let moves = (before.first_party || after.first_party) && elsewhere;
        if (loses_secret || moves) && !self.proved_lately { Err(AdminError::Unproven) } else { Ok(()) }
    }

    /// How long the sessions at a client last is the lifetime policy, wherever it is written, and takes what a rule takes.
    fn limits(&self, before: &LimitOverrides, after: &LimitOverrides) -> Result<(), AdminError> {
        if before == after { Ok(()) } else { self.lasting(AdminScopes::of(&[AdminScope::LifetimesWrite])) }
    }

    /// What outlasts the sign-in by which it was given, such as a client that has power, for a machine is never asked for a sign-in: so that is asked
    /// for here.
    fn lasting(&self, power: AdminScopes) -> Result<(), AdminError> {
        self.power(power)?;
        self.proof_for(power)
    }

    fn power(&self, power: AdminScopes) -> Result<(), AdminError> {
        let lacking = lacking(self.held, power);
        if lacking.is_empty() { Ok(()) } else { Err(AdminError::Exceeds(lacking)) }
    }

    fn proof_for(&self, power: AdminScopes) -> Result<(), AdminError> {
        if power.is_empty() || self.proved_lately { Ok(()) } else { Err(AdminError::Unproven) }
    }

    fn power_of(&self, user: &User) -> AdminScopes {
        power_of_user(user.role).union(power_of_user(self.core.declared_role(&user.username)))
    }

    fn declared_power(&self, id: &ClientId) -> AdminScopes {
        self.core.declared_client(id).map_or(AdminScopes::NONE, power_of_client)
    }
}
