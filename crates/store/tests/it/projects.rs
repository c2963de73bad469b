//! Projects and their refs.

use super::holdings::variable;
use crate::support::{Setting, at, contract, entry};
use store::{AuditFilter, HoldingKind, NewProject, RefChange, RefMove, Store, StoreError};

contract!(
    names_have_no_case,
    refs_that_moved_are_told_once,
    what_was_written_is_there_after_a_restart,
    a_removed_project_takes_its_own_with_it
);

pub(crate) fn project(name: &str) -> NewProject {
    let (owner, name) = name.split_once('/').unwrap();
    NewProject { owner: owner.to_owned(), name: name.to_owned(), git: "/srv/git/x".to_owned() }
}

async fn names_have_no_case(Setting { store, .. }: Setting) {
    let made = store.add_project(&project("Ana/Web"), at(5), &entry("project.add", "Ana/Web")).await.unwrap();
    assert_eq!(store.project("aNA", "wEB").await.unwrap(), made);
    assert_eq!((made.full_name(), made.created), ("Ana/Web".to_owned(), at(5)));
    let again = store.add_project(&project("ana/web"), at(6), &entry("project.add", "ana/web")).await;
    assert!(matches!(again, Err(StoreError::Present { what: "project", .. })), "{again:?}");
    // What did not happen was not noted.
    assert_eq!(store.audit(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap().len(), 1);
    let other = store.add_project(&project("ANA/Docs"), at(7), &entry("project.add", "ANA/Docs")).await.unwrap();
    assert_eq!((other.owner_id, other.full_name()), (made.owner_id, "Ana/Docs".to_owned()));
    assert_eq!(store.owner("ana").await.unwrap(), made.owner_id);
    let names: Vec<String> = store.projects().await.unwrap().iter().map(store::Project::full_name).collect();
    assert_eq!(names, ["Ana/Docs", "Ana/Web"]);
    let missing = store.project("ana", "none").await.unwrap_err();
    assert_eq!(missing.to_string(), "there is no project ana/none");
}

async fn refs_that_moved_are_told_once(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let refs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(name, commit)| ((*name).to_owned(), (*commit).to_owned())).collect()
    };
    let change = |name: &str, to: RefMove| RefChange { name: name.to_owned(), to };
    let first = refs(&[("refs/heads/main", "1"), ("refs/tags/v1", "1")]);
    let made = store.note_refs(id, &first).await.unwrap();
    let made_of = |commit: &str| RefMove::Made(commit.to_owned());
    assert_eq!(made, [change("refs/heads/main", made_of("1")), change("refs/tags/v1", made_of("1"))]);
    assert_eq!(store.note_refs(id, &first).await.unwrap(), []);
    // Of many who look at the same moment one is told.
    let second = refs(&[("refs/heads/main", "2")]);
    let mut looks = Vec::new();
    for _ in 0..8 {
        let (store, second) = (store.clone(), second.clone());
        looks.push(tokio::spawn(async move { store.note_refs(id, &second).await.unwrap() }));
    }
    let mut told = Vec::new();
    for look in looks {
        told.extend(look.await.unwrap());
    }
    let moved = RefMove::Moved { before: "1".to_owned(), after: "2".to_owned() };
    assert_eq!(told, [change("refs/heads/main", moved), change("refs/tags/v1", RefMove::Gone("1".to_owned()))]);
}

async fn what_was_written_is_there_after_a_restart(setting: Setting) {
    let id = setting.store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    setting.store.close().await;
    assert!(setting.store.project_by_id(id).await.is_err());
    let again = Store::open(&setting.url).await.unwrap();
    assert_eq!(again.project_by_id(id).await.unwrap().full_name(), "a/b");
}

async fn a_removed_project_takes_its_own_with_it(Setting { store, .. }: Setting) {
    let id = store.add_project(&project("a/b"), at(1), &entry("project.add", "a/b")).await.unwrap().id;
    let scope = domain::control::Scope::Repository(id);
    let holding = variable(scope, "V", "x");
    store.set_holding(&holding, at(2), &entry("variable.set", "V")).await.unwrap();
    store.remove_project(id, at(3), &entry("project.remove", "a/b")).await.unwrap();
    assert!(store.holdings(HoldingKind::Variable, scope).await.unwrap().is_empty());
    let gone = store.set_holding(&holding, at(4), &entry("variable.set", "V")).await;
    assert!(matches!(gone, Err(StoreError::Missing { what: "project", .. })), "{gone:?}");
    let again = store.remove_project(id, at(5), &entry("project.remove", "a/b")).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
}
