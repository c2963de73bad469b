//! Secrets and variables.

use super::projects::project;
use crate::support::{Setting, at, contract, entry};
use domain::control::Scope;
use store::{HoldingKind, NewHolding, Set, StoreError};

contract!(
    the_narrowest_scope_wins,
    one_name_is_one_thing,
    of_many_that_make_one_name_one_does,
    a_name_is_changed_whole_or_not,
);

fn holding(kind: HoldingKind, scope: Scope, name: &str, value: &[u8]) -> NewHolding {
    NewHolding { kind, scope, name: name.to_owned(), description: String::new(), value: value.to_vec() }
}

pub(crate) fn variable(scope: Scope, name: &str, value: &str) -> NewHolding {
    holding(HoldingKind::Variable, scope, name, value.as_bytes())
}

fn secret(scope: Scope, name: &str, value: &[u8]) -> NewHolding {
    holding(HoldingKind::Secret, scope, name, value)
}

async fn the_narrowest_scope_wins(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let web = store.add_project(&project("ana/web"), at(1), &noted).await.unwrap();
    let other = store.add_project(&project("bob/web"), at(1), &noted).await.unwrap();
    let (owner, own) = (Scope::Owner(web.owner_id), Scope::Repository(web.id));
    for (scope, name, value) in [
        (Scope::Instance, "A", "instance"),
        (Scope::Instance, "B", "instance"),
        (owner, "B", "owner"),
        (owner, "C", "owner"),
        (own, "C", "own"),
        (Scope::Repository(other.id), "A", "of another"),
    ] {
        assert_eq!(store.set_holding(&variable(scope, name, value), at(2), &noted).await.unwrap(), Set::Made);
    }
    let seen = async |kind, project| -> Vec<NewHolding> {
        let all = store.holdings_for(project).await.unwrap().into_iter();
        all.map(|holding| holding.new).filter(|holding| holding.kind == kind).collect()
    };
    let wanted = [variable(Scope::Instance, "A", "instance"), variable(owner, "B", "owner"), variable(own, "C", "own")];
    assert_eq!(seen(HoldingKind::Variable, web.id).await, wanted);

    for (scope, name, sealed) in [(owner, "S", b"owner"), (own, "S", b"own!!"), (owner, "T", b"owner")] {
        store.set_holding(&secret(scope, name, sealed), at(3), &noted).await.unwrap();
    }
    assert_eq!(seen(HoldingKind::Secret, web.id).await, [secret(own, "S", b"own!!"), secret(owner, "T", b"owner")]);
    assert!(seen(HoldingKind::Secret, other.id).await.is_empty());
    assert!(matches!(store.holdings_for(domain::control::ProjectId(99)).await, Err(store::StoreError::Missing { .. })));
    assert!(!format!("{:?}", secret(own, "S", b"own!!")).contains("111"), "values are not for logs");
}

async fn one_name_is_one_thing(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let scope = Scope::Repository(store.add_project(&project("a/b"), at(1), &noted).await.unwrap().id);
    let mut makers = Vec::new();
    for value in 0..8 {
        let (store, noted) = (store.clone(), noted.clone());
        makers.push(tokio::spawn(async move {
            // A variable of that name is another thing.
            store.set_holding(&variable(scope, "S", "x"), at(2), &noted).await.unwrap();
            store.set_holding(&secret(scope, "S", &[value]), at(2), &noted).await.unwrap()
        }));
    }
    let mut made = 0;
    for maker in makers {
        made += usize::from(maker.await.unwrap() == Set::Made);
    }
    assert_eq!(made, 1);
    let last = NewHolding { description: "other".to_owned(), ..secret(scope, "S", b"last") };
    assert_eq!(store.set_holding(&last, at(9), &noted).await.unwrap(), Set::Changed);
    let listed = store.holdings(HoldingKind::Secret, scope).await.unwrap();
    let [one] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!((&one.new, one.created, one.updated), (&last, at(2), at(9)));
    assert_eq!(store.holdings(HoldingKind::Variable, scope).await.unwrap().len(), 1);

    store.remove_holding(HoldingKind::Secret, scope, "S", at(10), &noted).await.unwrap();
    let again = store.remove_holding(HoldingKind::Secret, scope, "S", at(10), &noted).await;
    assert!(matches!(again, Err(StoreError::Missing { what: "secret", .. })), "{again:?}");
    assert_eq!(store.holdings(HoldingKind::Variable, scope).await.unwrap().len(), 1);
}

