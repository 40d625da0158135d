//! `gatekey user`: people's accounts.

use std::sync::Arc;

use chrono::TimeDelta;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, time, time_or, yes};
use super::{Address, Done, Failure, Place, input};
use crate::domain::admin_scope::AdminRole;
use crate::domain::duration::Lifetime;
use crate::domain::entropy::SystemEntropy;
use crate::domain::group::{GroupName, Groups, InvalidGroupName};
use crate::domain::secret::Secret;
use crate::domain::user::{Profile, User as Account, normal_username};
use crate::service::admin::{Admin, AdminError, NewUser};
use crate::service::password_reset::{self, LONGEST, SHORTEST};
use crate::service::passwords::Passwords;
use crate::settings::{PasswordSettings, Settings};

mod profile;

const PAGE: u32 = 500;

/// Create, list, change, disable and delete users, set or reset their passwords
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Create a user; the password is asked for, or read from standard input
    #[command(after_help = "\
Examples:
  gatekey user create alice --name Alice --email alice@example.com
  gatekey user create root --admin < password.txt
  gatekey user create sam --role support
  gatekey user create bob --no-password --phone-number +14155550123 --locale de-AT")]
    Create(Box<Create>),
    /// List users
    #[command(after_help = "Examples:\n  gatekey user list\n  gatekey user list --json")]
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show one user
    #[command(after_help = "Example:\n  gatekey user show alice --json")]
    Show {
        /// The user name, or the id
        user: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what is known of a user: what is named is replaced, an empty text removes it, the rest stays
    #[command(after_help = "\
Examples:
  gatekey user update alice --email alice@example.com --email-verified
  gatekey user update alice --birthdate 1990-12-31 --address-locality Vienna --address-country Austria
  gatekey user update alice --groups staff,admins
  gatekey user update alice --role none
  gatekey user update alice --nickname \"\"")]
    Update {
        /// The user name, or the id
        user: String,
        #[command(flatten)]
        profile: Box<profile::Options>,
        /// The groups, with commas between, in place of those before; an empty text for none
        #[arg(long, value_name = "NAMES", value_parser = group_names)]
        groups: Option<Groups>,
        /// What this user may administer: administrator, support, developer, auditor, or none
        #[arg(long, value_parser = role_or_none)]
        role: Option<RoleOrNone>,
    },
    /// Lock a user out, and sign out everywhere at once
    #[command(after_help = "Example:\n  gatekey user disable alice")]
    Disable {
        /// The user name, or the id
        user: String,
    },
    /// Let a disabled user in again
    #[command(after_help = "Example:\n  gatekey user enable alice")]
    Enable {
        /// The user name, or the id
        user: String,
    },
    /// Set a new password, and sign out everywhere at once
    #[command(after_help = "Examples:\n  gatekey user set-password alice\n  gatekey user set-password alice < password.txt")]
    SetPassword {
        /// The user name, or the id
        user: String,
    },
    /// Print a link by which the user sets a new password; it works once, and those printed before no more
    #[command(
        after_help = "Examples:\n  gatekey user reset-password alice\n  gatekey user reset-password alice --expires-in P1D --json\n  gatekey user reset-password alice --issuer https://id.example.com/"
    )]
    ResetPassword {
        /// The user name, or the id
        user: String,
        /// How long the link is good: at most P7D
        #[arg(long, value_name = "DURATION", default_value = "PT1H", value_parser = reset_lifetime)]
        expires_in: TimeDelta,
        #[command(flatten)]
        address: Address,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete a user with all sessions, consents and refresh tokens
    #[command(after_help = "Examples:\n  gatekey user delete alice\n  gatekey user delete alice --yes      ask nothing")]
    Delete {
        /// The user name, or the id
        user: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Print the hash of a password, for `password_hash` in gatekey.toml; changes nothing
    #[command(after_help = "Example:\n  gatekey user hash-password < password.txt")]
    HashPassword,
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What is typed to sign in
    username: String,
    #[command(flatten)]
    profile: profile::Options,
    /// The groups this user is in, with commas between
    #[arg(long, value_name = "NAMES", value_parser = group_names)]
    groups: Option<Groups>,
    /// This user may administer the issuer: the same as `--role administrator`
    #[arg(long, conflicts_with = "role")]
    admin: bool,
    /// What this user may administer: administrator, support, developer or auditor
    #[arg(long, value_parser = role)]
    role: Option<AdminRole>,
    /// Set no password: nobody can sign in with one until it is set
    #[arg(long)]
    no_password: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl User {
    pub(super) fn run(self, place: &Place) -> Done {
        match self {
            Self::Create(create) => create.run(place),
            Self::List { json } => list(place, json),
            Self::Show { user, json } => {
                let user = place.administer(async |admin, _| Ok(admin.user(&user).await?))?;
                if json { output::json(&as_json(&user)?) } else { show(&user) }
            }
            Self::Update { user, profile, groups, role } => update(place, &user, *profile, groups, role),
            Self::Disable { user } => one(place, &user, "Disabled", async |admin, user| {
                admin.disable_user(user.id).await?;
                warn_without_admin(admin, user).await
            }),
            Self::Enable { user } => one(place, &user, "Enabled", async |admin, user| Ok(admin.enable_user(user.id).await?)),
            Self::Delete { user, yes } => one(place, &user, "Deleted", async |admin, user| {
                if !yes && input::can_ask() {
                    let sessions = output::count(open_sessions(admin, user).await?, "session");
                    input::confirm(&format!("Delete user {} and end {sessions}?", user.username))?;
                }
                admin.delete_user(user.id).await?;
                warn_without_admin(admin, user).await
            }),
            Self::SetPassword { user } => place.administer(async |admin, settings| {
                // The user is looked for first: nobody types a password twice to learn that the name was wrong.
                let user = admin.user(&user).await?;
                let hash = hash(&settings.passwords, input::new_password()?).await?;
                admin.set_password(user.id, hash).await?;
                let declared = settings.users.iter().any(|declared| declared.username == user.username && declared.password_hash.is_some());
                let note = if declared { "; but gatekey.toml declares another, which comes back at the next start" } else { "" };
                output::print(&format!("Set the password of {}; signed out everywhere{note}\n", user.username))
            }),
            Self::ResetPassword { user, expires_in, address, json } => reset_password(&place.at(address), &user, expires_in, json),
            Self::HashPassword => {
                let settings = place.settings()?;
                let runtime = tokio::runtime::Builder::new_current_thread().build()?;
                let hash = runtime.block_on(hash(&settings.passwords, input::new_password()?))?;
                output::print(&format!("{}\n", hash.expose()))
            }
        }
    }
}

impl Create {
    fn run(self, place: &Place) -> Done {
        let Self { username, profile: options, groups, admin: is_admin, role, no_password, json } = self;
        let role = if is_admin { Some(AdminRole::Administrator) } else { role };
        let mut profile = Profile::default();
        options.apply(&mut profile)?;
        place.administer_new(async |admin, settings: &Settings| {
            let password_hash = if no_password { None } else { Some(hash(&settings.passwords, input::new_password()?).await?) };
            let user = admin.create_user(NewUser { username, profile, groups: groups.unwrap_or_default(), role, password_hash }).await?;
            if json { output::json(&as_json(&user)?) } else { output::print(&format!("Created {} ({})\n", user.username, user.id)) }
        })
    }
}

pub(super) fn group_names(text: &str) -> Result<Groups, InvalidGroupName> {
    Ok(Groups::of(text.split([',', ' ']).filter(|name| !name.is_empty()).map(GroupName::parse).collect::<Result<Vec<_>, _>>()?))
}

fn role(text: &str) -> Result<AdminRole, String> {
    AdminRole::parse(text).ok_or_else(|| format!("it is one of {}", AdminRole::ALL.map(AdminRole::as_str).join(", ")))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RoleOrNone(Option<AdminRole>);

fn role_or_none(text: &str) -> Result<RoleOrNone, String> {
    if text == "none" { Ok(RoleOrNone(None)) } else { role(text).map(|role| RoleOrNone(Some(role))).map_err(|why| format!("{why}, or none")) }
}

async fn hash(settings: &PasswordSettings, password: Secret<String>) -> Result<Secret<String>, Failure> {
    // One password: one thread is enough, whatever the server may use.
    let passwords = Passwords::new(&PasswordSettings { max_concurrent: 1, ..*settings }, Arc::new(SystemEntropy))?;
    passwords.judge(&password)?;
    Ok(passwords.hash(password).await?)
}

fn reset_lifetime(text: &str) -> Result<TimeDelta, String> {
    match text.parse::<Lifetime>().map_err(|error| error.to_string())? {
        Lifetime::Limited(span) if (SHORTEST..=LONGEST).contains(&span) => Ok(span),
        _ => Err("a link is good for a minute at least and seven days at most: write PT1M to P7D".to_owned()),
    }
}

fn reset_password(place: &Place, user: &str, expires_in: TimeDelta, json: bool) -> Done {
    place.administer(async |admin, settings| {
        let user = admin.user(user).await?;
        let declared: Vec<String> = settings.users.iter().filter(|user| user.password_hash.is_some()).map(|user| normal_username(&user.username)).collect();
        let guard = move |user: &Account| {
            if declared.contains(&user.username) { Err(AdminError::PasswordDeclared(user.username.clone())) } else { Ok(()) }
        };
        let reset = admin.start_password_reset(user.id, expires_in, Box::new(guard)).await?;
        let link = password_reset::address(&settings.issuer, &reset.secret);
        if json {
            return output::json(&json!({ "link": link, "expires_at": reset.expires_at }));
        }
        output::print(&format!("Hand this link to {}; it works once, until {}:\n\n{link}\n", output::plain(&user.username), time(reset.expires_at)))
    })
}

fn update(place: &Place, user: &str, options: profile::Options, groups: Option<Groups>, role: Option<RoleOrNone>) -> Done {
    if options.is_empty() && groups.is_none() && role.is_none() {
        return Err(Failure("nothing to change was named: see `gatekey user update --help`".to_owned()));
    }
    place.administer(async |admin, _| {
        let user = admin.user(user).await?;
        let change = move |user: &mut Account| {
            if let Some(groups) = groups {
                user.groups = groups;
            }
            if let Some(RoleOrNone(role)) = role {
                user.role = role;
            }
            options.apply(&mut user.profile).map_err(|Failure(why)| AdminError::Refused(why))
        };
        let before = user;
        let user = admin.update_user(before.id, Box::new(change)).await?;
        warn_without_admin(admin, &before).await?;
        let note = if user.managed_by_file { "; declared in gatekey.toml, which wins at the next start" } else { "" };
        output::print(&format!("Changed {}{note}\n", user.username))
    })
}

fn one(place: &Place, user: &str, done: &str, operation: impl AsyncFnOnce(&Admin, &Account) -> Done) -> Done {
    place.administer(async |admin, _| {
        let user = admin.user(user).await?;
        operation(admin, &user).await?;
        output::print(&format!("{done} {}\n", user.username))
    })
}

async fn open_sessions(admin: &Admin, user: &Account) -> Result<usize, Failure> {
    let (mut open, mut after) = (0, None);
    loop {
        let page = admin.sessions(Some(user.id), after, PAGE).await?;
        after = page.last().map(|session| session.id);
        open += page.iter().filter(|session| session.ended.is_none()).count();
        if page.len() < PAGE as usize {
            return Ok(open);
        }
    }
}

/// After `user` was locked out or deleted.
async fn warn_without_admin(admin: &Admin, user: &Account) -> Done {
    if user.role == Some(AdminRole::Administrator) && user.disabled_at.is_none() && admin.count_admins().await? == 0 {
        eprintln!(
            "gatekey: warning: nobody is an administrator any more: `gatekey user create NAME --admin` makes one, and so does the link that `gatekey serve` prints at its next start"
        );
    }
    Ok(())
}

fn list(place: &Place, json: bool) -> Done {
    let users = place.administer(async |admin, _| {
        let mut users: Vec<Account> = Vec::new();
        loop {
            let page = admin.users(users.last().map(|user| user.id), PAGE).await?;
            let last = page.len() < PAGE as usize;
            users.extend(page);
            if last {
                return Ok(users);
            }
        }
    })?;
    if json {
        return output::json(&Value::Array(users.iter().map(as_json).collect::<Result<_, _>>()?));
    }
    let row = |user: &Account| {
        vec![
            user.username.clone(),
            user.profile.name.clone().unwrap_or_default(),
            user.profile.email.clone().unwrap_or_default(),
            role_text(user),
            if user.disabled_at.is_some() { "disabled" } else { "enabled" }.to_owned(),
            time(user.created_at),
            user.id.to_string(),
        ]
    };
    output::table(&["username", "name", "email", "role", "state", "created", "id"], &users.iter().map(row).collect::<Vec<_>>())
}

fn role_text(user: &Account) -> String {
    user.role.map(AdminRole::as_str).unwrap_or_default().to_owned()
}

fn show(user: &Account) -> Done {
    let mut rows = vec![("username", user.username.clone()), ("id", user.id.to_string())];
    rows.extend(profile::rows(&user.profile)?);
    rows.extend([
        ("groups", user.groups.text().unwrap_or_default().to_owned()),
        ("role", role_text(user)),
        ("password", if user.password_hash.is_some() { format!("set {}", time(user.password_changed_at)) } else { "none".to_owned() }),
        ("disabled", time_or(user.disabled_at, "no")),
        ("declared in file", yes(user.managed_by_file)),
        ("created", time(user.created_at)),
        ("updated", time(user.updated_at)),
    ]);
    output::properties(&rows)
}

fn as_json(user: &Account) -> Result<Value, Failure> {
    let mut value = json!({
        "id": user.id,
        "username": user.username,
        "name": user.profile.name,
        "given_name": user.profile.given_name,
        "family_name": user.profile.family_name,
        "email": user.profile.email,
        "email_verified": user.profile.email_verified,
        "groups": user.groups.names().collect::<Vec<_>>(),
        "role": user.role.map(AdminRole::as_str),
        "has_password": user.password_hash.is_some(),
        "password_changed_at": user.password_changed_at,
        "disabled_at": user.disabled_at,
        "managed_by_file": user.managed_by_file,
        "created_at": user.created_at,
        "updated_at": user.updated_at,
    });
    if let Some(fields) = value.as_object_mut() {
        fields.extend(profile::details(&user.profile)?);
    }
    Ok(value)
}
