//! Tokens, and what they may do.

use super::*;

#[tokio::test]
async fn tokens_are_made_rotated_and_revoked() {
    let rest = Rest::new().await;
    let Rest { admin, .. } = &rest;
    let made = admin.make_token(&NewToken { rights: vec![Right::Admin], ..user("second") }).await.unwrap();
    let second = client(&rest.world, Some(&made.token));
    assert_eq!(second.me().await.unwrap().login, "second");
    let rotated = admin.rotate_token(made.facts.id, RotateToken { grace_s: Some(600) }).await.unwrap();
    assert!(second.me().await.is_ok(), "it is in its grace");
    assert_eq!(refused(admin.rotate_token(made.facts.id, RotateToken::default()).await).0, 409);
    let third = client(&rest.world, Some(&rotated.token));
    assert!(third.me().await.unwrap().is_admin);
    let dead = admin.revoke_token(rotated.facts.id).await.unwrap();
    assert_eq!(dead.state, TokenState::Dead);
    assert_eq!(third.me().await.unwrap_err().kind(), FaultKind::Auth);
    // Nobody shuts themselves out.
    let last = refused(admin.revoke_token(1).await);
    assert!(last.0 == 409 && last.1.contains("last token that may do everything"), "{last:?}");
    let list = admin.tokens(TokenKind::User, PageQuery::default()).await.unwrap();
    let states: Vec<_> = list.tokens.iter().map(|token| (token.name.as_str(), token.state)).collect();
    assert_eq!(states, [("second", TokenState::Dead), ("second", TokenState::Grace), ("admin", TokenState::Live)]);
    let registration = NewToken {
        kind: TokenKind::Registration,
        rights: Vec::new(),
        pool: Some("big".to_owned()),
        labels: vec!["lab".to_owned()],
        ..user("big ones")
    };
    let made = admin.make_token(&registration).await.unwrap();
    assert_eq!((made.facts.uses_left, made.facts.pool.as_deref()), (Some(1), Some("big")));
    let one = rest.register(&made.token, "one").await;
    assert_eq!(admin.runner(&Place::Instance, one).await.unwrap().pool.as_deref(), Some("big"));
    let spent = admin.tokens(TokenKind::Registration, PageQuery::default()).await.unwrap();
    assert_eq!(spent.tokens[0].state, TokenState::Dead, "it was for one");
    for (wrong, code) in [
        (NewToken { rights: Vec::new(), ..user("none") }, 422),
        (NewToken { name: " ".to_owned(), ..user("") }, 422),
        (NewToken { scope: Some("a/b/c".to_owned()), ..user("x") }, 422),
        (NewToken { scope: Some("lab/none".to_owned()), ..user("x") }, 404),
        (NewToken { kind: TokenKind::Runner, ..user("x") }, 422),
        (NewToken { pool: Some("p".to_owned()), ..user("x") }, 422),
        (NewToken { expires_in_s: Some(u64::MAX), ..registration.clone() }, 422),
        (NewToken { expires_in_s: Some(0), ..registration.clone() }, 422),
        (NewToken { expires_in_s: Some(0), ..user("x") }, 422),
    ] {
        assert_eq!(refused(admin.make_token(&wrong).await).0, code, "{wrong:?}");
    }
    let expired = client(&rest.world, Some(expired(&rest).await.expose()));
    assert!(refused(expired.me().await).1.starts_with("the token opens nothing any more: its time is over"));
    let audit = admin.audit(&AuditQuery { action: Some("token.".to_owned()), ..AuditQuery::default() }).await.unwrap();
    let actions: Vec<_> = audit.entries.iter().rev().take(5).map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["token.make", "token.make", "token.make", "token.rotate", "token.revoke"]);
    assert_eq!(audit.entries.last().unwrap().actor, "first start");
    rest.end().await;
}

/// A token whose time is over.
async fn expired(rest: &Rest) -> Secret {
    use domain::control::{Expiry, Scope, TokenPhase, TokenUse, Uses};
    let plane = &rest.world.server.plane;
    let text = TokenUse::User.text(server::keys::random().unwrap());
    let new = store::NewToken {
        kind: store::TokenKind::User,
        hash: plane.keys.hash(&text),
        name: "short".to_owned(),
        opens: serde_json::json!({ "rights": ["read:runs"] }),
        scope: Scope::Instance,
        phase: TokenPhase::live(Uses::Unlimited, Expiry::At(domain::Timestamp(1))),
        by: "test".to_owned(),
    };
    plane.store.add_token(&new, plane.now(), &crate::plane::audit()).await.unwrap();
    text
}

