//! `gatekey policy`: how long whom, and why.

mod days;
mod report;
mod usage;

use clap::{Args, Subcommand};

use super::limit::LimitChange;
use super::{Done, Failure, Place};
use crate::domain::acr::Acr;
use crate::domain::client::Client;
use crate::domain::group::{GroupName, Groups};
use crate::domain::id::{ClientId, SessionId};
use crate::domain::lifetime::{LimitOverrides, Limits};
use crate::domain::lifetime_rule::Selector;
use crate::protocol::lifetime_policy::explain::explain;
use crate::protocol::lifetime_policy::simulate::walk;
use crate::protocol::lifetime_policy::{ClientPolicy, Subject};
use crate::service::admin::{Admin, RuleChange};

/// Show, change and try out the lifetime policy
#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Show every rule, and what clients are registered with
    #[command(after_help = "Examples:\n  gatekey policy show\n  gatekey policy show --json")]
    Show {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Set limits in the rule for a client, a group, an acr, any two or all of them, or (with none) for everybody; running sessions feel it at their next use
    #[command(after_help = "\
Examples:
  gatekey policy set session_idle=PT2H session_absolute=P365D            for everybody
  gatekey policy set --client payroll client_session_idle=PT15M
  gatekey policy set --group family session_absolute=unlimited session_idle=unlimited
  gatekey policy set --client payroll --group staff client_session_idle=PT1H --dry-run
  gatekey policy set --client payroll client_session_idle=default               take the limit out of the rule")]
    Set {
        #[command(flatten)]
        whom: Whom,
        /// A limit, such as session_idle=PT1H, =unlimited or =default; several are set at once
        #[arg(required = true, value_name = "NAME=DURATION")]
        limits: Vec<LimitChange>,
        /// Change nothing: say what would end now, in a day and in a week
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a rule away
    #[command(after_help = "Examples:\n  gatekey policy remove --client payroll\n  gatekey policy remove --group staff --dry-run")]
    Remove {
        #[command(flatten)]
        whom: Whom,
        /// Change nothing: say what would end now, in a day and in a week
        #[arg(long)]
        dry_run: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Say what limits somebody has, which rules speak of each, and which one wins
    #[command(after_help = "\
Examples:
  gatekey policy explain --user alice --client notes
  gatekey policy explain --session 0198c5f2-7d3e-7a10-9f11-5d2f0a9b8c7d --client notes
  gatekey policy explain --groups staff,admins --json")]
    Explain {
        #[command(flatten)]
        who: Who,
        /// A session, with its user and its acr: until when it can be used, or why it cannot; with --client, by that client
        #[arg(long, value_name = "ID", value_parser = super::session::parse, conflicts_with_all = ["user", "groups"])]
        session: Option<SessionId>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Walk through days of use on a virtual clock, and say when somebody would be asked to sign in; a use is a silent renewal or a page
    #[command(after_help = "\
Examples:
  gatekey policy simulate --days 90 --user alice --client notes
  gatekey policy simulate --days 365 --client payroll --every PT10M --hours 9-17 --weekdays mon-fri --away 180-201
  gatekey policy simulate --days 30 --hours 8-18 --with session_idle=PT8H
  gatekey policy simulate --days 5 --not-remembered --with unremembered_idle=PT4H")]
    Simulate {
        #[command(flatten)]
        who: Who,
        #[command(flatten)]
        usage: usage::Options,
        /// Try a limit out, over what the policy says
        #[arg(long = "with", value_name = "NAME=DURATION")]
        with: Vec<LimitChange>,
        /// Print each time on a line of its own; else days that are alike and follow each other are one line
        #[arg(long, conflicts_with = "json")]
        all: bool,
        /// Print JSON, with each time
        #[arg(long)]
        json: bool,
    },
}

/// Whom a rule is for.
#[derive(Debug, Clone, Args)]
pub(super) struct Whom {
    /// Only at this client
    #[arg(long, value_parser = ClientId::parse)]
    client: Option<ClientId>,
    /// Only for users in this group
    #[arg(long)]
    group: Option<GroupName>,
    /// Only for sessions signed in with this acr
    #[arg(long, value_parser = acr)]
    acr: Option<Acr>,
}

impl Whom {
    fn selector(self) -> Selector {
        Selector { client: self.client, group: self.group, acr: self.acr }
    }
}

/// Who is asked about.
#[derive(Debug, Clone, Args)]
pub(super) struct Who {
    /// This user, with the groups the user is in (name or id)
    #[arg(long)]
    user: Option<String>,
    /// A user of these groups, with commas between
    #[arg(long, value_name = "NAMES", conflicts_with = "user", value_parser = super::user::group_names)]
    groups: Option<Groups>,
    /// At this client
    #[arg(long, value_parser = ClientId::parse)]
    client: Option<ClientId>,
    /// Signed in with this acr
    #[arg(long, value_parser = acr, default_value = Acr::Password.as_str())]
    acr: Acr,
}

fn acr(text: &str) -> Result<Acr, String> {
    Acr::parse(text).ok_or_else(|| format!("there is no acr `{text}`: they are {}", Acr::ALL.map(Acr::as_str).join(", ")))
}

impl Who {
    async fn client(&self, admin: &Admin) -> Result<Option<Client>, Failure> {
        Ok(match &self.client {
            Some(id) => Some(admin.client(id).await?),
            None => None,
        })
    }

    async fn groups(&self, admin: &Admin) -> Result<Groups, Failure> {
        Ok(match &self.user {
            Some(user) => admin.user(user).await?.groups,
            None => self.groups.clone().unwrap_or_default(),
        })
    }
}

impl Policy {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::Show { json } => {
                let (policy, registered) =
                    place.administer(async |admin, settings| Ok((admin.lifetime_policy(&settings.lifetimes).await?, admin.clients_with_lifetimes().await?)))?;
                report::policy(&policy, &registered, json)
            }
            Self::Set { whom, limits, dry_run, json } => {
                let change = move |rule: &mut LimitOverrides| limits.iter().for_each(|change| rule.set(change.limit, change.value));
                apply(place, whom.selector(), change, dry_run, json)
            }
            Self::Remove { whom, dry_run, json } => apply(place, whom.selector(), |rule: &mut LimitOverrides| *rule = LimitOverrides::default(), dry_run, json),
            Self::Explain { who, session, json } => explained(place, &who, session, json),
            Self::Simulate { who, usage, with, all, json } => {
                let (limits, now) = place.administer(async |admin, settings| {
                    let (policy, client) = (admin.lifetime_policy(&settings.lifetimes).await?, who.client(admin).await?);
                    Ok((ClientPolicy::new(&policy, client.as_ref()).limits(Some(&who.groups(admin).await?), Some(who.acr)), admin.clock.now()))
                })?;
                let tried = |limit| with.iter().rev().find(|change| change.limit == limit).and_then(|change| change.value);
                let limits = Limits::each(|limit| tried(limit).unwrap_or(limits.get(limit)));
                let (begins, days) = (usage.begins(now), usage.days());
                let remembered = usage.remembered();
                let form = if json {
                    report::Form::Json
                } else if all {
                    report::Form::Each
                } else {
                    report::Form::ByDays
                };
                report::walk(&walk(&limits, remembered, &usage.usage(), begins, days), &limits, remembered, days, form)
            }
        }
    }
}

fn apply(place: &Place, selector: Selector, change: impl FnOnce(&mut LimitOverrides) + Send + 'static, dry_run: bool, json: bool) -> Done {
    place.administer(async |admin, settings| {
        let there = admin.lifetime_policy(&settings.lifetimes).await?.rules.iter().find(|rule| rule.selector == selector).cloned();
        if dry_run {
            if let Some(client) = &selector.client {
                admin.client(client).await?;
            }
            let mut limits = there.map(|rule| rule.limits).unwrap_or_default();
            change(&mut limits);
            let impact = admin.lifetime_impact(&settings.lifetimes, vec![RuleChange { selector: selector.clone(), limits }]).await?;
            return report::impact(admin, &selector, &impact, json).await;
        }
        let changed = admin.change_lifetime_rule(selector.clone(), change).await?;
        report::changed(&selector, &changed, json)?;
        if settings.lifetime_rules.iter().any(|declared| declared.selector == selector) {
            eprintln!("gatekey: warning: gatekey.toml declares a rule for {selector}, which comes back at the next start: change it there too");
        }
        Ok(())
    })
}

fn explained(place: &Place, who: &Who, session: Option<SessionId>, json: bool) -> Done {
    place.administer(async |admin, settings| {
        let client = who.client(admin).await?;
        if let Some(id) = session {
            return report::explained(&admin.explain_session(&settings.lifetimes, id, client.as_ref()).await?, client.as_ref(), json);
        }
        let (policy, groups) = (admin.lifetime_policy(&settings.lifetimes).await?, who.groups(admin).await?);
        report::explanations(&explain(&policy, &Subject { client: client.as_ref(), groups: Some(&groups), acr: Some(who.acr) }), json)
    })
}
