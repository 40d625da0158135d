//! The situations of `situations.txt`, and what holds of any policy.

use std::collections::HashMap;

use proptest::prelude::*;

use super::explain::explain;
use super::*;
use crate::domain::client::{ClientKind, ClientMetadata};
use crate::domain::group::GroupName;
use crate::domain::id::ClientId;
use crate::protocol::session::tests::{a_client, at};

const SITUATIONS: &str = include_str!("situations.txt");

fn client(id: &str, lifetimes: LimitOverrides) -> Client {
    a_client(id, ClientMetadata { lifetimes, ..ClientMetadata::defaults(ClientKind::Spa, id) })
}

fn rule(selector: Selector, limits: LimitOverrides) -> LifetimeRule {
    LifetimeRule { selector, limits, managed_by_file: false, updated_at: at(0) }
}

fn group(name: &str) -> GroupName {
    GroupName::parse(name).unwrap()
}

fn limits_of(text: &str) -> LimitOverrides {
    let mut limits = LimitOverrides::default();
    for word in text.split_whitespace() {
        let (name, value) = word.split_once('=').unwrap();
        limits.set(name.parse().unwrap(), Some(value.parse().unwrap()));
    }
    limits
}

fn pairs(text: &str) -> HashMap<&str, &str> {
    text.split_whitespace().filter_map(|word| word.split_once('=')).collect()
}

fn acr(text: Option<&&str>) -> Option<Acr> {
    text.map(|text| Acr::parse(&format!("urn:gatekey:acr:{text}")).unwrap())
}

/// What a dry run need not read: groups that no rule names, how somebody signed in where no rule asks, client sessions that cannot end before
/// their session.
#[test]
fn what_matters_to_a_policy() {
    let everybody = Selector { client: None, group: None, acr: None };
    let policy = |rules: Vec<LifetimeRule>| Policy { default: Limits::default(), rules: Arc::new(rules) };
    let idle = limits_of("session_idle=PT1H");
    let staff = rule(Selector { group: Some(group("staff")), ..everybody.clone() }, idle);
    let strong = rule(Selector { acr: Some(Acr::Password), ..everybody.clone() }, idle);
    let plain = policy(vec![rule(everybody.clone(), idle)]);
    assert!(plain.groups().next().is_none() && !plain.names_acr());
    let both = policy(vec![rule(everybody.clone(), idle), staff, strong]);
    assert_eq!(both.groups().collect::<Vec<_>>(), [&group("staff")]);
    assert!(both.names_acr());

    let ends = |policy: &Policy, registered: &str| policy.ends_client_sessions([client("app", limits_of(registered))].iter());
    let unlimited = Limits { client_session_absolute: Lifetime::Unlimited, client_session_idle: Lifetime::Unlimited, ..Limits::default() };
    let with = |default: Limits, limits: &str| Policy { default, rules: Arc::new(vec![rule(everybody.clone(), limits_of(limits))]) };
    assert!(!ends(&with(unlimited, "session_idle=PT1H"), "session_absolute=P1D"));
    for either in ["client_session_absolute=P1D", "client_session_idle=PT1H"] {
        assert!(ends(&with(unlimited, either), ""), "a rule: {either}");
        assert!(ends(&with(unlimited, ""), either), "a registration: {either}");
        assert!(!ends(&with(unlimited, &either.replace("P1D", "unlimited").replace("PT1H", "unlimited")), ""), "{either}");
    }
    let (absolute, idle) = (Lifetime::seconds(86_400), Lifetime::seconds(3_600));
    assert!(ends(&with(Limits { client_session_absolute: absolute, ..unlimited }, ""), ""));
    assert!(ends(&with(Limits { client_session_idle: idle, ..unlimited }, ""), ""));
}