async fn of_many_that_make_one_name_one_does(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let scope = Scope::Repository(store.add_project(&project("a/b"), at(1), &noted).await.unwrap().id);
    let makers = (0..16).map(|value| {
        let (store, noted) = (store.clone(), noted.clone());
        let new = variable(scope, "V", &value.to_string());
        tokio::spawn(async move { (store.add_holding(&new, at(2), &noted).await, new) })
    });
    let mut kept = Vec::new();
    for maker in makers.collect::<Vec<_>>() {
        match maker.await.unwrap() {
            (Ok(()), new) => kept.push(new),
            (Err(StoreError::Present { what: "variable", .. }), _) => {}
            (Err(error), _) => panic!("{error:?}"),
        }
    }
    let listed: Vec<_> = store.holdings(HoldingKind::Variable, scope).await.unwrap();
    assert_eq!(listed.into_iter().map(|holding| holding.new).collect::<Vec<_>>(), kept, "one, and what it said");
    store.add_holding(&secret(scope, "V", b"x"), at(2), &noted).await.unwrap();
    let nowhere = Scope::Repository(domain::control::ProjectId(99));
    let lost = store.add_holding(&variable(nowhere, "V", "x"), at(2), &noted).await;
    assert!(matches!(lost, Err(StoreError::Missing { what: "project", .. })), "{lost:?}");
}

async fn a_name_is_changed_whole_or_not(Setting { store, .. }: Setting) {
    let noted = [entry("x", "x")];
    let scope = Scope::Instance;
    let seen = async || {
        let all = store.holdings(HoldingKind::Variable, scope).await.unwrap().into_iter();
        all.map(|one| (one.new.name, String::from_utf8(one.new.value).unwrap(), one.created)).collect::<Vec<_>>()
    };
    for name in ["A", "B"] {
        store.add_holding(&variable(scope, name, "old"), at(1), &noted[0]).await.unwrap();
    }
    let there = store.change_holding("A", &variable(scope, "B", "new"), at(2), &noted).await;
    assert!(matches!(there, Err(StoreError::Present { what: "variable", .. })), "{there:?}");
    let none = store.change_holding("C", &variable(scope, "D", "new"), at(2), &noted).await;
    assert!(matches!(none, Err(StoreError::Missing { what: "variable", .. })), "{none:?}");
    let of = |name: &str, value: &str| (name.to_owned(), value.to_owned(), at(1));
    assert_eq!(seen().await, [of("A", "old"), of("B", "old")]);
    // Two names for one: the second finds none of the old name.
    let tries = ["C", "D"].map(|name| {
        let (store, noted) = (store.clone(), noted.clone());
        tokio::spawn(
            async move { store.change_holding("A", &variable(scope, name, name), at(3), &noted).await.is_ok() },
        )
    });
    let mut won = Vec::new();
    for (name, one) in ["C", "D"].into_iter().zip(tries) {
        if one.await.unwrap() {
            won.push(name);
        }
    }
    let [name] = won.as_slice() else { panic!("{won:?}") };
    assert_eq!(seen().await, [of("B", "old"), of(name, name)]);
    store.change_holding("B", &variable(scope, "B", "same"), at(4), &noted).await.unwrap();
    assert_eq!(seen().await[0], of("B", "same"));
    assert_eq!(store.set_holding(&variable(scope, "B", "x"), at(5), &noted[0]).await.unwrap(), Set::Changed);
}
