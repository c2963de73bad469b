//! Secrets and variables.

use super::projects::project;
use crate::support::{Setting, at, contract, entry};
use domain::control::Scope;
use store::{HoldingKind, NewHolding, Set, StoreError};

contract!(the_narrowest_scope_wins, one_name_is_one_thing);

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
