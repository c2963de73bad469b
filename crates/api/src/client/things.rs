//! Verbs for projects, tokens, the audit and the server itself.

use super::core::{Client, page, query};
use super::error::ClientError;
use crate::audit::{Audit, AuditQuery};
use crate::page::PageQuery;
use crate::place::ProjectName;
use crate::project::{Hook, MadeHook, NewProject, Project, ProjectList, Readers, SetForge, SetReaders};
use crate::token::{MadeToken, NewToken, RotateToken, Token, TokenKind, TokenList};
use crate::user::User;
use crate::version::Version;

impl Client {
    /// Which server this is. Needs no token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn version(&self) -> Result<Version, ClientError> {
        self.get("ask the server for its version", "/version").read().await
    }

    /// Who the token is.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn me(&self) -> Result<User, ClientError> {
        self.get("ask who the token is", "/user").read().await
    }

    /// The projects that the token sees.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn projects(&self, on: PageQuery) -> Result<ProjectList, ClientError> {
        self.get("list the projects", &format!("/projects{}", query(page(on)))).read().await
    }

    /// One of them.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn project(&self, name: &ProjectName) -> Result<Project, ClientError> {
        self.get(format!("show project {name}"), &format!("/projects/{name}")).read().await
    }

    /// Makes a project.
    ///
    /// # Errors
    /// See [`ClientError`]; 409 where there is one of this name.
    pub async fn add_project(&self, project: &NewProject) -> Result<Project, ClientError> {
        let did = format!("add project {}/{}", project.owner, project.name);
        self.post(did, "/projects").body(project)?.read().await
    }

    /// Forgets a project with its runs, secrets and variables. Its repository stays.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_project(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.delete(format!("remove project {name}"), &format!("/projects/{name}")).done().await.map(drop)
    }

    /// Names the forge that hears of a project's runs.
    ///
    /// # Errors
    /// See [`ClientError`]; 422 where it does not take the token.
    pub async fn set_forge(&self, name: &ProjectName, forge: &SetForge) -> Result<Project, ClientError> {
        self.put(format!("set the forge of {name}"), &format!("/projects/{name}/forge")).body(forge)?.read().await
    }

    /// No forge hears of a project's runs any more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_forge(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.delete(format!("remove the forge of {name}"), &format!("/projects/{name}/forge")).done().await.map(drop)
    }

    /// Says who may clone a project from the server.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn set_readers(&self, name: &ProjectName, readers: Readers) -> Result<Project, ClientError> {
        let path = format!("/projects/{name}/readers");
        self.put(format!("set who reads {name}"), &path).body(&SetReaders { readers })?.read().await
    }

    /// Where a forge sends its pushes to a project.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn hook(&self, name: &ProjectName) -> Result<Hook, ClientError> {
        self.get(format!("show the webhook of {name}"), &format!("/projects/{name}/hook")).read().await
    }

    /// Gives a project's webhook a secret; what was signed with another one is refused from now on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn make_hook(&self, name: &ProjectName) -> Result<MadeHook, ClientError> {
        self.post(format!("make a webhook's secret for {name}"), &format!("/projects/{name}/hook")).read().await
    }

    /// Takes the secret of a project's webhook away: no push is taken any more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_hook(&self, name: &ProjectName) -> Result<(), ClientError> {
        self.delete(format!("remove the webhook's secret of {name}"), &format!("/projects/{name}/hook"))
            .done()
            .await
            .map(drop)
    }

    /// The tokens of a kind that the token may see.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tokens(&self, kind: TokenKind, on: PageQuery) -> Result<TokenList, ClientError> {
        let kind = match kind {
            TokenKind::User => "user",
            TokenKind::Registration => "registration",
            TokenKind::Runner => "runner",
            TokenKind::Session => "session",
        };
        let pairs = std::iter::once(("kind", kind.to_owned())).chain(page(on));
        self.get("list the tokens", &format!("/tokens{}", query(pairs))).read().await
    }

    /// Makes a token.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn make_token(&self, token: &NewToken) -> Result<MadeToken, ClientError> {
        self.post(format!("make token {}", token.name), "/tokens").body(token)?.read().await
    }

    /// Puts another one in a token's place; the old one opens for a grace still.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rotate_token(&self, id: i64, rotate: RotateToken) -> Result<MadeToken, ClientError> {
        self.post(format!("rotate token {id}"), &format!("/tokens/{id}/rotate")).body(&rotate)?.read().await
    }

    /// Revokes a token: within five seconds it opens nothing.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_token(&self, id: i64) -> Result<Token, ClientError> {
        self.delete(format!("revoke token {id}"), &format!("/tokens/{id}")).read().await
    }

    /// Who changed what, the newest first.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit(&self, which: &AuditQuery) -> Result<Audit, ClientError> {
        let pairs = [
            ("before", which.before.map(|id| id.to_string())),
            ("since", which.since.clone()),
            ("action", which.action.clone()),
            ("limit", which.limit.map(|limit| limit.to_string())),
        ];
        let path = format!("/audit{}", query(pairs.into_iter().filter_map(|(key, value)| Some((key, value?)))));
        self.get("list the audit", &path).read().await
    }
}
