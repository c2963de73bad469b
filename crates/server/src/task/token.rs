//! The token of one lease of a job: what `GITHUB_TOKEN` is. Nothing of it is stored: it is the number of the task under a signature of the server's
//! keys, and it is worth something as long as that task has its job's lease (`security` R1).

use crate::keys::KeyRing;
use domain::control::TokenUse;
use domain::{Secret, TaskId};

const NUMBER: usize = 8;

/// The token of a task.
#[must_use]
pub fn job_token(keys: &KeyRing, task: TaskId) -> Secret {
    let number = task.0.to_be_bytes();
    let mut bytes = [0; 20];
    bytes[..NUMBER].copy_from_slice(&number);
    bytes[NUMBER..].copy_from_slice(&keys.sign_task(number));
    TokenUse::Job.text(bytes)
}

/// Whose token this is; `None` where it is no token of a task of this server. Whether the task has its lease still is for the caller to ask.
#[must_use]
pub fn task_of_token(keys: &KeyRing, text: &str) -> Option<TaskId> {
    if TokenUse::of(text) != Ok(TokenUse::Job) {
        return None;
    }
    let bytes = TokenUse::bytes(text)?;
    let (number, signature) = bytes.split_at_checked(NUMBER)?;
    let number: [u8; NUMBER] = number.try_into().ok()?;
    keys.is_signed(number, signature).then(|| TaskId(i64::from_be_bytes(number)))
}

#[cfg(test)]
mod tests {
    use super::{job_token, task_of_token};
    use crate::keys::{KeyRing, Start};
    use domain::TaskId;
    use domain::control::TokenUse;

    #[test]
    fn a_token_says_its_task_and_cannot_be_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyRing::open(&folder.path().join("keys"), Start::First).unwrap();
        for task in [TaskId(1), TaskId(77_000), TaskId(i64::MAX)] {
            let token = job_token(&keys, task);
            assert_eq!(task_of_token(&keys, token.expose()), Some(task));
        }
        let made_up = TokenUse::Job.text([7; 20]);
        assert_eq!(task_of_token(&keys, made_up.expose()), None);
        let others = KeyRing::open(&folder.path().join("others"), Start::First).unwrap();
        assert_eq!(task_of_token(&keys, job_token(&others, TaskId(1)).expose()), None);
        assert_eq!(task_of_token(&keys, "ekiden_user_x"), None);
    }
}
