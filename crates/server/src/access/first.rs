//! The first token of all. Called once at every start of the server.

use super::issue::draw;
use super::opens::UserOpens;
use super::person::Actor;
use crate::plane::Plane;
use api::Right;
use domain::Secret;
use domain::control::{Expiry, Scope, TokenPhase, TokenUse, Uses};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use store::{AuditEntry, NewToken, StoreError, TokenKind};

/// Why there is no first token.
#[derive(Debug, thiserror::Error)]
pub enum FirstError {
    /// Its file cannot be read or written.
    #[error("could not {verb} the first admin token in {}", path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No random numbers.
    #[error("the system gives no random numbers")]
    Random,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the first admin token when there is no token of a person yet, and puts it into a file that only the server's user reads. Gives it when
/// it was made now.
///
/// # Errors
/// When the file cannot be made, or the database fails.
pub async fn first_admin(plane: &Plane, path: &Path) -> Result<Option<Secret>, FirstError> {
    if !plane.store.tokens(TokenKind::User).await?.is_empty() {
        return Ok(None);
    }
    // The file first: what is in the database alone would open to nobody.
    let token = match left_behind(path)? {
        Some(token) => token,
        None => {
            let token = draw(TokenUse::User).ok_or(FirstError::Random)?;
            write(path, &token)?;
            token
        }
    };
    let opens = UserOpens { rights: vec![Right::Admin], session: None };
    let new = NewToken {
        kind: TokenKind::User,
        hash: plane.keys.hash(&token),
        name: "admin".to_owned(),
        opens: serde_json::to_value(opens).unwrap_or_default(),
        scope: Scope::Instance,
        phase: TokenPhase::live(Uses::Unlimited, Expiry::Never),
        by: "first start".to_owned(),
    };
    let audit = Actor::server("first start").did(
        "token.make",
        format!("token {} (admin)", AuditEntry::NEW),
        serde_json::json!({"rights": ["admin"]}),
    );
    plane.store.add_token(&new, plane.now(), &audit).await?;
    Ok(Some(token))
}

/// The token of a first start that ended between the file and the database.
fn left_behind(path: &Path) -> Result<Option<Secret>, FirstError> {
    match fs_err::read_to_string(path) {
        Ok(text) if TokenUse::of(text.trim()) == Ok(TokenUse::User) => Ok(Some(Secret::new(text.trim()))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FirstError::Io { verb: "read", path: path.to_owned(), source }),
    }
}

fn write(path: &Path, token: &Secret) -> Result<(), FirstError> {
    let failed = |source| FirstError::Io { verb: "write", path: path.to_owned(), source };
    // Beside it and then in its place: never half a token, never another's mode.
    let beside = path.with_extension("new");
    match fs_err::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let mut file = fs_err::OpenOptions::from_options(options).open(&beside).map_err(failed)?;
    file.write_all(format!("{}\n", token.expose()).as_bytes()).map_err(failed)?;
    file.sync_all().map_err(failed)?;
    fs_err::rename(&beside, path).map_err(failed)
}