#[test]
fn every_situation_comes_out_as_written() {
    let (mut policy_name, mut rules, mut registered) = ("", Vec::new(), HashMap::new());
    let mut situations = 0;
    for line in SITUATIONS.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix("policy ") {
            (policy_name, rules, registered) = (name, Vec::new(), HashMap::new());
            continue;
        }
        let (whom, limits) = line.split_once(" : ").unwrap_or_else(|| panic!("no limits in: {line}"));
        let limits = limits_of(limits);
        let words = pairs(whom);
        if let Some(id) = whom.strip_prefix("registered ") {
            registered.insert(id, limits);
        } else if whom.starts_with("rule ") {
            let selector = Selector {
                client: words.get("client").map(|id| ClientId::parse(id).unwrap()),
                group: words.get("group").map(|name| group(name)),
                acr: acr(words.get("acr")),
            };
            rules.push(rule(selector, limits));
        } else {
            assert!(whom == "as" || whom.starts_with("as "), "{line}");
            situations += 1;
            let client = words.get("client").map(|id| client(id, registered.get(id).copied().unwrap_or_default()));
            let groups = words.get("groups").map(|names| Groups::of(names.split(',').map(group)));
            let subject = Subject { client: client.as_ref(), groups: groups.as_ref(), acr: acr(words.get("acr")) };
            let policy = Policy { default: Limits::default(), rules: Arc::new(rules.clone()) };
            let explained = explain(&policy, &subject);
            let running = ClientPolicy::new(&policy, client.as_ref()).limits(groups.as_ref(), subject.acr);
            for (limit, expected) in limits.iter() {
                let said = explained.iter().find(|explanation| explanation.limit == limit).unwrap();
                assert_eq!(said.value, expected, "{policy_name}: {line}: {}", limit.as_str());
                assert_eq!(running.get(limit), expected, "{policy_name}: {line}: {}", limit.as_str());
            }
        }
    }
    assert!(situations >= 100, "{situations}");
}

fn any_lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![4 => (1i64..40).prop_map(|hours| Lifetime::seconds(hours * 3600)), 1 => Just(Lifetime::Unlimited)]
}

/// The explanation of a limit names what it comes from: no two weights by one word.
#[test]
fn each_weight_has_a_word_of_its_own() {
    use Specificity as S;
    let words = [S::Default, S::Instance, S::Acr, S::Group, S::Client, S::Two, S::Three].map(S::as_str);
    for (i, word) in words.iter().enumerate() {
        assert!(word.len() > 2 && !words[..i].contains(word), "{word}");
    }
}

/// A session lives as long as any application may still use it, and not a moment for what is another person's.
#[test]
fn a_session_lasts_as_long_as_it_does_anywhere() {
    let default = Limits { session_absolute: Lifetime::seconds(100), session_idle: Lifetime::seconds(10), ..Limits::default() };
    let ends = |selector: (Option<&str>, Option<&str>, Option<Acr>), longer: &str, registered: &str| {
        let selector = Selector { client: selector.0.map(|id| ClientId::parse(id).unwrap()), group: selector.1.map(group), acr: selector.2 };
        let policy = Policy { default, rules: Arc::new(vec![rule(selector, limits_of(longer))]) };
        let longest = longest_session(&policy, &limits_of(registered), &Groups::of([group("a")]), Acr::Password);
        (longest.session_absolute, longest.session_idle)
    };
    let (longer, seconds) = ("session_absolute=PT200S session_idle=PT20S", |absolute, idle| (Lifetime::seconds(absolute), Lifetime::seconds(idle)));
    for (selector, applies) in [
        ((Some("app"), None, None), true),
        ((Some("app"), Some("a"), None), true),
        ((Some("app"), Some("a"), Some(Acr::Password)), true),
        ((Some("app"), None, Some(Acr::Password)), true),
        ((Some("app"), Some("b"), None), false),
        ((Some("app"), Some("b"), Some(Acr::Password)), false),
        ((None, None, None), true),
        ((None, Some("b"), None), false),
    ] {
        assert_eq!(ends(selector, longer, ""), if applies { seconds(200, 20) } else { seconds(100, 10) }, "{selector:?}");
    }
    // Each limit by itself; a shorter one of one application does not end the session for the others.
    let app = (Some("app"), None, None);
    assert_eq!(ends(app, "session_absolute=PT50S session_idle=PT20S", ""), seconds(100, 20));
    assert_eq!(ends(app, "", "session_absolute=PT300S session_idle=PT5S"), seconds(300, 10));
    assert_eq!(ends(app, longer, "session_absolute=unlimited"), (Lifetime::Unlimited, Lifetime::seconds(20)));
    // A rule for everybody is what is in force, shorter or longer; only rules for applications compete.
    assert_eq!(ends((None, Some("a"), None), "session_absolute=PT50S session_idle=PT5S", ""), seconds(50, 5));
}

fn any_overrides() -> impl Strategy<Value = LimitOverrides> {
    prop::collection::vec((0..Limit::ALL.len(), any_lifetime()), 0..4).prop_map(|set| {
        let mut limits = LimitOverrides::default();
        for (index, value) in set {
            limits.set(Limit::ALL[index], Some(value));
        }
        limits
    })
}

