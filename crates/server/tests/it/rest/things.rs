//! Secrets, variables, runners, projects.

use super::*;

#[tokio::test]
async fn secrets_and_variables_are_kept_in_three_scopes() {
    let rest = Rest::new().await;
    let Rest { admin, .. } = &rest;
    let secret = |data: &str| SetSecret { data: data.to_owned(), description: "d".to_owned() };
    let value = |value: &str| CreateVariable { value: value.to_owned(), description: String::new() };
    let on = PageQuery::default();
    for place in ["instance", "lab", "lab/p"] {
        let place: Place = place.parse().unwrap();
        admin.set_secret(&place, "Key", &secret("first")).await.unwrap();
        admin.set_secret(&place, "KEY", &secret("second")).await.unwrap();
        let list = admin.secrets(&place, on).await.unwrap();
        assert_eq!((list.len(), list[0].name.as_str(), list[0].description.as_str()), (1, "KEY", "d"));
        for (name, code) in [("1X", 400), ("GITEA_X", 400), ("github_x", 400), ("ci", 400), ("a b", 400)] {
            assert_eq!(refused(admin.set_secret(&place, name, &secret("x")).await).0, code, "{name}");
        }
        assert_eq!(refused(admin.set_secret(&place, "X", &secret("")).await).0, 422);
        assert_eq!(refused(admin.set_secret(&place, "X", &secret(&"x".repeat(70_000))).await).0, 400);
        admin.remove_secret(&place, "key").await.unwrap();
        assert_eq!(refused(admin.remove_secret(&place, "KEY").await).0, 404);
        admin.create_variable(&place, "who", &value("me")).await.unwrap();
        assert_eq!(refused(admin.create_variable(&place, "WHO", &value("you")).await).0, 409);
        admin.set_variable(&place, "who", &value("us")).await.unwrap();
        assert_eq!(admin.variable(&place, "WHO").await.unwrap().data, "us");
        let rename = UpdateVariable { name: "whom".to_owned(), value: "them".to_owned(), description: String::new() };
        admin.update_variable(&place, "who", &rename).await.unwrap();
        let names: Vec<_> = admin.variables(&place, on).await.unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["WHOM"]);
        assert_eq!(refused(admin.variable(&place, "who").await).0, 404);
        admin.remove_variable(&place, "whom").await.unwrap();
    }
    // What went in is nowhere: not in the database, not in its log, not in the audit.
    rest.admin.set_secret(&rest.place, "S", &secret("hunter2-hunter2")).await.unwrap();
    let audit =
        rest.admin.audit(&AuditQuery { action: Some("secret.".to_owned()), ..AuditQuery::default() }).await.unwrap();
    assert_eq!((audit.entries[0].object.as_str(), audit.entries[0].origin.as_str()), ("S of lab/p", "here"));
    assert_eq!(audit.entries.len(), 10);
    let World { server, data, .. } = rest.world;
    server.stop().await;
    let found = std::fs::read_dir(data.path()).unwrap().filter_map(Result::ok).filter(|file| file.path().is_file());
    for file in found {
        let bytes = std::fs::read(file.path()).unwrap();
        assert!(!bytes.windows(15).any(|window| window == b"hunter2-hunter2"), "{:?}", file.path());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_make_one_variable_one_does() {
    let rest = Rest::new().await;
    for round in 0..5 {
        let name = format!("V{round}");
        let makers = (0..16).map(|value: u32| {
            let (admin, place, name) = (rest.admin.clone(), rest.place.clone(), name.clone());
            let new = CreateVariable { value: value.to_string(), description: String::new() };
            tokio::spawn(async move { admin.create_variable(&place, &name, &new).await.map(|()| new.value) })
        });
        let mut kept = Vec::new();
        for maker in makers.collect::<Vec<_>>() {
            match maker.await.unwrap() {
                Ok(value) => kept.push(value),
                refusal => assert_eq!(refused(refusal).0, 409),
            }
        }
        assert_eq!(kept, [rest.admin.variable(&rest.place, &name).await.unwrap().data]);
    }
    let rename =
        |name: &str| UpdateVariable { name: name.to_owned(), value: "other".to_owned(), description: String::new() };
    let (code, text) = refused(rest.admin.update_variable(&rest.place, "V0", &rename("v1")).await);
    assert!(code == 409 && text.starts_with("variable name already exists: V1"), "{text}");
    assert_ne!(rest.admin.variable(&rest.place, "V0").await.unwrap().data, "other");
    assert_eq!(refused(rest.admin.update_variable(&rest.place, "V9", &rename("V8")).await).0, 404);
    rest.end().await;
}

#[tokio::test]
async fn runners_are_registered_changed_and_removed_in_their_scope() {
    let rest = Rest::new().await;
    let Rest { admin, place, .. } = &rest;
    let token = admin.registration_token(place).await.unwrap().token;
    assert_eq!(admin.registration_token(place).await.unwrap().token, token, "it is said again");
    let instance = admin.registration_token(&Place::Instance).await.unwrap().token;
    assert_ne!(instance, token);
    let one = rest.register(&token, "one").await;
    rest.register(&token, "two").await;
    let all = admin.runners(&Place::Instance, PageQuery::default()).await.unwrap();
    assert_eq!(all.total_count, 2);
    let list = admin.runners(place, page(1, 1)).await.unwrap();
    let runner = &list.runners[0];
    assert_eq!((list.total_count, runner.name.as_str(), runner.scope.as_str()), (2, "one", "lab/p"));
    assert_eq!((runner.labels[0].name.as_str(), runner.labels[0].kind.as_str()), ("lab", "custom"));
    assert_eq!(admin.runners(&Place::Owner("lab".to_owned()), PageQuery::default()).await.unwrap().total_count, 0);
    let owner = Place::Owner("lab".to_owned());
    assert_eq!(refused(admin.runner(&owner, one).await).0, 404, "it is of another scope");
    let disabled = admin.edit_runner(place, one, EditRunner { disabled: Some(true) }).await.unwrap();
    assert!(disabled.disabled && disabled.admission == Admission::Disabled);
    assert_eq!(refused(admin.edit_runner(place, one, EditRunner::default()).await).0, 422);
    assert!(!admin.edit_runner(&Place::Instance, one, EditRunner { disabled: Some(false) }).await.unwrap().disabled);
    assert_eq!(admin.drain_runner(place, one).await.unwrap().admission, Admission::Draining);
    let key = admin.new_runner_key(place, one, NewRunnerKey { grace_s: Some(0) }).await.unwrap();
    assert!(key.token.starts_with("ekiden_run_") && key.uuid == runner.uuid);
    admin.remove_runner(place, one).await.unwrap();
    assert_eq!(refused(admin.runner(place, one).await).0, 404);
    assert_eq!(refused(admin.remove_runner(place, 77).await).0, 404);
    rest.end().await;
}

#[tokio::test]
async fn projects_are_made_and_forgotten() {
    let rest = Rest::new().await;
    let Rest { admin, project, .. } = &rest;
    let new = |owner: &str, name: &str, git: &str| NewProject {
        owner: owner.to_owned(),
        name: name.to_owned(),
        git: git.to_owned(),
    };
    let git = rest.world.repository.path().to_string_lossy().into_owned();
    let made = admin.add_project(&new("Acme", "shop", &git)).await.unwrap();
    assert_eq!((made.full_name.as_str(), made.git.as_str()), ("Acme/shop", git.as_str()));
    assert_eq!(refused(admin.add_project(&new("acme", "SHOP", &git)).await).0, 409);
    for wrong in
        [new("a/b", "c", &git), new("a", "..", &git), new("a", "b", "relative/path"), new("a", "b", "--upload-pack=x")]
    {
        assert_eq!(refused(admin.add_project(&wrong).await).0, 422, "{wrong:?}");
    }
    let list = admin.projects(PageQuery::default()).await.unwrap();
    let names: Vec<_> = list.projects.iter().map(|one| one.full_name.as_str()).collect();
    assert_eq!((list.total_count, names), (2, vec!["Acme/shop", "lab/p"]));
    rest.dispatch().await;
    admin.remove_project(project).await.unwrap();
    assert_eq!(refused(admin.project(project).await).0, 404);
    assert_eq!(refused(admin.run_by_id(1).await).0, 404, "its runs went with it");
    rest.end().await;
}
