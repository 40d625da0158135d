//! The lifetime policy: its rules, why a limit is what it is, and what a change would do.

use poem::web::Data;
use poem_openapi::param::{Header, Query};
use poem_openapi::payload::Json;
use poem_openapi::types::Example;
use poem_openapi::{ApiResponse, Object, OpenApi};
use uuid::Uuid;

use super::body::Body;
use super::caller::{AdminScope, Caller};
use super::lifetime_answers::{LifetimeExplanation, LifetimeImpact};
use super::lifetime_rule::{LifetimeRule, RuleChange, Selector, acr_of, groups_of};
use super::limits::Limits;
use super::problem::{ChangeProblem, Problem};
use super::{Api, Resource, etag};
use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::group::Groups;
use crate::domain::id::{ClientId, SessionId};
use crate::domain::{lifetime, lifetime_rule};
use crate::protocol::lifetime_policy::Subject;
use crate::protocol::lifetime_policy::explain::explain;
use crate::service::admin::{AdminError, RuleChange as Change};

pub struct LifetimesApi;

/// What a client is registered with: a rule for that client, changed with the client.
#[derive(Debug, Object)]
#[oai(example)]
struct RegisteredLimits {
    client: String,
    limits: Limits,
}

/// Everything that lifetimes are decided from.
#[derive(Debug, Object)]
#[oai(example)]
struct LifetimePolicy {
    /// What holds where no rule says otherwise: the settings, and what is built in.
    settings: Limits,
    /// The clients that are registered with limits of their own.
    registered: Vec<RegisteredLimits>,
    rules: Vec<LifetimeRule>,
}

/// Who is asked about. With `session` only `client` may stand beside it.
#[derive(Debug, Default, Object)]
#[oai(example, skip_serializing_if_is_none, deny_unknown_fields)]
struct LifetimeQuestion {
    /// At this client; absent: on the issuer's own pages.
    client: Option<String>,
    /// This user, with the groups the user is in. Needs the scope `users:read`.
    user: Option<Uuid>,
    /// A user of these groups.
    groups: Option<Vec<String>>,
    /// Signed in with this level. Default: `urn:gatekey:acr:pwd`.
    acr: Option<String>,
    /// This session, with its user and level: the answer tells what its next use would meet. Needs the scope `sessions:read`.
    session: Option<Uuid>,
}

/// Changes to be tried out together.
#[derive(Debug, Object)]
#[oai(example, deny_unknown_fields)]
struct LifetimeTrial {
    /// What the rules of these selectors would be. Without limits the rule would be taken away.
    #[oai(validator(min_items = 1, max_items = 100))]
    changes: Vec<RuleChange>,
}

impl Example for RegisteredLimits {
    fn example() -> Self {
        Self { client: "notes".to_owned(), limits: Limits::example() }
    }
}

impl Example for LifetimePolicy {
    fn example() -> Self {
        let settings = Limits::from(&lifetime::Limits::default());
        Self { settings, registered: vec![RegisteredLimits::example()], rules: vec![LifetimeRule::example()] }
    }
}

impl Example for LifetimeQuestion {
    fn example() -> Self {
        Self { groups: Some(vec!["staff".to_owned()]), ..Self::default() }
    }
}

impl Example for LifetimeTrial {
    fn example() -> Self {
        Self { changes: vec![RuleChange::example()] }
    }
}

