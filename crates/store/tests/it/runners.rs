//! Runners and their keys.

use super::projects::project;
use super::tokens::token;
use crate::support::{Setting, at, by_hand, contract, entry};
use domain::control::{Contact, Expiry, RunnerChange, RunnerPhase, RunnerStanding, Scope, TokenPhase, Uses};
use domain::{RunnerCapability, RunnerUuid};
use std::num::NonZeroU32;
use std::time::Duration;
use store::{Change, KeyStanding, NewRunner, NewToken, RunnerFacts, StoreError, TokenHash, TokenKind};

contract!(
    the_last_use_of_a_token_makes_one_runner,
    what_is_made_is_noted_by_its_number,
    a_runner_is_what_its_token_says,
    many_runners_are_heard_of_at_once,
    a_runner_that_cannot_be_read_keeps_no_other_from_being_heard_of,
    those_that_are_quiet_are_found_alone,
    keys_are_looked_up_together,
    a_new_key_leaves_the_old_one_its_grace,
    a_removed_runner_signs_nothing
);

pub(crate) fn runner(number: u8) -> NewRunner {
    NewRunner {
        uuid: RunnerUuid(format!("uuid-{number}")),
        name: format!("runner {number}"),
        pool: Some("small".to_owned()),
        labels: vec!["linux".to_owned()],
        version: "1".to_owned(),
        capabilities: vec![RunnerCapability::Cancelling, RunnerCapability::Other("x".to_owned())],
        phase: RunnerPhase::lasting(NonZeroU32::MIN, at(2)),
        key: TokenHash([100 + number; 32]),
        opens: serde_json::Value::Null,
    }
}

pub(crate) fn registration(uses: u32) -> NewToken {
    let uses = Uses::Left(NonZeroU32::new(uses).unwrap());
    token(TokenKind::Registration, 1, TokenPhase::live(uses, Expiry::At(at(1000))))
}

async fn what_is_made_is_noted_by_its_number(Setting { store, .. }: Setting) {
    let word = |what: &str| format!("{what} {} ({{new}})", store::AuditEntry::NEW);
    let token = store.add_token(&registration(1), at(1), &entry("token.make", &word("token"))).await.unwrap();
    let made = store.register(token, &runner(1), at(2), &entry("runner.register", &word("runner"))).await.unwrap();
    let noted = store.audit(&store::AuditFilter { limit: 9, ..store::AuditFilter::default() }).await.unwrap();
    let objects: Vec<_> = noted.iter().rev().map(|noted| noted.entry.object.clone()).collect();
    assert_eq!(objects, [format!("token {token} ({{new}})"), format!("runner {} ({{new}})", made.id)]);
}