#[tokio::test]
async fn a_token_does_what_it_may_where_it_may() {
    let rest = Rest::new().await;
    let Rest { admin, project, place, .. } = &rest;
    let git = rest.world.repository.path().to_string_lossy().into_owned();
    let other = NewProject { owner: "acme".to_owned(), name: "shop".to_owned(), git };
    admin.add_project(&other).await.unwrap();
    let id = rest.dispatch().await;
    // Nobody, and what is no token.
    let nobody = client(&rest.world, None);
    let (code, text) = refused(nobody.run(project, id).await);
    assert!(code == 401 && text.contains("Authorization: token ekiden_user_"), "{text}");
    assert!(nobody.version().await.unwrap().version.starts_with("1.27.3+ekiden-"));
    for wrong in ["nonsense", "ekiden_user_000000000000000000000000000_000000", "ekiden_user_short_000000"] {
        assert_eq!(refused(client(&rest.world, Some(wrong)).me().await).0, 401, "{wrong}");
    }
    let registration = admin.registration_token(place).await.unwrap().token;
    assert!(refused(client(&rest.world, Some(&registration)).me().await).1.contains("a token that registers runners"));
    // One that may only read.
    let reader = rest.token("lab/p", &[Right::ReadRuns]).await;
    assert_eq!(reader.run(project, id).await.unwrap().id, id);
    assert_eq!(reader.run_by_id(id).await.unwrap().id, id);
    let (code, text) = refused(reader.cancel_run(project, id).await);
    assert_eq!((code, text.ends_with("it lacks the right write:runs; use a token with write:runs")), (403, true));
    let on = PageQuery::default();
    assert_eq!(refused(reader.secrets(place, on).await).0, 403);
    assert_eq!(refused(reader.runners(place, on).await).0, 403);
    assert_eq!(refused(reader.registration_token(place).await).0, 403);
    assert_eq!(refused(reader.tokens(TokenKind::User, on).await).0, 403);
    assert_eq!(refused(reader.audit(&AuditQuery::default()).await).0, 403);
    assert_eq!(refused(reader.remove_project(project).await).0, 403);
    assert_eq!(refused(reader.runs(&Place::Instance, &RunQuery::default(), on).await).0, 403);
    assert_eq!(reader.projects(on).await.unwrap().total_count, 1);
    assert_eq!(reader.queue(on).await.unwrap().total_count, 2);
    // What is another's is not there.
    let shop: ProjectName = "acme/shop".parse().unwrap();
    let foreign = rest.token("acme", &[Right::Admin]).await;
    assert_eq!(foreign.project(&shop).await.unwrap().name, "shop");
    assert_eq!(foreign.queue(on).await.unwrap().total_count, 0);
    let there = refused(foreign.run(project, id).await);
    let nowhere = refused(foreign.run(&"lab/none".parse().unwrap(), id).await);
    assert_eq!((there.0, there.1.replace("lab/p", "X")), (nowhere.0, nowhere.1.replace("lab/none", "X")));
    // What is there and out of reach is as what is not.
    let (there, nowhere) = (refused(foreign.run_by_id(id).await), refused(foreign.run_by_id(987_654).await));
    assert_eq!((there.0, there.1.replace(&id.to_string(), "X")), (404, nowhere.1.replace("987654", "X")));
    assert_eq!(refused(foreign.run(&shop, id).await).0, 404, "another project's run");
    assert_eq!(refused(foreign.job(&shop, 1).await).0, 404);
    assert_eq!(refused(foreign.runners(&Place::Instance, on).await).0, 403);
    assert_eq!(refused(foreign.audit(&AuditQuery::default()).await).0, 403);
    // It makes tokens of its own scope alone, with no more rights than its own.
    let made = foreign.make_token(&NewToken { scope: Some("acme/shop".to_owned()), ..user("ci") }).await.unwrap();
    assert_eq!(made.facts.scope, "acme/shop");
    assert_eq!(refused(foreign.make_token(&user("everywhere")).await).0, 403);
    assert_eq!(refused(foreign.make_token(&NewToken { scope: Some("lab/p".to_owned()), ..user("x") }).await).0, 404);
    let small = rest.token("lab", &[Right::WriteTokens, Right::ReadRuns]).await;
    let (code, text) = refused(
        small.make_token(&NewToken { scope: Some("lab".to_owned()), rights: vec![Right::Admin], ..user("x") }).await,
    );
    assert!(code == 403 && text.starts_with("the token cannot have the right admin"), "{text}");
    // Nor does it touch one that may more, or one of another scope.
    assert_eq!(refused(small.revoke_token(1).await).0, 404);
    assert_eq!(refused(foreign.revoke_token(1).await).0, 404);
    // Only the instance names a path of the machine, or makes owners.
    let path = NewProject { owner: "acme".to_owned(), name: "x".to_owned(), git: "/etc".to_owned() };
    assert_eq!(refused(foreign.add_project(&path).await).0, 403);
    let url = NewProject { git: "https://host.invalid/x.git".to_owned(), ..path };
    let (code, text) = refused(foreign.add_project(&url).await);
    assert!(code == 422 && text.starts_with("its repository cannot be read"), "{text}");
    let of_other = async |owner: &str| {
        let url = NewProject { owner: owner.to_owned(), ..url.clone() };
        let (code, text) = refused(foreign.add_project(&url).await);
        (code, text.replace(owner, "X"))
    };
    assert_eq!(
        (of_other("new").await.0, of_other("new").await),
        (404, of_other("lab").await),
        "an owner that is there"
    );
    let ssh = NewProject { git: "ssh://git@host.invalid/x.git".to_owned(), ..url.clone() };
    assert_eq!(refused(foreign.add_project(&ssh).await).0, 403, "the keys of the server's user");
    rest.end().await;
}