#[derive(ApiResponse)]
enum Listed {
    /// The policy.
    #[oai(status = 200, content_type = "application/json")]
    Policy(
        Json<LifetimePolicy>,
        /// Of the rules together: what to send as `If-Match` with a change (RFC 9110 §8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Put {
    /// The rule as it is now.
    #[oai(status = 200, content_type = "application/json")]
    Rule(Json<LifetimeRule>),
}

#[derive(ApiResponse)]
enum Deleted {
    /// It is gone.
    #[oai(status = 204)]
    Gone,
}

#[derive(ApiResponse)]
enum Explained {
    /// Each limit, and where it comes from.
    #[oai(status = 200, content_type = "application/json")]
    Limits(Json<LifetimeExplanation>),
}

#[derive(ApiResponse)]
enum Tried {
    /// What would end. Nothing was changed.
    #[oai(status = 200, content_type = "application/json")]
    Impact(Json<LifetimeImpact>),
}

fn rules_of(rules: &[lifetime_rule::LifetimeRule]) -> Vec<LifetimeRule> {
    rules.iter().map(LifetimeRule::from).collect()
}

/// What a body names must be there.
fn must_be_there(error: AdminError, pointer: &str) -> ChangeProblem {
    match error {
        AdminError::NotFound { what, .. } => ChangeProblem::invalid_member(pointer, format!("There is no such {what}.")),
        other => other.into(),
    }
}

async fn client_at(api: &Api, id: Option<&ClientId>, pointer: &str) -> Result<Option<Client>, ChangeProblem> {
    let Some(id) = id else { return Ok(None) };
    Ok(Some(api.admin.client(id).await.map_err(|error| must_be_there(error, pointer))?))
}

#[OpenApi(tag = "Resource::LifetimePolicy")]
impl LifetimesApi {
    /// Lists the lifetime rules
    ///
    /// All that lifetimes are decided from: the limits of the settings, those that clients are registered with, and the rules. Needs the scope
    /// `lifetimes:read`.
    #[oai(path = "/lifetime-rules", method = "get", operation_id = "lifetime_rule_list")]
    async fn list(&self, #[oai(scope = "AdminScope::LifetimesRead")] caller: Caller, api: Data<&Api>) -> Result<Listed, Problem> {
        caller.may(AdminScope::LifetimesRead)?;
        let (policy, registered) = (api.admin.lifetime_policy(&api.core.settings.lifetimes).await?, api.admin.clients_with_lifetimes().await?);
        let rules = rules_of(&policy.rules);
        let tag = etag::of(&rules);
        let registered = registered.iter().map(|own| RegisteredLimits { client: own.client.to_string(), limits: Limits::from(&own.limits) });
        Ok(Listed::Policy(Json(LifetimePolicy { settings: Limits::from(&policy.default), registered: registered.collect(), rules }), tag))
    }

    /// Makes or replaces a lifetime rule
    ///
    /// The rule of the selector becomes what the body says, as a whole. Running sessions are judged by it from their next use on, and may be over
    /// then: the dry run tells which. Needs the scope `lifetimes:write` and a recent sign-in.
    #[oai(path = "/lifetime-rules", method = "put", operation_id = "lifetime_rule_put")]
    async fn put(
        &self,
        #[oai(scope = "AdminScope::LifetimesWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `ETag` of the rules as they were read: nothing is changed if they are others by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
        rule: Body<RuleChange>,
    ) -> Result<Put, ChangeProblem> {
        caller.may_now(AdminScope::LifetimesWrite)?;
        let (selector, wanted) = (rule.0.selector.parse("/selector")?, rule.0.limits.parse("/limits")?);
        if wanted.is_empty() {
            return Err(ChangeProblem::invalid_member("/limits", "It sets no limit: set one, or delete the rule."));
        }
        let change = move |rules: &[lifetime_rule::LifetimeRule], limits: &mut lifetime::LimitOverrides| {
            etag::check(if_match.0.as_deref(), &rules_of(rules))?;
            *limits = wanted;
            Ok(())
        };
        let changed = api.admin.acting_as(caller.actor()).try_change_lifetime_rule(selector, change).await;
        let changed = changed.map_err(|error| must_be_there(error, "/selector/client"))?;
        let after = changed.after.as_ref().ok_or_else(|| ChangeProblem::conflict("Another change took the rule away."))?;
        Ok(Put::Rule(Json(LifetimeRule::from(after))))
    }

    /// Deletes a lifetime rule
    ///
    /// That of exactly this selector; without parameters that for everybody. Running sessions are judged by the rules that are left, from their
    /// next use on. Needs the scope `lifetimes:write` and a recent sign-in.
    #[oai(path = "/lifetime-rules", method = "delete", operation_id = "lifetime_rule_delete")]
    #[allow(clippy::too_many_arguments)]
    async fn delete(
        &self,
        #[oai(scope = "AdminScope::LifetimesWrite")] caller: Caller,
        api: Data<&Api>,
        /// The `client` of the selector.
        client: Query<Option<String>>,
        /// The `group` of the selector.
        group: Query<Option<String>>,
        /// The `acr` of the selector.
        acr: Query<Option<String>>,
        /// The `ETag` of the rules as they were read: nothing is deleted if they are others by now (RFC 9110 §13.1.1).
        #[oai(name = "If-Match")]
        if_match: Header<Option<String>>,
    ) -> Result<Deleted, ChangeProblem> {
        caller.may_now(AdminScope::LifetimesWrite)?;
        let selector = Selector { client: client.0, group: group.0, acr: acr.0 }.of_parameters()?;
        let wanted = selector.clone();
        let change = move |rules: &[lifetime_rule::LifetimeRule], limits: &mut lifetime::LimitOverrides| {
            if !rules.iter().any(|rule| rule.selector == wanted) {
                return Err(AdminError::NotFound { what: "rule", name: wanted.to_string() });
            }
            etag::check(if_match.0.as_deref(), &rules_of(rules))?;
            *limits = lifetime::LimitOverrides::default();
            Ok(())
        };
        api.admin.acting_as(caller.actor()).try_change_lifetime_rule(selector, change).await?;
        Ok(Deleted::Gone)
    }

