//! Git itself fetches from the git routes.

use crate::rest::Rest;
use api::Right;
use async_trait::async_trait;
use domain::Secret;
use server::access::Trust;
use server::git::{Asker, Gate, GitHttp, Refusal, routes};
use source::CommitId;
use source::project::{GitProtocol, GitService, ProjectError, ProjectOptions, Projects};
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use testkit::TempRepository;

/// One project, `Own/repo`, and one token.
#[derive(Debug)]
struct OneProject(String);

#[async_trait]
impl Gate for OneProject {
    async fn repository(&self, owner: &str, name: &str, asker: &Asker) -> Result<String, Refusal> {
        match (owner, name, asker.password.as_ref().map(Secret::expose)) {
            (_, _, None) => Err(Refusal::Unknown),
            (_, _, Some(token)) if token != "t0ken" => Err(Refusal::Unknown),
            ("own", "repo", _) => Ok(self.0.clone()),
            _ => Err(Refusal::Missing),
        }
    }
}

async fn serve(temp: &TempRepository) -> String {
    let projects = Projects::open(ProjectOptions::new(temp.around().join("mirrors"))).unwrap();
    let gate = OneProject(temp.path().to_str().unwrap().to_owned());
    let app = routes(GitHttp::new(Arc::new(projects), Arc::new(gate), Trust::Network));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address.to_string()
}

async fn git(at: &Path, arguments: &[&str]) -> Output {
    let mut command = tokio::process::Command::new("git");
    command.arg("-C").arg(at).args(arguments).env("GIT_TERMINAL_PROMPT", "0").env("HOME", "/nonexistent");
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        command.env_remove(name);
    }
    command.output().await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn git_clones_fetches_a_commit_that_no_branch_has_and_sees_branches_and_tags_alone() {
    let temp = TempRepository::with(&[("a", "one")]);
    let gone = temp.commit("on no branch soon", &[("a", "two")]);
    temp.git(["reset", "-q", "--hard", "HEAD^"]);
    temp.git(["tag", "-a", "-m", "x", "v1"]);
    temp.write("a", "kept aside");
    temp.git(["stash", "-q"]);
    temp.git(["update-ref", "refs/remotes/origin/x", "HEAD"]);
    let address = serve(&temp).await;
    let url = format!("http://x-access-token:t0ken@{address}/own/repo.git");
    let at = temp.around();
    for version in ["0", "1", "2"] {
        let setting = format!("protocol.version={version}");
        let listed = said(&git(at, &["-c", &setting, "ls-remote", &url]).await);
        let names: Vec<&str> = listed.lines().filter_map(|line| line.split('\t').nth(1)).collect();
        assert_eq!(names, ["HEAD", "refs/heads/main", "refs/tags/v1", "refs/tags/v1^{}"], "version {version}");
        let folder = format!("clone{version}");
        let cloned = git(at, &["-c", &setting, "clone", "-q", &url, &folder]).await;
        assert!(cloned.status.success(), "{}", said(&cloned));
        assert_eq!(std::fs::read_to_string(at.join(&folder).join("a")).unwrap(), "one");
        let fetched = git(&at.join(&folder), &["-c", &setting, "fetch", "-q", "--depth=1", &url, &gone]).await;
        assert!(fetched.status.success(), "{}", said(&fetched));
    }
}

#[tokio::test]
async fn a_large_request_comes_zipped() {
    let temp = TempRepository::with(&[("a", "0")]);
    for number in 0..60 {
        temp.git(["branch", &format!("b{number}")]);
        temp.commit("next", &[("a", &number.to_string())]);
    }
    let address = serve(&temp).await;
    let url = format!("http://t0ken@{address}/own/repo");
    let cloned = git(temp.around(), &["clone", "-q", "--mirror", &url, "all.git"]).await;
    assert!(cloned.status.success(), "{}", said(&cloned));
    let count = git(&temp.around().join("all.git"), &["rev-list", "--all", "--count"]).await;
    assert_eq!(said(&count).trim(), "61");
}