#[tokio::test]
async fn one_token_that_may_do_everything_and_lasts_stays() {
    let rest = Rest::new().await;
    let Rest { admin, .. } = &rest;
    let all = |name: &str| NewToken { rights: vec![Right::Admin], ..user(name) };
    // One whose time ends by itself is no other one.
    let short = NewToken { expires_in_s: Some(3600), ..all("short") };
    let short = admin.make_token(&short).await.unwrap();
    let last = refused(client(&rest.world, Some(&short.token)).revoke_token(1).await);
    assert!(last.0 == 409 && last.1.contains("last token that may do everything and does not expire"), "{last:?}");
    assert_eq!(admin.revoke_token(short.facts.id).await.unwrap().state, TokenState::Dead);
    // Nor is one that another took the place of: it goes, the other stays.
    let rotated = admin.rotate_token(1, RotateToken { grace_s: Some(600) }).await.unwrap();
    let last = refused(admin.revoke_token(rotated.facts.id).await);
    assert!(last.0 == 409, "{last:?}");
    let mut winner = client(&rest.world, Some(&rotated.token));
    winner.revoke_token(1).await.unwrap();
    let mut id = rotated.facts.id;
    // Two that revoke each other at the same time.
    for round in 0..10 {
        let other = winner.make_token(&all("other")).await.unwrap();
        let client = client(&rest.world, Some(&other.token));
        client.me().await.unwrap();
        let (one, two) = tokio::join!(winner.revoke_token(other.facts.id), client.revoke_token(id));
        assert!(one.is_ok() != two.is_ok(), "round {round}: {one:?}, {two:?}");
        if two.is_ok() {
            (winner, id) = (client, other.facts.id);
        }
    }
    rest.end().await;
}

#[tokio::test]
async fn what_a_token_makes_ends_no_later_than_it_does() {
    let rest = Rest::new().await;
    let Rest { admin, place, .. } = &rest;
    let for_s = |seconds: u64, name: &str| NewToken { expires_in_s: Some(seconds), ..user(name) };
    let made = admin.make_token(&NewToken { rights: vec![Right::Admin], ..for_s(600, "short") }).await.unwrap();
    let short = client(&rest.world, Some(&made.token));
    let end = made.facts.expires_at;
    assert!(end.is_some());
    let child = short.make_token(&user("child")).await.unwrap().facts;
    assert_eq!(child.expires_at, end, "it asked for none");
    assert!(short.make_token(&for_s(60, "shorter")).await.unwrap().facts.expires_at < end);
    let registration = |seconds: Option<u64>| NewToken {
        kind: TokenKind::Registration,
        rights: Vec::new(),
        expires_in_s: seconds,
        ..user("runners")
    };
    assert_eq!(short.make_token(&registration(None)).await.unwrap().facts.expires_at, end, "15 minutes are more");
    for longer in [for_s(3600, "longer"), registration(Some(3600))] {
        let (code, text) = refused(short.make_token(&longer).await);
        assert_eq!(code, 403);
        let told = format!("the token cannot live longer than token {} (short), which ends at 2", made.facts.id);
        assert!(text.starts_with(&told), "{text}");
    }
    // The text of one that lives longer would be its own; its own stays what it was.
    assert_eq!(refused(short.rotate_token(1, RotateToken::default()).await).0, 403);
    let long = admin.registration_token(place).await.unwrap().token;
    let own = short.registration_token(place).await.unwrap().token;
    assert_ne!(own, long);
    assert_eq!(short.registration_token(place).await.unwrap().token, own, "it is said again");
    assert_eq!(admin.registration_token(place).await.unwrap().token, long);
    let kept = admin.tokens(TokenKind::Registration, PageQuery::default()).await.unwrap().tokens;
    let kept: Vec<_> = kept.into_iter().filter(|token| token.name == "registration for short").collect();
    assert_eq!((kept.len(), kept[0].expires_at), (1, end));
    let rotated = short.rotate_token(made.facts.id, RotateToken { grace_s: Some(30) }).await.unwrap();
    assert_eq!(rotated.facts.expires_at, end);
    let again = client(&rest.world, Some(&rotated.token));
    assert_eq!(again.make_token(&user("grandchild")).await.unwrap().facts.expires_at, end);
    // In its grace it is its grace that ends.
    let late = short.make_token(&user("late")).await.unwrap().facts.expires_at;
    assert!(late < end && late.is_some(), "{late:?}");
    rest.end().await;
}