fn any_rule() -> impl Strategy<Value = LifetimeRule> {
    let client = prop::option::of(prop::sample::select(vec!["app", "other"]));
    let group_name = prop::option::of(prop::sample::select(vec!["a", "b", "c"]));
    (client, group_name, any::<bool>(), any_overrides()).prop_map(|(client, name, of_acr, limits)| {
        let selector = Selector { client: client.map(|id| ClientId::parse(id).unwrap()), group: name.map(group), acr: of_acr.then_some(Acr::Password) };
        rule(selector, limits)
    })
}

fn any_groups() -> impl Strategy<Value = Option<Groups>> {
    prop::option::of(prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 0..3).prop_map(|names| Groups::of(names.into_iter().map(group))))
}

/// Equally specific: the shorter one, also where only one of them names the `acr` that everybody signed in has.
#[test]
fn an_acr_that_all_have_outweighs_nothing() {
    let hour = |hours: i64| LimitOverrides { session_idle: Some(Lifetime::seconds(hours * 3600)), ..LimitOverrides::default() };
    let of_group = Selector { client: Some(ClientId::parse("app").unwrap()), group: Some(group("a")), acr: None };
    let of_acr = Selector { group: None, acr: Some(Acr::Password), ..of_group.clone() };
    let (app, groups) = (client("app", LimitOverrides::default()), Groups::of([group("a")]));
    for rules in [vec![rule(of_group.clone(), hour(1)), rule(of_acr.clone(), hour(9))], vec![rule(of_acr, hour(9)), rule(of_group, hour(1))]] {
        let policy = Policy { default: Limits::default(), rules: Arc::new(rules) };
        assert_eq!(ClientPolicy::new(&policy, Some(&app)).limits(Some(&groups), Some(Acr::Password)).session_idle, Lifetime::seconds(3600));
    }
}

proptest! {
    /// What is explained is what runs, whatever the rules, and in whatever order they are kept.
    #[test]
    fn explained_as_it_runs(
        rules in prop::collection::vec(any_rule(), 0..12),
        own in any_overrides(),
        with_client in any::<bool>(),
        groups in any_groups(),
        signed_in in any::<bool>(),
        turn in 0usize..12,
    ) {
        let client = with_client.then(|| client("app", own));
        let acr = signed_in.then_some(Acr::Password);
        let subject = Subject { client: client.as_ref(), groups: groups.as_ref(), acr };
        let policy = Policy { default: Limits::default(), rules: Arc::new(rules.clone()) };
        let mut turned = rules;
        let by = turn.min(turned.len());
        turned.rotate_left(by);
        let turned = Policy { rules: Arc::new(turned), ..policy.clone() };
        let running = ClientPolicy::new(&turned, client.as_ref()).limits(groups.as_ref(), acr);
        for explanation in explain(&policy, &subject) {
            prop_assert_eq!(explanation.value, running.get(explanation.limit));
            // The winner is the first of the most specific ones, and none as specific is shorter.
            let first = &explanation.candidates[0];
            for candidate in &explanation.candidates {
                prop_assert!(candidate.specificity <= first.specificity);
                prop_assert!(candidate.specificity < first.specificity || !first.value.is_longer_than(candidate.value));
            }
        }
    }

    /// A rule that does not apply changes nothing; one less specific than the winner changes nothing either.
    #[test]
    fn only_what_applies_counts(rules in prop::collection::vec(any_rule(), 0..8), added in any_rule(), groups in any_groups()) {
        let app = client("app", LimitOverrides::default());
        let subject = Subject { client: Some(&app), groups: groups.as_ref(), acr: Some(Acr::Password) };
        let before = Policy { default: Limits::default(), rules: Arc::new(rules.clone()) };
        let after = Policy { rules: Arc::new([rules, vec![added.clone()]].concat()), ..before.clone() };
        for (old, new) in explain(&before, &subject).into_iter().zip(explain(&after, &subject)) {
            let winner = old.candidates[0].specificity;
            if !applies(&added.selector, &subject) || added.limits.get(old.limit).is_none() || Specificity::of(&added.selector) < winner {
                prop_assert_eq!(old.value, new.value);
            } else if Specificity::of(&added.selector) > winner {
                prop_assert_eq!(Some(new.value), added.limits.get(old.limit));
            }
        }
    }
}
