//! Events of runners: they come, ask, change, go. Used by whoever keeps a [`Queue`].

use super::state::Queue;
use crate::class::{Class, ClassKey, OnlyJob, Runner, Tally};
use crate::spec::{EmptyRunsOn, Life, RunnerDoor, RunnerSpec};
use domain::RunnerId;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Queue {
    /// A runner was registered, or what is known of it changed. What it asks for and has stays; one for one job that had it stays used up.
    pub fn put_runner(&mut self, id: RunnerId, spec: RunnerSpec) {
        let key = ClassKey { scope: spec.scope, pool: spec.pool, labels: spec.labels.clone() };
        let class = self.use_class(key, &spec.name);
        let before = self.take_runner(id);
        let asks = before.as_ref().filter(|_| spec.door != RunnerDoor::Offline).map_or(0, |before| before.asks);
        let running = self.busy.get(&id).copied().unwrap_or_default();
        let had_one = running > 0 || before.is_some_and(|before| before.only_job == OnlyJob::Given);
        let only_job = if had_one { OnlyJob::Given } else { OnlyJob::ToCome };
        let counted = Tally::default();
        self.runners.insert(id, Runner { spec, class, running, asks, only_job, counted, asked: None });
        self.refresh(id);
    }

    /// A runner is no runner any more. Its jobs count until they are dropped.
    pub fn drop_runner(&mut self, id: RunnerId) {
        self.take_runner(id);
    }

    /// A runner may get jobs, or may not, from now on. What it asked for ends when it is not heard of.
    pub fn set_door(&mut self, id: RunnerId, door: RunnerDoor) {
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.spec.door = door;
            if door == RunnerDoor::Offline {
                runner.asks = 0;
            }
        }
        self.refresh(id);
    }

    /// A runner asks for so many jobs now; 0: it asks no more. Each assignment takes one off. It gets no more than it has room for.
    pub fn ask(&mut self, id: RunnerId, places: u32) {
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.asks = places;
        }
        self.refresh(id);
    }

    fn take_runner(&mut self, id: RunnerId) -> Option<Runner> {
        let asks = std::mem::take(&mut self.runners.get_mut(&id)?.asks);
        self.refresh(id);
        let mut runner = self.runners.remove(&id)?;
        runner.asks = asks;
        if let Some(class) = self.classes.get_mut(runner.class) {
            class.tally = class.tally.minus(runner.counted);
        }
        self.unuse_class(runner.class);
        Some(runner)
    }

    /// A runner has one job more.
    pub(super) fn take_place(&mut self, id: RunnerId) {
        *self.busy.entry(id).or_default() += 1;
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.running += 1;
            runner.asks = runner.asks.saturating_sub(1);
            runner.only_job = OnlyJob::Given;
            if runner.spec.life == Life::Ephemeral {
                runner.asks = 0;
            }
        }
        self.refresh(id);
    }

    /// A runner has one job less.
    pub(super) fn free_place(&mut self, id: RunnerId) {
        if let Some(busy) = self.busy.get_mut(&id) {
            *busy -= 1;
            if *busy == 0 {
                self.busy.remove(&id);
            }
        }
        if let Some(runner) = self.runners.get_mut(&id) {
            runner.running = runner.running.saturating_sub(1);
        }
        self.refresh(id);
    }

    /// What a runner adds to its class is made true.
    fn refresh(&mut self, id: RunnerId) {
        let Some(runner) = self.runners.get_mut(&id) else { return };
        let Some(class) = self.classes.get_mut(runner.class) else { return };
        let tally = runner.tally();
        class.tally = class.tally.minus(runner.counted).plus(tally);
        runner.counted = tally;
        let (at, was_asking) = (runner.class, !class.asking.is_empty());
        match (runner.asked, runner.room() > 0) {
            (None, true) => {
                self.asked += 1;
                runner.asked = Some(self.asked);
                class.asking.insert((self.asked, id));
                self.new_classes.insert((class.key.labels.len(), at));
            }
            (Some(asked), false) => {
                runner.asked = None;
                class.asking.remove(&(asked, id));
            }
            (None, false) => {}
            // It may ask for more than before.
            (Some(_), true) => drop(self.new_classes.insert((class.key.labels.len(), at))),
        }
        if was_asking == class.asking.is_empty() {
            let shapes: Vec<u32> = class.shapes.iter().copied().collect();
            shapes.into_iter().for_each(|shape| self.list_asking(at, shape));
        }
    }

    /// Whether a class is among those that ask, for one set of labels, is made true.
    pub(super) fn list_asking(&mut self, at: usize, shape: u32) {
        let Some(class) = self.classes.get(at) else { return };
        let key = (shape, class.key.scope);
        let entry = (class.key.labels.len(), at);
        if !class.asking.is_empty() {
            self.asking.entry(key).or_default().insert(entry);
        } else if let Some(classes) = self.asking.get_mut(&key) {
            classes.remove(&entry);
            if classes.is_empty() {
                self.asking.remove(&key);
            }
        }
    }

    /// The class of such runners, used once more.
    pub(super) fn use_class(&mut self, key: ClassKey, name: &Arc<str>) -> usize {
        if let Some(at) = self.class_ids.get(&key).copied() {
            self.classes[at].users += 1;
            return at;
        }
        let mut shapes = BTreeSet::new();
        let empty = (self.settings.empty_runs_on == EmptyRunsOn::Anybody).then_some(None);
        for from in key.labels.iter().map(|label| Some(label.clone())).chain(empty) {
            let found = self.shapes_from.get(&from).into_iter().flatten();
            shapes.extend(found.filter(|at| key.labels.has_all(&self.shapes[**at as usize].labels)).copied());
        }
        let (name, tally, asking) = (name.clone(), Tally::default(), BTreeSet::new());
        let class = Class { key: key.clone(), name, shapes: shapes.clone(), tally, asking, users: 1 };
        let at = self.classes.insert(class);
        for shape in shapes {
            self.shapes[shape as usize].classes.insert(at);
        }
        for label in key.labels.iter() {
            self.classes_with.entry(label.clone()).or_default().insert(at);
        }
        if let Some(pool) = key.pool.and_then(|pool| self.pools.get_mut(&pool)) {
            pool.classes.insert(at);
        }
        self.class_ids.insert(key, at);
        at
    }

    pub(super) fn unuse_class(&mut self, at: usize) {
        let Some(class) = self.classes.get_mut(at) else { return };
        class.users -= 1;
        if class.users > 0 {
            return;
        }
        let class = self.classes.remove(at);
        self.class_ids.remove(&class.key);
        self.new_classes.remove(&(class.key.labels.len(), at));
        for shape in class.shapes {
            if let Some(shape) = self.shapes.get_mut(shape as usize) {
                shape.classes.remove(&at);
            }
        }
        for label in class.key.labels.iter() {
            if let Some(classes) = self.classes_with.get_mut(label) {
                classes.remove(&at);
                if classes.is_empty() {
                    self.classes_with.remove(label);
                }
            }
        }
        if let Some(pool) = class.key.pool.and_then(|pool| self.pools.get_mut(&pool)) {
            pool.classes.remove(&at);
        }
    }
}
