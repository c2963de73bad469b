//! Against a real Gitea, where `EKIDEN_GITEA` names its program and `EKIDEN_GITEA_ASSETS` the folder with its `options` and `templates`.

use crate::{anything, registration};
use domain::{RunnerLife, Secret};
use protocol::{CallError, Client, ClientSettings, Codec, Compression, Declaration, Fetch, Registration};
use testkit::{Gitea, GiteaProgram, Sweeps};

#[tokio::test]
async fn a_real_gitea_answers_each_call() {
    let Some(program) = GiteaProgram::from_env().unwrap() else {
        println!("SKIP: EKIDEN_GITEA does not name a Gitea to test against");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let gitea = Gitea::start(&program, folder.path(), Sweeps::Usual).unwrap();
    let token = Secret::new(gitea.token().unwrap());
    for (codec, compression) in [(Codec::Proto, Compression::None), (Codec::Json, Compression::Gzip)] {
        let settings = ClientSettings { codec, compression, ..ClientSettings::new(gitea.url(), "0.0.0") };
        let client = Client::new(&settings).unwrap();
        assert_eq!(client.ping("r1").await.unwrap().greeting, "Hello, r1!");

        let wanted = Registration { token: token.clone(), ..registration("", RunnerLife::Ephemeral) };
        let runner = client.register(wanted).await.unwrap();
        assert_eq!((runner.name.as_str(), runner.life), ("r1", RunnerLife::Ephemeral));
        assert_eq!(runner.labels, ["linux", "big"]);
        let key = runner.key();
        assert_eq!((key.uuid.0.len(), key.token.expose().len()), (36, 40));

        let labels = vec!["linux".to_owned(), "new".to_owned()];
        let declaration = Declaration { version: "0.0.1".to_owned(), labels: labels.clone(), capabilities: Vec::new() };
        let declared = client.declare(&key, declaration).await.unwrap();
        let noted = declared.runner.unwrap();
        assert_eq!((noted.labels, noted.version.as_str()), (labels, "0.0.1"));
        println!("capabilities: {:?}", declared.capabilities);

        let nothing = client.fetch(&key, anything()).await.unwrap();
        assert!(nothing.tasks.is_empty() && nothing.version.0 > 0);
        let same = client.fetch(&key, Fetch { version: nothing.version, ..anything() }).await.unwrap();
        assert_eq!(same.version, nothing.version);

        let stranger = domain::RunnerKey { token: Secret::new("0".repeat(40)), ..key };
        let error = client.fetch(&stranger, anything()).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{error:?}");
        let error = client.register(registration("no-such-token", RunnerLife::Lasting)).await.unwrap_err();
        assert!(matches!(error, CallError::Credentials { .. }), "{error:?}");
    }
}