async fn the_last_use_of_a_token_makes_one_runner(Setting { store, .. }: Setting) {
    let id = store.add_token(&registration(1), at(1), &entry("token.add", "x")).await.unwrap();
    let mut makers = Vec::new();
    for number in 0..20 {
        let store = store.clone();
        let noted = entry("runner.register", "x");
        makers.push(tokio::spawn(async move { store.register(id, &runner(number), at(2), &noted).await }));
    }
    let mut made = Vec::new();
    for maker in makers {
        match maker.await.unwrap() {
            Ok(runner) => made.push(runner),
            Err(StoreError::Token(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(store.runners(None).await.unwrap(), made);
}

async fn a_runner_is_what_its_token_says(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let web = store.add_project(&project("ana/web"), at(1), &noted).await.unwrap();
    let scope = Scope::Owner(web.owner_id);
    let id = store.add_token(&NewToken { scope, ..registration(9) }, at(1), &noted).await.unwrap();
    let made = store.register(id, &runner(1), at(2), &noted).await.unwrap();
    assert_eq!((made.scope, made.pool.as_deref(), made.created), (scope, Some("small"), at(2)));
    assert_eq!(made.capabilities, runner(1).capabilities);
    assert_eq!(store.runner(made.id).await.unwrap(), made);
    assert_eq!(store.runners(Some(scope)).await.unwrap().len(), 1);
    assert!(store.runners(Some(Scope::Instance)).await.unwrap().is_empty());
    assert!(store.runners(Some(Scope::Repository(web.id))).await.unwrap().is_empty());

    let facts = RunnerFacts { labels: vec!["gpu".to_owned()], version: "2".to_owned(), capabilities: Vec::new() };
    store.declare(made.id, &facts).await.unwrap();
    let phase = store.change_runner(made.id, RunnerChange::Heard(at(7)), at(7), None).await.unwrap();
    assert_eq!(phase.standing(), RunnerStanding::Idle);
    let now = store.runner(made.id).await.unwrap();
    assert_eq!((now.labels, now.version, now.phase), (facts.labels, facts.version, phase));
    let over = store.register(id, &runner(2), at(1000), &noted).await;
    assert!(matches!(over, Err(StoreError::Token(_))), "{over:?}");
}

async fn many_runners_are_heard_of_at_once(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let unlimited = NewToken { phase: TokenPhase::live(Uses::Unlimited, Expiry::Never), ..registration(1) };
    let id = store.add_token(&unlimited, at(1), &noted).await.unwrap();
    let mut made = Vec::new();
    for number in 1..=4 {
        made.push(store.register(id, &runner(number), at(2), &noted).await.unwrap().id);
    }
    store.change_runner(made[1], RunnerChange::Heard(at(3)), at(3), None).await.unwrap();
    store.remove_runner(made[3], at(4), &noted).await.unwrap();
    let mut news = store.changes().await.unwrap();
    store.hear(&[(made[0], at(9)), (made[1], at(10)), (made[3], at(9))]).await.unwrap();
    let contact = async |at: usize| store.runner(made[at]).await.unwrap().phase.contact();
    assert_eq!(contact(0).await, Contact::Online(at(9)));
    assert_eq!(contact(1).await, Contact::Online(at(10)));
    assert_eq!(contact(2).await, Contact::Offline(at(2)), "nobody said so");
    store.hear(&[]).await.unwrap();
    store.hear(&[(made[2], at(11))]).await.unwrap();
    // That one was heard of once more is no news.
    let limit = Duration::from_secs(20);
    for told in [made[0], made[2]] {
        assert_eq!(tokio::time::timeout(limit, news.next()).await.unwrap(), Some(Change::Runner(told)));
    }
}

async fn a_runner_that_cannot_be_read_keeps_no_other_from_being_heard_of(Setting { store, url, .. }: Setting) {
    let noted = entry("x", "x");
    let unlimited = NewToken { phase: TokenPhase::live(Uses::Unlimited, Expiry::Never), ..registration(1) };
    let id = store.add_token(&unlimited, at(1), &noted).await.unwrap();
    let mut made = Vec::new();
    for number in 1..=3 {
        made.push(store.register(id, &runner(number), at(2), &noted).await.unwrap().id);
    }
    by_hand(&url, &format!("UPDATE runners SET phase = 'not ours' WHERE id = {}", made[1])).await;
    let heard: Vec<_> = made.iter().map(|id| (*id, at(9))).collect();
    store.hear(&heard).await.unwrap();
    for id in [made[0], made[2]] {
        assert_eq!(store.runner(id).await.unwrap().phase.contact(), Contact::Online(at(9)));
    }
    let damaged = store.runner(made[1]).await;
    assert!(matches!(damaged, Err(StoreError::Damaged { what: "runner", .. })), "{damaged:?}");
}

async fn those_that_are_quiet_are_found_alone(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let unlimited = NewToken { phase: TokenPhase::live(Uses::Unlimited, Expiry::Never), ..registration(1) };
    let id = store.add_token(&unlimited, at(1), &noted).await.unwrap();
    let mut made = Vec::new();
    for number in 1..=5 {
        made.push(store.register(id, &runner(number), at(2), &noted).await.unwrap().id);
    }
    let heard = [(made[0], at(9)), (made[1], at(10)), (made[2], at(20)), (made[3], at(21))];
    store.hear(&heard).await.unwrap();
    let quiet = store.quiet_runners(at(9), at(20)).await.unwrap();
    // The fourth was heard of before the clock was set back, the last one never.
    assert_eq!(quiet.iter().map(|runner| runner.id).collect::<Vec<_>>(), [made[0], made[3], made[4]]);
    assert_eq!(quiet[0], store.runner(made[0]).await.unwrap());
}

async fn keys_are_looked_up_together(Setting { store, url, .. }: Setting) {
    let noted = entry("x", "x");
    let unlimited = NewToken { phase: TokenPhase::live(Uses::Unlimited, Expiry::Never), ..registration(1) };
    let id = store.add_token(&unlimited, at(1), &noted).await.unwrap();
    let mut made = Vec::new();
    for number in 1..=4 {
        made.push(store.register(id, &runner(number), at(2), &noted).await.unwrap());
    }
    store.change_runner(made[0].id, RunnerChange::Disabled, at(3), None).await.unwrap();
    store.rotate_key(made[1].id, TokenHash([200; 32]), Duration::ZERO, at(10), &noted).await.unwrap();
    store.remove_runner(made[2].id, at(10), &noted).await.unwrap();
    by_hand(&url, &format!("UPDATE runners SET phase = 'not ours' WHERE id = {}", made[3].id.0)).await;
    let keys: Vec<TokenHash> = (1..=4).map(|number| runner(number).key).chain([TokenHash([200; 32])]).collect();
    let found = store.key_standings(&keys).await.unwrap();
    assert_eq!(found.len(), 3, "neither what is gone nor what cannot be read");
    for key in [runner(1).key, runner(2).key, TokenHash([200; 32])] {
        let (runner, token) = store.runner_of_key(key).await.unwrap().unwrap();
        assert_eq!(found[&key], KeyStanding { runner: runner.id, phase: runner.phase, key: token.phase });
    }
    assert!(found[&runner(2).key].key.opens(at(10)).is_err());
    assert!(store.key_standings(&[]).await.unwrap().is_empty());
}

async fn a_new_key_leaves_the_old_one_its_grace(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let id = store.add_token(&registration(1), at(1), &noted).await.unwrap();
    let made = store.register(id, &runner(1), at(2), &noted).await.unwrap();
    let new = TokenHash([200; 32]);
    store.rotate_key(made.id, new, Duration::from_millis(50), at(10), &noted).await.unwrap();
    let (of_old, old) = store.runner_of_key(runner(1).key).await.unwrap().unwrap();
    let (of_new, key) = store.runner_of_key(new).await.unwrap().unwrap();
    assert_eq!((of_old.id, of_new.id), (made.id, made.id));
    assert!(old.phase.opens(at(59)).is_ok() && old.phase.opens(at(60)).is_err());
    assert!(key.phase.opens(at(1_000_000)).is_ok());
    // A second rotation leaves the first one's grace as it is.
    store.rotate_key(made.id, TokenHash([201; 32]), Duration::from_millis(500), at(20), &noted).await.unwrap();
    let (_, old) = store.runner_of_key(runner(1).key).await.unwrap().unwrap();
    assert!(old.phase.opens(at(60)).is_err());
}

async fn a_removed_runner_signs_nothing(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let id = store.add_token(&registration(1), at(1), &noted).await.unwrap();
    let made = store.register(id, &runner(1), at(2), &noted).await.unwrap();
    store.remove_runner(made.id, at(3), &noted).await.unwrap();
    assert_eq!(store.runner_of_key(runner(1).key).await.unwrap(), None);
    let gone = store.change_runner(made.id, RunnerChange::Heard(at(4)), at(4), None).await;
    assert!(matches!(gone, Err(StoreError::Missing { what: "runner", .. })), "{gone:?}");
    assert!(store.remove_runner(made.id, at(5), &noted).await.is_err());
}
