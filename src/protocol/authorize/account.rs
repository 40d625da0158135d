//! Which account answers a request, when the browser is signed in with several.
//!
//! Who is not told apart by the request is told apart by what the application already has: an application that a user has opened goes on with
//! that user, and never, silently, with another one who happens to be signed in as well. An account that has not allowed the application is
//! not there for it as long as one is that has (PN-02).

use crate::domain::client_session::ClientSession;
use crate::domain::session::{EndReason, Session};
use crate::domain::user::{User, normal_username};

/// An account that the browser is signed in with, as far as choosing asks. They stand in the order in which the user chose them last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its session can be used at this application now.
    pub usable: bool,
    /// It is whom `id_token_hint` and the values of the claim `sub` name.
    pub named: bool,
    /// `login_hint` means it.
    pub hinted: bool,
    /// It has allowed the application what is asked for, or need not.
    pub allowed: bool,
    /// The application has a part of its session ([`is_known`]).
    pub known: bool,
    /// The user chose it, signed in with it or was asked as it, for this very request.
    pub chosen: bool,
}

/// What the request says of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// `prompt=none`.
    pub silently: bool,
    /// By `id_token_hint`, or a value of the claim `sub`.
    pub names_somebody: bool,
}

/// Which of the candidates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Nobody,
    One(usize),
    /// More than one would do, this one among them, and the user has not said which (OIDC Core §3.1.2.6).
    Several(usize),
}

impl Which {
    /// The one to decide by.
    pub const fn index(self) -> Option<usize> {
        match self {
            Self::Nobody => None,
            Self::One(index) | Self::Several(index) => Some(index),
        }
    }
}

/// The rule. With one account it is that one, whatever is asked.
pub fn which(candidates: &[Candidate], asked: Asked) -> Which {
    if candidates.len() < 2 {
        return if candidates.is_empty() { Which::Nobody } else { Which::One(0) };
    }
    let first = |holds: &dyn Fn(&Candidate) -> bool| candidates.iter().position(holds);
    if let Some(chosen) = first(&|one| one.chosen) {
        return Which::One(chosen);
    }
    let found = if asked.silently { silently(candidates, asked) } else { openly(candidates, asked) };
    found.unwrap_or(Which::One(0))
}

/// Someone is there to be asked: who is named or hinted at, even if the password has to be asked for; then whoever the application knows, the one
/// chosen last before the others; then whoever was chosen last in this browser.
fn openly(candidates: &[Candidate], asked: Asked) -> Option<Which> {
    let best = |holds: &dyn Fn(&Candidate) -> bool| {
        let usable = candidates.iter().position(|one| one.usable && holds(one));
        usable.or_else(|| candidates.iter().position(holds))
    };
    let named = asked.names_somebody.then(|| best(&|one| one.named)).flatten();
    named.or_else(|| best(&|one| one.hinted)).or_else(|| best(&|one| one.known)).or_else(|| best(&|_| true)).map(Which::One)
}

/// Nobody is asked, so nobody is guessed at.
fn silently(candidates: &[Candidate], asked: Asked) -> Option<Which> {
    let first = |holds: &dyn Fn(&Candidate) -> bool| candidates.iter().position(holds);
    let visible = |one: &Candidate| one.usable && one.allowed;
    if asked.names_somebody
        && let Some(named) = first(&|one| visible(one) && one.named)
    {
        return Some(Which::One(named));
    }
    if let Some(hinted) = first(&|one| visible(one) && one.hinted) {
        return Some(Which::One(hinted));
    }
    // Their session is over: another one's is no answer to that.
    let over = |holds: &dyn Fn(&Candidate) -> bool| first(&|one| one.allowed && holds(one)).filter(|_| !asked.names_somebody);
    if let Some(hinted) = over(&|one| one.hinted) {
        return Some(Which::One(hinted));
    }
    if let Some(known) = first(&|one| visible(one) && one.known) {
        // Also one whose session is over: a tab of theirs may be open still, and must not get the tokens of the other.
        let several = candidates.iter().filter(|one| one.allowed && one.known).count() > 1;
        return Some(if several && !asked.names_somebody { Which::Several(known) } else { Which::One(known) });
    }
    // Who is named and is none of these is said to be another.
    over(&|one| one.known).or_else(|| first(&visible)).or_else(|| first(&|one| one.usable)).map(Which::One)
}

/// Whether the application has a part of this session. What has been ended in the application alone, as by withdrawing its access, is none. What ended
/// with the session is, as long as the browser holds its cookie: nobody has signed out here, so its user is asked, and not replaced, whether the
/// end has been written down already or not.
pub fn is_known(session: &Session, part: Option<&ClientSession>) -> bool {
    part.is_some_and(|part| match part.ended {
        None => true,
        // Whoever signed out, or another sign-in in its place, has taken the cookie: one that comes all the same is a copy.
        Some(end) => session.ended == Some(end) && !matches!(end.reason, EndReason::Logout | EndReason::Superseded),
    })
}