    /// Explains limits
    ///
    /// For each limit its value, and every rule that speaks of it. Needs the scope `lifetimes:read`; to ask about a user also `users:read`,
    /// about a session also `sessions:read`.
    #[oai(path = "/lifetime-rules/explain", method = "post", operation_id = "lifetime_explain")]
    async fn explain(
        &self,
        #[oai(scope = "AdminScope::LifetimesRead")] caller: Caller,
        api: Data<&Api>,
        question: Body<LifetimeQuestion>,
    ) -> Result<Explained, ChangeProblem> {
        caller.may(AdminScope::LifetimesRead)?;
        let LifetimeQuestion { client, user, groups, acr, session } = question.0;
        let default = &api.core.settings.lifetimes;
        let client = Selector { client, ..Selector::default() }.parse("")?.client;
        let client = client_at(&api, client.as_ref(), "/client").await?;
        if let Some(session) = session {
            caller.may(AdminScope::SessionsRead)?;
            if user.is_some() || groups.is_some() || acr.is_some() {
                return Err(ChangeProblem::invalid_member("/session", "It tells user and level itself: leave out `user`, `groups` and `acr`."));
            }
            let explained = api.admin.explain_session(default, SessionId(session), client.as_ref()).await;
            return Ok(Explained::Limits(Json(explained.map_err(|error| must_be_there(error, "/session"))?.into())));
        }
        let groups = match (user, groups) {
            (Some(_), Some(_)) => return Err(ChangeProblem::invalid_member("/groups", "The user tells them: leave out `user` or `groups`.")),
            (Some(user), None) => {
                caller.may(AdminScope::UsersRead)?;
                api.admin.user(&user.to_string()).await.map_err(|error| must_be_there(error, "/user"))?.groups
            }
            (None, groups) => groups.map(|groups| groups_of(&groups, "/groups")).transpose()?.unwrap_or_else(Groups::default),
        };
        let acr = acr.map_or(Ok(Acr::Password), |acr| acr_of(&acr).map_err(|why| ChangeProblem::invalid_member("/acr", why)))?;
        let policy = api.admin.lifetime_policy(default).await?;
        let limits = explain(&policy, &Subject { client: client.as_ref(), groups: Some(&groups), acr: Some(acr) });
        Ok(Explained::Limits(Json(limits.as_slice().into())))
    }

    /// Tries out changes of the lifetime rules
    ///
    /// How much of what runs now would end, at once and later. Nothing is changed. It reads every session: about a second for a million of
    /// them. Needs the scope `lifetimes:read`.
    #[oai(path = "/lifetime-rules/dry-run", method = "post", operation_id = "lifetime_dry_run")]
    async fn dry_run(
        &self,
        #[oai(scope = "AdminScope::LifetimesRead")] caller: Caller,
        api: Data<&Api>,
        trial: Body<LifetimeTrial>,
    ) -> Result<Tried, ChangeProblem> {
        caller.may(AdminScope::LifetimesRead)?;
        let mut changes: Vec<Change> = Vec::with_capacity(trial.0.changes.len());
        for (i, change) in trial.0.changes.iter().enumerate() {
            let (selector, limits) = (change.selector.parse(&format!("/changes/{i}/selector"))?, change.limits.parse(&format!("/changes/{i}/limits"))?);
            if changes.iter().any(|before| before.selector == selector) {
                return Err(ChangeProblem::invalid_member(
                    &format!("/changes/{i}/selector"),
                    "Another change is for the same selector: put their limits into one.",
                ));
            }
            client_at(&api, selector.client.as_ref(), &format!("/changes/{i}/selector/client")).await?;
            changes.push(Change { selector, limits });
        }
        let impact = api.admin.lifetime_impact(&api.core.settings.lifetimes, changes).await?;
        Ok(Tried::Impact(Json(LifetimeImpact::of(&impact, caller.may(AdminScope::SessionsRead).is_ok()))))
    }
}
