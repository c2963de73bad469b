//! The list of what was changed.

use crate::support::{Setting, at, contract, entry};
use store::AuditFilter;

contract!(the_newest_come_first_and_pages_follow);

async fn the_newest_come_first_and_pages_follow(Setting { store, .. }: Setting) {
    for number in 1..=5_u64 {
        let action = if number % 2 == 0 { "token.revoke" } else { "runner.remove" };
        store.note(at(number * 10), &entry(action, &format!("it {number}"))).await.unwrap();
    }
    let all = AuditFilter { limit: 2, ..AuditFilter::default() };
    let page = store.audit(&all).await.unwrap();
    let objects = |page: &[store::AuditRecord]| page.iter().map(|one| one.entry.object.clone()).collect::<Vec<_>>();
    assert_eq!(objects(&page), ["it 5", "it 4"]);
    assert_eq!((page[0].at, &page[0].entry), (at(50), &entry("runner.remove", "it 5")));
    let page = store.audit(&AuditFilter { before: Some(page[1].id), ..all }).await.unwrap();
    assert_eq!(objects(&page), ["it 3", "it 2"]);
    let filter = AuditFilter { limit: 10, since: Some(at(20)), action: Some("runner.".to_owned()), before: None };
    assert_eq!(objects(&store.audit(&filter).await.unwrap()), ["it 5", "it 3"]);
    let literal = AuditFilter { limit: 10, action: Some("%".to_owned()), ..AuditFilter::default() };
    assert!(store.audit(&literal).await.unwrap().is_empty());
}