#[tokio::test]
async fn strangers_other_projects_and_pushes_are_refused() {
    let temp = TempRepository::with(&[("a", "one")]);
    let address = serve(&temp).await;
    let at = temp.around();
    let of = async |who: &str, project: &str| {
        said(&git(at, &["ls-remote", &format!("http://{who}{address}/{project}")]).await)
    };
    assert!(of("", "own/repo.git").await.contains("could not read Username"));
    assert!(of("x:wrong@", "own/repo.git").await.contains("Authentication failed"));
    assert!(of("x:t0ken@", "own/other.git").await.contains("not found"));
    let push =
        git(temp.path(), &["push", &format!("http://x:t0ken@{address}/own/repo.git"), "HEAD:refs/heads/new"]).await;
    assert!(said(&push).contains("403"), "{}", said(&push));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_behind_a_url_is_mirrored() {
    const FOLDERS: [&str; 1] = [".github/workflows"];
    let temp = TempRepository::with(&[(".github/workflows/ci.yml", "on: push")]);
    let first = CommitId::parse(&temp.git(["rev-parse", "HEAD"])).unwrap();
    temp.git(["tag", "-a", "-m", "x", "v1"]);
    let address = serve(&temp).await;
    let (url, wrong) =
        (format!("http://x:t0ken@{address}/own/repo.git"), format!("http://x:n0t@{address}/own/repo.git"));
    let here = temp.path().to_str().unwrap().to_owned();
    let seen = tokio::task::spawn_blocking(move || {
        let mut options = ProjectOptions::new(temp.around().join("mirrored"));
        options.settings = vec![("http.proxy".to_owned(), String::new())];
        let projects = Projects::open(options).unwrap();
        let refs = projects.refs(&url).unwrap();
        assert_eq!(refs, projects.refs(&here).unwrap());
        assert!(Arc::ptr_eq(&refs, &projects.refs(&url).unwrap()), "nothing moved");
        assert_eq!(projects.resolve(&url, "v1").unwrap().unwrap(), ("refs/tags/v1".to_owned(), first.clone()));
        let text = |commit: &CommitId| projects.workflows(&url, commit, &FOLDERS).unwrap()[0].text.clone().unwrap();
        assert_eq!(&*text(&first), "on: push");
        let second =
            CommitId::parse(&temp.commit("second", &[(".github/workflows/ci.yml", "on: pull_request")])).unwrap();
        assert_eq!(projects.refs(&url).unwrap().get("refs/heads/main"), Some(&second));
        assert_eq!(&*text(&second), "on: pull_request");
        // One that no branch has any more comes by its id.
        let gone = CommitId::parse(&temp.commit("third", &[("a", "3")])).unwrap();
        temp.git(["reset", "-q", "--hard", "HEAD^"]);
        assert_eq!(projects.commit(&url, &gone).unwrap().message, "third");
        let nowhere = CommitId::parse(&"1".repeat(40)).unwrap();
        assert!(matches!(projects.bring(&url, &nowhere), Err(ProjectError::NoCommit { .. })));
        let refused = projects.refs(&wrong).unwrap_err();
        let told = format!("{refused}: {:?}", std::error::Error::source(&refused));
        assert!(!told.contains("n0t"), "{told}");
        assert_eq!(projects.upload_pack(&url, GitService::Advertise, GitProtocol::V2).unwrap().get_program(), "git");
    });
    seen.await.unwrap();
}

#[tokio::test]
async fn a_person_clones_what_its_token_reaches_and_a_job_its_own_project() {
    let rest = Rest::new().await;
    let address = rest.world.server.address;
    let made = async |scope: &str, rights: &[Right]| {
        let new =
            api::NewToken { scope: Some(scope.to_owned()), rights: rights.to_vec(), ..crate::rest::user("reader") };
        rest.admin.make_token(&new).await.unwrap().token
    };
    let listed = async |token: &str, project: &str| {
        said(&git(rest.world.repository.path(), &["ls-remote", &format!("http://x:{token}@{address}/{project}")]).await)
    };
    let admin = rest.world.server.first_token.clone().unwrap();
    let reader = made("lab/p", &[Right::ReadCode]).await;
    let hand = rest.world.runner(&["lab"]).await;
    rest.dispatch().await;
    let task = hand.take().await;
    let job = task.secrets["GITHUB_TOKEN"].expose().to_owned();
    for token in [admin.expose(), &reader, &job] {
        let said = listed(token, "lab/p.git").await;
        assert!(said.contains("refs/heads/main"), "{said}");
        assert!(listed(token, "lab/other").await.contains("not found"));
    }
    // What holds actions is cloned by jobs of every project, and by nobody else until it says so.
    let temp = TempRepository::with(&[("action.yml", "name: x")]);
    let git = temp.path().to_str().unwrap().to_owned();
    let new = api::NewProject { owner: "actions".to_owned(), name: "checkout".to_owned(), git };
    rest.admin.add_project(&new).await.unwrap();
    let actions = api::ProjectName::new("actions", "checkout").unwrap();
    assert!(listed(&job, "actions/checkout").await.contains("not found"));
    let set = rest.admin.set_readers(&actions, api::Readers::Jobs).await.unwrap();
    assert_eq!(set.readers, api::Readers::Jobs);
    assert!(listed(&job, "actions/checkout").await.contains("refs/heads/main"));
    assert!(listed(&reader, "actions/checkout").await.contains("not found"));
    let stranger = format!("http://{address}/actions/checkout");
    let of_a_stranger = async || said(&self::git(rest.world.repository.path(), &["ls-remote", &stranger]).await);
    assert!(of_a_stranger().await.contains("could not read Username"));
    rest.admin.set_readers(&actions, api::Readers::Anyone).await.unwrap();
    assert!(of_a_stranger().await.contains("refs/heads/main"));
    assert!(listed(&reader, "actions/checkout").await.contains("refs/heads/main"));
    // git shows a token only where it is asked for one; who shows a wrong one all the same is refused.
    let wrong = ["-c", "http.extraHeader=Authorization: Basic eDpuMG5l", "ls-remote", &stranger];
    let refused = said(&self::git(rest.world.repository.path(), &wrong).await);
    assert!(!refused.contains("refs/heads/main"), "{refused}");
    rest.admin.set_readers(&actions, api::Readers::Own).await.unwrap();
    assert!(listed(&job, "actions/checkout").await.contains("not found"));
    // Rights for other things do not read code, and who may not read is not told what there is.
    let runs = made("lab/p", &[Right::WriteRuns, Right::ReadSecrets]).await;
    assert!(listed(&runs, "lab/p").await.contains("not found"));
    hand.end(task.id, domain::Conclusion::Success, &[]).await;
    assert!(listed(&job, "lab/p").await.contains("Authentication failed"), "a job's token ends with its job");
    rest.end().await;
}