/// Whether `login_hint` means this user: by user name or e-mail address, as people type them.
pub fn is_hinted(login_hint: &str, user: &User) -> bool {
    let hint = normal_username(login_hint);
    hint == user.username || user.profile.email.as_ref().is_some_and(|email| normal_username(email) == hint)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::session::Ended;
    use crate::protocol::session::tests::{at, client_session, session, user};

    const SILENTLY: Asked = Asked { silently: true, names_somebody: false };
    const OPENLY: Asked = Asked { silently: false, names_somebody: false };

    fn live() -> Candidate {
        Candidate { usable: true, allowed: true, ..Candidate::default() }
    }

    fn known() -> Candidate {
        Candidate { known: true, ..live() }
    }

    #[test]
    fn nobody_and_one() {
        for asked in [SILENTLY, OPENLY] {
            assert_eq!(which(&[], asked), Which::Nobody);
            assert_eq!(which(&[Candidate::default()], asked), Which::One(0));
        }
    }

    /// A single-page application that renews silently and without a hint goes on with the account that it has.
    #[test]
    fn an_application_goes_on_with_the_account_it_has() {
        for asked in [SILENTLY, OPENLY] {
            assert_eq!(which(&[live(), known()], asked), Which::One(1));
            assert_eq!(which(&[live(), known(), live()], asked), Which::One(1));
            // That account's session is over: its user is asked, not replaced.
            assert_eq!(which(&[live(), Candidate { usable: false, ..known() }], asked), Which::One(1));
            // Nobody has opened it yet: whoever was chosen last.
            assert_eq!(which(&[live(), live()], asked), Which::One(0));
            assert_eq!(which(&[Candidate::default(), live()], asked), Which::One(1));
        }
        // Two have: silence does not choose between them; with a page, the one chosen last does.
        assert_eq!(which(&[live(), known(), known()], SILENTLY), Which::Several(1));
        assert_eq!(which(&[live(), known(), known()], OPENLY), Which::One(1));
        // One of the two is over: a tab of theirs must not get the other's tokens.
        let over = Candidate { usable: false, ..known() };
        assert_eq!(which(&[known(), over], SILENTLY), Which::Several(0));
        assert_eq!(which(&[over, known()], SILENTLY), Which::Several(1));
        assert_eq!(which(&[over, known()], OPENLY), Which::One(1));
        // It has taken its yes back: it is not there.
        assert_eq!(which(&[known(), Candidate { allowed: false, ..over }], SILENTLY), Which::One(0));
    }

    /// What ended with its session is known until its user signs out here.
    #[test]
    fn an_application_has_what_it_was_opened_in() {
        let end = |seconds, reason| Some(Ended { at: at(seconds), reason });
        let with = |session_ended, part_ended| {
            let part = ClientSession { ended: part_ended, ..client_session() };
            is_known(&Session { ended: session_ended, ..session() }, Some(&part))
        };
        assert!(!is_known(&session(), None));
        assert!(with(None, None));
        for reason in EndReason::ALL {
            let signed_out = matches!(reason, EndReason::Logout | EndReason::Superseded);
            assert_eq!(with(end(1, reason), end(1, reason)), !signed_out, "{reason:?}");
            assert!(!with(None, end(1, reason)), "{reason:?}");
        }
        // The user had left the application before.
        assert!(!with(end(2, EndReason::ExpiredIdle), end(1, EndReason::ConsentWithdrawn)));
        assert!(!with(end(2, EndReason::RevokedByAdmin), end(1, EndReason::RevokedByAdmin)));
    }

    #[test]
    fn who_is_named_or_hinted_at_comes_first() {
        let named = Candidate { named: true, ..live() };
        let hinted = Candidate { hinted: true, ..live() };
        for silently in [true, false] {
            let asked = Asked { silently, names_somebody: true };
            assert_eq!(which(&[known(), known(), hinted, named], asked), Which::One(3));
            assert_eq!(which(&[known(), known(), hinted], asked), Which::One(2));
            // None of them is whom it names: that is said of one of them, not that there are several.
            assert_eq!(which(&[known(), known()], asked), Which::One(0));
            assert_eq!(which(&[known(), hinted], Asked { names_somebody: false, ..asked }), Which::One(1));
        }
        // With a page its password can be asked for; in silence it cannot be used, so it is not there.
        let over = Candidate { usable: false, ..named };
        assert_eq!(which(&[known(), over], Asked { silently: false, names_somebody: true }), Which::One(1));
        assert_eq!(which(&[known(), over], Asked { silently: true, names_somebody: true }), Which::One(0));
        // Who is hinted at, and is over, is asked with a page; in silence that is the answer, and not another account.
        let over = Candidate { usable: false, ..hinted };
        for asked in [SILENTLY, OPENLY] {
            assert_eq!(which(&[known(), over], asked), Which::One(1));
        }
        assert_eq!(which(&[known(), Candidate { allowed: false, ..over }], SILENTLY), Which::One(0));
    }

    #[test]
    fn what_the_user_chose_for_this_request_holds() {
        let chosen = Candidate { chosen: true, ..Candidate::default() };
        let named = Candidate { named: true, hinted: true, ..known() };
        assert_eq!(which(&[named, chosen], Asked { silently: false, names_somebody: true }), Which::One(1));
    }

    #[test]
    fn a_login_hint_is_a_name_or_an_address() {
        let mut ada = user();
        ada.profile.email = Some("Ada@Example.test".to_owned());
        for (hint, means) in [("ada", true), (" Ada ", true), ("ada@example.test", true), ("bob", false), ("", false), ("ada@", false)] {
            assert_eq!(is_hinted(hint, &ada), means, "{hint:?}");
        }
        ada.profile.email = None;
        assert!(!is_hinted("", &ada) && !is_hinted("ada@example.test", &ada));
    }

    fn any_candidate() -> impl Strategy<Value = Candidate> {
        any::<[bool; 5]>().prop_map(|[usable, named, hinted, allowed, known]| Candidate { usable, named, hinted, allowed, known, chosen: false })
    }

    fn any_asked() -> impl Strategy<Value = Asked> {
        any::<[bool; 2]>().prop_map(|[silently, names_somebody]| Asked { silently, names_somebody })
    }

    proptest! {
        /// Somebody who could answer is not passed over for somebody who could not, but where that one is meant.
        #[test]
        fn whoever_is_taken_is_there(candidates in prop::collection::vec(any_candidate(), 1..6), asked in any_asked()) {
            let index = which(&candidates, asked).index().unwrap();
            let taken = candidates[index];
            if candidates.len() > 1 && candidates.iter().any(|one| one.usable) && !taken.usable {
                prop_assert!(taken.known || taken.hinted || (!asked.silently && taken.named));
            }
            if asked.names_somebody && !asked.silently && candidates.len() > 1 && candidates.iter().any(|one| one.named) {
                prop_assert!(taken.named);
            }
        }

        /// In silence: where it is said which, it is that one; where several would do, nobody is taken; and it never is one who has not allowed
        /// the application while another has.
        #[test]
        fn silence_guesses_at_nobody(candidates in prop::collection::vec(any_candidate(), 2..6), names_somebody: bool) {
            let asked = Asked { silently: true, names_somebody };
            let visible = |one: &&Candidate| one.usable && one.allowed;
            let which = which(&candidates, asked);
            let taken = candidates[which.index().unwrap()];
            if candidates.iter().filter(visible).count() > 0 {
                prop_assert!(taken.allowed);
            }
            if let Which::Several(_) = which {
                prop_assert!(!names_somebody && taken.usable && candidates.iter().filter(|one| one.allowed && one.known).count() > 1);
                prop_assert!(!candidates.iter().filter(visible).any(|one| one.hinted));
            }
            if names_somebody && candidates.iter().filter(visible).any(|one| one.named) {
                prop_assert!(taken.named && taken.usable);
            }
        }

        /// Nobody is handed, in silence and without a word of whom, to an application that has somebody else.
        #[test]
        fn an_application_is_handed_nobody_else(candidates in prop::collection::vec(any_candidate(), 2..6)) {
            let unhinted: Vec<Candidate> = candidates.into_iter().map(|one| Candidate { hinted: false, ..one }).collect();
            let has = unhinted.iter().position(|one| one.allowed && one.known);
            if let (Some(has), Which::One(taken)) = (has, which(&unhinted, SILENTLY)) {
                prop_assert_eq!(taken, has);
            }
        }

        /// PN-02: who else is signed in, and has not allowed the application, changes nothing of what it is answered in silence.
        #[test]
        fn who_has_not_allowed_it_is_not_there(
            others in prop::collection::vec(any_candidate(), 0..4), one in any_candidate(), place in 0usize..4, stranger in any_candidate(), at in 0usize..5,
            names_somebody: bool,
        ) {
            let asked = Asked { silently: true, names_somebody };
            // Somebody is there who could answer.
            let mut candidates = others;
            candidates.insert(place.min(candidates.len()), Candidate { usable: true, allowed: true, ..one });
            let at = at.min(candidates.len());
            let mut with = candidates.clone();
            with.insert(at, Candidate { allowed: false, ..stranger });
            let moved = |index: usize| if index >= at { index + 1 } else { index };
            let expected = match which(&candidates, asked) {
                Which::Nobody => Which::Nobody,
                Which::One(index) => Which::One(moved(index)),
                Which::Several(index) => Which::Several(moved(index)),
            };
            prop_assert_eq!(which(&with, asked), expected);
        }

        /// The order is the user's: of accounts that are alike the one chosen last is taken.
        #[test]
        fn of_equals_the_last_chosen(one in any_candidate(), count in 2usize..6, asked in any_asked()) {
            prop_assert_eq!(which(&vec![one; count], asked).index(), Some(0));
        }
    }
}
