//! One person's history over many crashes: what was acknowledged, what was under way, and whether the server remembers it so.

use std::io;

use uuid::Uuid;

use crate::installation::{PASSWORD, USER};
use crate::outside::{Answer, Browser, Http, Tokens, form, redeem, refresh, silent};

/// A request whose answer did not come: it was done or it was not.
#[derive(Debug, Clone)]
enum Pending {
    Refresh,
    Exchange(String),
    Revoke,
    Logout(String),
    /// Nothing that could have left a trace we must know of.
    Other,
}

pub struct Line {
    browser: Option<Browser>,
    tokens: Option<Tokens>,
    /// The last few tokens before the newest.
    ancestors: Vec<String>,
    pending: Option<Pending>,
    random: u64,
    pub done: Done,
    /// What was told to be over and must stay so.
    pub over: Over,
}

/// Acknowledged requests.
#[derive(Debug, Default, Clone, Copy)]
pub struct Done {
    pub refreshes: u64,
    pub grants: u64,
    pub revocations: u64,
    pub logouts: u64,
}

#[derive(Default)]
pub struct Over {
    pub families: Vec<Uuid>,
    /// The same as tokens, those since the last look.
    tokens: Vec<String>,
    codes: Vec<String>,
    browsers: Vec<Browser>,
}

impl Line {
    pub fn new(seed: u64) -> Self {
        Self {
            browser: None,
            tokens: None,
            ancestors: Vec::new(),
            pending: None,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            done: Done::default(),
            over: Over::default(),
        }
    }

