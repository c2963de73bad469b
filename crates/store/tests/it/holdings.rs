//! Secrets and variables.

use super::projects::project;
use crate::support::{Setting, at, contract, entry};
use domain::control::Scope;
use store::{SealedSecret, Set, StoreError};

contract!(the_narrowest_scope_wins, one_name_is_one_thing);

fn secret(scope: Scope, name: &str, sealed: &[u8]) -> SealedSecret {
    SealedSecret { scope, name: name.to_owned(), sealed: sealed.to_vec() }
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
        assert_eq!(store.set_variable(scope, name, value, "", at(2), &noted).await.unwrap(), Set::Made);
    }
    let seen = store.variables_for(web.id).await.unwrap();
    let seen: Vec<(&str, &str)> =
        seen.iter().map(|variable| (variable.holding.name.as_str(), variable.value.as_str())).collect();
    assert_eq!(seen, [("A", "instance"), ("B", "owner"), ("C", "own")]);

    for (scope, name, sealed) in [(owner, "S", b"owner"), (own, "S", b"own!!"), (owner, "T", b"owner")] {
        store.set_secret(&secret(scope, name, sealed), "", at(3), &noted).await.unwrap();
    }
    let seen = store.secrets_for(web.id).await.unwrap();
    assert_eq!(seen, [secret(own, "S", b"own!!"), secret(owner, "T", b"owner")]);
    assert!(store.secrets_for(other.id).await.unwrap().is_empty());
}

async fn one_name_is_one_thing(Setting { store, .. }: Setting) {
    let noted = entry("x", "x");
    let scope = Scope::Repository(store.add_project(&project("a/b"), at(1), &noted).await.unwrap().id);
    let mut makers = Vec::new();
    for value in 0..8 {
        let (store, noted) = (store.clone(), noted.clone());
        makers.push(tokio::spawn(async move {
            store.set_secret(&secret(scope, "S", &[value]), "mine", at(2), &noted).await.unwrap();
            store.set_variable(scope, "V", "x", "", at(2), &noted).await.unwrap();
        }));
    }
    for maker in makers {
        maker.await.unwrap();
    }
    assert_eq!(store.set_secret(&secret(scope, "S", b"last"), "other", at(9), &noted).await.unwrap(), Set::Changed);
    let listed = store.secrets(scope).await.unwrap();
    assert_eq!(listed.len(), 1);
    let one = &listed[0];
    assert_eq!((one.name.as_str(), one.description.as_str(), one.created, one.updated), ("S", "other", at(2), at(9)));
    assert_eq!(store.variables(scope).await.unwrap().len(), 1);

    store.remove_secret(scope, "S", at(10), &noted).await.unwrap();
    store.remove_variable(scope, "V", at(10), &noted).await.unwrap();
    let again = store.remove_secret(scope, "S", at(10), &noted).await;
    assert!(matches!(again, Err(StoreError::Missing { what: "secret", .. })), "{again:?}");
    assert!(store.remove_variable(scope, "V", at(10), &noted).await.is_err());
}
