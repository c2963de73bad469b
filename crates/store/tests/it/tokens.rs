//! Tokens of people.

use crate::support::{Setting, at, contract, entry};
use domain::control::{DeathCause, Expiry, Scope, TokenChange, TokenPhase, Uses};
use std::num::NonZeroU32;
use std::time::Duration;
use store::{AuditFilter, MayGo, NewToken, RotationAudit, Store, StoreError, TokenHash, TokenKind};

contract!(
    a_token_is_found_by_its_hash_and_kind,
    a_revoked_token_stays_dead,
    a_token_is_rotated_whole_or_not,
    of_two_that_revoke_each_other_one_stays,
);

pub(crate) fn token(kind: TokenKind, hash: u8, phase: TokenPhase) -> NewToken {
    NewToken {
        kind,
        hash: TokenHash([hash; 32]),
        name: format!("token {hash}"),
        opens: serde_json::json!({"rights": ["runs:read"]}),
        scope: Scope::Instance,
        phase,
        by: "first start".to_owned(),
    }
}

async fn a_token_is_found_by_its_hash_and_kind(Setting { store, .. }: Setting) {
    let new = token(TokenKind::User, 7, TokenPhase::live(Uses::Unlimited, Expiry::At(at(100))));
    let id = store.add_token(&new, at(1), &entry("token.add", "token 7")).await.unwrap();
    let found = store.token(TokenKind::User, new.hash).await.unwrap().unwrap();
    assert_eq!((found.id, &found.opens, found.phase, found.used), (id, &new.opens, new.phase, None));
    assert_eq!(store.token(TokenKind::Registration, new.hash).await.unwrap(), None);
    assert_eq!(store.token(TokenKind::User, TokenHash([8; 32])).await.unwrap(), None);
    store.note_token_use(id, at(9)).await.unwrap();
    assert_eq!(store.tokens(TokenKind::User).await.unwrap()[0].used, Some(at(9)));
    let again = store.add_token(&new, at(2), &entry("token.add", "token 7")).await;
    assert!(matches!(again, Err(StoreError::Present { what: "token", .. })), "{again:?}");
    assert!(!format!("{new:?}").contains("7, 7"), "hashes are not for logs");
}

async fn a_revoked_token_stays_dead(Setting { store, .. }: Setting) {
    let new = token(TokenKind::User, 1, TokenPhase::live(Uses::Unlimited, Expiry::Never));
    let id = store.add_token(&new, at(1), &entry("token.add", "token 1")).await.unwrap();
    let revoke = entry("token.revoke", "token 1");
    let phase = store.change_token(id, TokenChange::Revoked, at(5), &revoke).await.unwrap();
    assert_eq!(phase, TokenPhase::Dead { cause: DeathCause::Revoked, at: at(5) });
    let used = store.change_token(id, TokenChange::Used, at(6), &entry("token.use", "token 1")).await;
    assert!(matches!(used, Err(StoreError::Token(_))), "{used:?}");
    let noted = store.audit(&AuditFilter { limit: 10, ..AuditFilter::default() }).await.unwrap();
    assert_eq!(noted.len(), 2, "what did not happen is not noted");
}

async fn a_token_is_rotated_whole_or_not(Setting { store, .. }: Setting) {
    let left = NonZeroU32::new(2).unwrap();
    let old = token(TokenKind::Registration, 1, TokenPhase::live(Uses::Left(left), Expiry::At(at(100))));
    let id = store.add_token(&old, at(1), &entry("token.make", "token 1")).await.unwrap();
    store.change_token(id, TokenChange::Used, at(2), &entry("token.use", "token 1")).await.unwrap();
    let audit = RotationAudit { made: entry("token.make", "token 2"), rotated: entry("token.rotate", "token 1") };
    // Whoever rotates read it before its use.
    let new = token(TokenKind::Registration, 2, old.phase);
    let grace = Duration::from_millis(10);
    let (made, phase) = store.rotate_token(id, grace, &new, at(5), &audit).await.unwrap();
    assert_eq!(phase, TokenPhase::live(Uses::Left(NonZeroU32::MIN), Expiry::At(at(100))));
    let (_, stored) = store.token_by_id(made).await.unwrap().unwrap();
    assert_eq!((stored.phase, &stored.opens), (phase, &new.opens));
    let (_, rotated) = store.token_by_id(id).await.unwrap().unwrap();
    assert_eq!(rotated.phase, TokenPhase::Grace { until: at(15) });
    let again = store.rotate_token(id, grace, &token(TokenKind::Registration, 3, old.phase), at(6), &audit).await;
    assert!(matches!(again, Err(StoreError::Token(_))), "{again:?}");
    let same = store.rotate_token(made, grace, &new, at(6), &audit).await;
    assert!(matches!(same, Err(StoreError::Present { .. })), "{same:?}");
    assert_eq!(store.token_by_id(made).await.unwrap().unwrap().1.phase, phase, "it is as it was");
    assert_eq!(store.tokens(TokenKind::Registration).await.unwrap().len(), 2);
}

async fn of_two_that_revoke_each_other_one_stays(Setting { store, url, .. }: Setting) {
    // As two servers do.
    let stores = [store.clone(), Store::open(&url).await.unwrap()];
    let another_lives: MayGo = |_, others, now| others.iter().any(|other| other.phase.opens(now).is_ok());
    let live = TokenPhase::live(Uses::Unlimited, Expiry::Never);
    let mut stays = store.add_token(&token(TokenKind::User, 0, live), at(1), &entry("x", "x")).await.unwrap();
    for round in 1..=20 {
        let other = store.add_token(&token(TokenKind::User, round, live), at(1), &entry("x", "x")).await.unwrap();
        let tries = [stays, other].into_iter().zip(&stores).map(|(id, store)| {
            let store = store.clone();
            tokio::spawn(async move { store.revoke_token(id, another_lives, at(2), &entry("x", "x")).await })
        });
        let mut ends = Vec::new();
        for one in tries.collect::<Vec<_>>() {
            ends.push(one.await.unwrap());
        }
        stays = match ends.as_slice() {
            [Ok(_), Err(StoreError::Last)] => other,
            [Err(StoreError::Last), Ok(_)] => stays,
            _ => panic!("{ends:?}"),
        };
    }
    let gone = store.revoke_token(domain::control::TokenId(9999), another_lives, at(2), &entry("x", "x")).await;
    assert!(matches!(gone, Err(StoreError::Missing { what: "token", .. })), "{gone:?}");
}