    /// xorshift: the same history for the same seed, as far as the crashes allow.
    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % below
    }

    pub fn newest(&self) -> Option<&str> {
        self.tokens.as_ref().map(|tokens| tokens.refresh.as_str())
    }

    pub fn was_refreshing(&self) -> bool {
        matches!(self.pending, Some(Pending::Refresh))
    }

    pub fn is_unanswered(&self) -> bool {
        self.pending.is_some()
    }

    /// The next thing a person or their application does. `Err(None)`: the connection broke; `Err(Some)`: the server said something wrong.
    pub fn step(&mut self, http: &mut Http) -> Result<(), Option<String>> {
        self.pending = Some(Pending::Other);
        let outcome = self.attempt(http);
        if outcome.is_ok() {
            self.pending = None;
        }
        outcome
    }

    fn attempt(&mut self, http: &mut Http) -> Result<(), Option<String>> {
        let Some(browser) = self.browser.clone() else {
            self.browser = Some(Browser::sign_in(http, USER, PASSWORD).map_err(broken)?);
            return Ok(());
        };
        let Some(tokens) = self.tokens.clone() else {
            let code = silent(http, &browser, "openid").map_err(broken)?.code().ok_or_else(|| Some("prompt=none gave no code".to_owned()))?;
            self.pending = Some(Pending::Exchange(code.clone()));
            let answer = http.post("/oauth/token", &[], &redeem(&code)).map_err(broken)?;
            return self.granted(&answer, code);
        };
        match self.random(100) {
            0..3 => {
                let hint = tokens.id.clone().expect("an ID token");
                self.pending = Some(Pending::Logout(hint.clone()));
                self.log_out(http, &browser, &hint)
            }
            3..15 => {
                self.pending = Some(Pending::Revoke);
                self.revoke(http, &tokens)
            }
            _ => {
                self.pending = Some(Pending::Refresh);
                let answer = http.post("/oauth/token", &[], &refresh(&tokens.refresh)).map_err(broken)?;
                self.refreshed(&answer)
            }
        }
    }

    fn granted(&mut self, answer: &Answer, code: String) -> Result<(), Option<String>> {
        self.tokens = Some(Tokens::of(answer).map_err(wrong)?);
        self.ancestors.clear();
        self.over.codes.push(code);
        self.done.grants += 1;
        Ok(())
    }

    fn refreshed(&mut self, answer: &Answer) -> Result<(), Option<String>> {
        let next = Tokens::of(answer).map_err(wrong)?;
        let before = self.tokens.replace(next).expect("it was refreshed").refresh;
        let now = self.newest().unwrap_or_default();
        if Tokens::family(now) != Tokens::family(&before) || Tokens::generation(now) != Tokens::generation(&before) + 1 {
            return Err(Some("a refresh gave something else than the next generation of the family".to_owned()));
        }
        if self.ancestors.len() == 4 {
            self.ancestors.remove(0);
        }
        self.ancestors.push(before);
        self.done.refreshes += 1;
        Ok(())
    }

    fn revoke(&mut self, http: &mut Http, tokens: &Tokens) -> Result<(), Option<String>> {
        let answer = http.post("/oauth/revoke", &[], &form(&[("client_id", "spa"), ("token", &tokens.refresh)])).map_err(broken)?;
        if answer.status != 200 {
            return Err(Some(format!("a revocation was answered {}: {}", answer.status, answer.body)));
        }
        self.family_is_over();
        self.done.revocations += 1;
        Ok(())
    }

    fn family_is_over(&mut self) {
        if let Some(tokens) = self.tokens.take() {
            self.over.families.push(Tokens::family(&tokens.refresh));
            self.over.tokens.push(tokens.refresh);
        }
        self.ancestors.clear();
    }

    fn log_out(&mut self, http: &mut Http, browser: &Browser, hint: &str) -> Result<(), Option<String>> {
        let path = format!("/oidc/logout?{}", form(&[("id_token_hint", hint)]));
        let answer = http.get(&path, &[("Cookie", &browser.cookie())]).map_err(broken)?;
        if answer.status != 200 {
            return Err(Some(format!("a logout was answered {}: {}", answer.status, answer.body)));
        }
        self.family_is_over();
        self.over.browsers.extend(self.browser.take());
        self.done.logouts += 1;
        Ok(())
    }

    /// After the crash: what was acknowledged is there, what was under way is finished by asking again. P1, P2.
    pub fn resume(&mut self, http: &mut Http) -> Result<(), String> {
        match self.pending.take() {
            // It may have ended already; asking again is right, and answered as the first time would have been.
            Some(Pending::Revoke) => {
                let tokens = self.tokens.clone().expect("it was revoked");
                self.revoke(http, &tokens)
            }
            Some(Pending::Logout(hint)) => {
                let browser = self.browser.clone().expect("it was logged out");
                self.log_out(http, &browser, &hint)
            }
            // The code is single-use: if it was redeemed, the application authorizes silently once more.
            Some(Pending::Exchange(code)) => {
                let answer = http.post("/oauth/token", &[], &redeem(&code)).map_err(|error| error.to_string())?;
                if answer.error().as_deref() == Some("invalid_grant") { Ok(()) } else { self.granted(&answer, code) }
            }
            Some(Pending::Refresh | Pending::Other) | None => Ok(()),
        }
        .map_err(|why| why.unwrap_or_else(|| "the connection broke".to_owned()))?;
        self.goes_on(http)
    }

    /// Whoever has tokens refreshes, and gets the same successor when asking twice; whoever is signed in gets a code silently.
    fn goes_on(&mut self, http: &mut Http) -> Result<(), String> {
        if let Some(held) = self.newest().map(str::to_owned) {
            let answer = http.post("/oauth/token", &[], &refresh(&held)).map_err(|error| error.to_string())?;
            self.refreshed(&answer).map_err(|why| format!("logged out by a crash: {}", why.unwrap_or_default()))?;
            let again = Tokens::of(&http.post("/oauth/token", &[], &refresh(&held)).map_err(|error| error.to_string())?);
            if again.map_err(|error| error.to_string())?.refresh != self.newest().unwrap_or_default() {
                return Err("a retry got another successor".to_owned());
            }
        }
        if let Some(browser) = &self.browser {
            let answer = silent(http, browser, "openid").map_err(|error| error.to_string())?;
            answer.code().ok_or_else(|| format!("signed out by a crash: {:?}", answer.error()))?;
        }
        Ok(())
    }

    /// What was told to be over since the last look is over. Codes are tried last: to show one twice ends what it gave.
    pub fn stays_over(&mut self, http: &mut Http) -> Result<u64, String> {
        let mut looked = 0;
        for token in self.over.tokens.drain(..) {
            refused(&http.post("/oauth/token", &[], &refresh(&token)).map_err(|error| error.to_string())?)?;
            looked += 1;
        }
        for browser in self.over.browsers.drain(..) {
            let error = silent(http, &browser, "openid").map_err(|error| error.to_string())?.error();
            if error.as_deref() != Some("login_required") {
                return Err(format!("a session that was ended: {error:?}"));
            }
            looked += 1;
        }
        // The newest code belongs to the family in use.
        let keep = usize::from(self.tokens.is_some()).min(self.over.codes.len());
        let used: Vec<_> = self.over.codes.drain(..self.over.codes.len() - keep).collect();
        for code in used {
            refused(&http.post("/oauth/token", &[], &redeem(&code)).map_err(|error| error.to_string())?)?;
            looked += 1;
        }
        Ok(looked)
    }

    /// An ancestor older than the last ends the family: there is no second live generation. P4.
    pub fn reuse_ends(&mut self, http: &mut Http) -> Result<bool, String> {
        let (Some(newest), [.., old, _]) = (self.newest().map(str::to_owned), &self.ancestors[..]) else { return Ok(false) };
        for token in [old.clone(), newest] {
            refused(&http.post("/oauth/token", &[], &refresh(&token)).map_err(|error| error.to_string())?)?;
        }
        self.family_is_over();
        Ok(true)
    }
}

fn refused(answer: &Answer) -> Result<(), String> {
    match (answer.status, answer.error().as_deref()) {
        (400, Some("invalid_grant")) => Ok(()),
        _ => Err(format!("something that was over lives: {}: {}", answer.status, answer.body)),
    }
}

/// No whole answer came, unless the error is the flow's own word on an answer that did.
fn broken(error: io::Error) -> Option<String> {
    (error.kind() == io::ErrorKind::Other).then(|| error.to_string())
}

fn wrong(error: io::Error) -> Option<String> {
    Some(error.to_string())
}
