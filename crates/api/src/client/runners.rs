//! Verbs for runners.

use super::core::{Client, page, query};
use super::error::ClientError;
use crate::page::PageQuery;
use crate::place::Place;
use crate::runner::{EditRunner, NewRunnerKey, RegistrationToken, Runner, RunnerKey, RunnerList};
use reqwest::Method;

impl Client {
    /// What registers runners in a place now.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn registration_token(&self, place: &Place) -> Result<RegistrationToken, ClientError> {
        let path = format!("{}/actions/runners/registration-token", place.path());
        self.post(format!("get a registration token of {place}"), &path).read().await
    }

    /// The runners of a place; with [`Place::Instance`] all there are.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn runners(&self, place: &Place, on: PageQuery) -> Result<RunnerList, ClientError> {
        let path = format!("{}/actions/runners{}", place.path(), query(page(on)));
        self.get(format!("list the runners of {place}"), &path).read().await
    }

    /// A runner of a place.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn runner(&self, place: &Place, id: i64) -> Result<Runner, ClientError> {
        self.get(format!("show runner {id}"), &runner(place, id)).read().await
    }

    /// Removes a runner.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn remove_runner(&self, place: &Place, id: i64) -> Result<(), ClientError> {
        self.delete(format!("remove runner {id}"), &runner(place, id)).done().await.map(drop)
    }

    /// Says whether a runner shall take no tasks.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn edit_runner(&self, place: &Place, id: i64, edit: EditRunner) -> Result<Runner, ClientError> {
        self.call(format!("change runner {id}"), Method::PATCH, &runner(place, id)).body(&edit)?.read().await
    }

    /// Lets a runner end its tasks and take no more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn drain_runner(&self, place: &Place, id: i64) -> Result<Runner, ClientError> {
        self.post(format!("drain runner {id}"), &format!("{}/drain", runner(place, id))).read().await
    }

    /// Gives a runner another key; its present one opens for a grace still.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn new_runner_key(&self, place: &Place, id: i64, key: NewRunnerKey) -> Result<RunnerKey, ClientError> {
        let path = format!("{}/key", runner(place, id));
        self.post(format!("give runner {id} a new key"), &path).body(&key)?.read().await
    }
}

fn runner(place: &Place, id: i64) -> String {
    format!("{}/actions/runners/{id}", place.path())
}
