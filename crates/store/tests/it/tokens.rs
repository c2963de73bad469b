//! Tokens of people.

use crate::support::{Setting, at, contract, entry};
use domain::control::{DeathCause, Expiry, Scope, TokenChange, TokenPhase, Uses};
use store::{AuditFilter, NewToken, StoreError, TokenHash, TokenKind};

contract!(a_token_is_found_by_its_hash_and_kind, a_revoked_token_stays_dead);

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
