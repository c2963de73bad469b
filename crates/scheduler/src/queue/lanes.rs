//! Lines and shelves: where a job stands once nothing but a runner is missing. Used by the other parts of the queue.

use super::state::{Lane, Place, Queue, Shape, short};
use crate::Labels;
use crate::line::Line;
use crate::shelf::{Age, Door, Shelf, Turn};
use crate::spec::EmptyRunsOn;
use domain::control::{OwnerId, ProjectId};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

impl Queue {
    /// The shape of these labels, used once more.
    pub(super) fn use_shape(&mut self, labels: &Labels) -> u32 {
        if let Some(at) = self.shape_ids.get(labels).copied() {
            if let Some(shape) = self.shapes.get_mut(at as usize) {
                shape.users += 1;
            }
            return at;
        }
        let classes: BTreeSet<usize> = match self.rarest(labels) {
            Some(classes) => {
                classes.iter().filter(|at| self.classes[**at].key.labels.has_all(labels)).copied().collect()
            }
            None if self.settings.empty_runs_on == EmptyRunsOn::Anybody => {
                self.classes.iter().map(|(at, _)| at).collect()
            }
            None => BTreeSet::new(),
        };
        let at = short(self.shapes.insert(Shape {
            labels: labels.clone(),
            shelf: Shelf::default(),
            classes: classes.clone(),
            users: 1,
            counts: BTreeMap::new(),
        }));
        self.shape_ids.insert(labels.clone(), at);
        self.shapes_from.entry(labels.iter().next().cloned()).or_default().insert(at);
        for class in classes {
            self.classes[class].shapes.insert(at);
            self.list_asking(class, at);
        }
        at
    }

    /// The classes that have the label which the fewest have; `None` for no labels.
    fn rarest(&self, labels: &Labels) -> Option<&BTreeSet<usize>> {
        static NONE: BTreeSet<usize> = BTreeSet::new();
        let of = |label| self.classes_with.get(label).unwrap_or(&NONE);
        labels.iter().map(of).min_by_key(|classes| classes.len())
    }

    pub(super) fn unuse_shape(&mut self, at: u32) {
        let Some(shape) = self.shapes.get_mut(at as usize) else { return };
        shape.users -= 1;
        if shape.users > 0 {
            return;
        }
        let shape = self.shapes.remove(at as usize);
        self.shape_ids.remove(&shape.labels);
        let from = shape.labels.iter().next().cloned();
        if let Some(shapes) = self.shapes_from.get_mut(&from) {
            shapes.remove(&at);
            if shapes.is_empty() {
                self.shapes_from.remove(&from);
            }
        }
        for class in shape.classes {
            if let Some(class) = self.classes.get_mut(class) {
                class.shapes.remove(&at);
                self.asking.remove(&(at, class.key.scope));
            }
        }
    }

    /// A job takes its place by its age.
    pub(super) fn line_up(&mut self, seat: u32) {
        let Some(job) = self.jobs.get(seat as usize) else { return };
        let (project, shape, priority) = (job.project, job.shape, job.priority);
        let Some(own) = self.projects.get_mut(&project) else { return };
        let owner = own.spec.owner;
        let at = *own.lanes.entry((shape, priority)).or_insert_with(|| {
            let line = Line::default();
            short(self.lanes.insert(Lane { project, owner, shape, priority, line, since: self.given, turn: None }))
        });
        let (jobs, lane) = (&self.jobs, &mut self.lanes[at as usize]);
        let is_new = lane.line.len() == 0;
        lane.line.insert(seat, |seat| jobs[seat as usize].came);
        self.jobs[seat as usize].place = Place::Lined(at);
        let count = self.shapes[shape as usize].counts.entry(priority).or_default();
        count.jobs += 1;
        count.lanes += u64::from(is_new);
        if is_new {
            self.owners.entry(owner).or_default().lanes.insert(at);
        }
        self.shelve(at);
    }

    /// A job leaves its line; an empty line goes.
    pub(super) fn unline(&mut self, seat: u32, at: u32) {
        let came = self.jobs[seat as usize].came;
        let (jobs, lane) = (&self.jobs, &mut self.lanes[at as usize]);
        let was_first = lane.line.first() == Some(seat);
        if lane.line.remove(came, |seat| jobs[seat as usize].came).is_none() {
            return;
        }
        let (shape, priority, is_empty) = (lane.shape, lane.priority, lane.line.len() == 0);
        if was_first {
            lane.since = self.given;
        }
        self.jobs[seat as usize].place = Place::Nowhere;
        let counts = &mut self.shapes[shape as usize].counts;
        if let Some(count) = counts.get_mut(&priority) {
            count.jobs -= 1;
            count.lanes -= u64::from(is_empty);
            if count.jobs == 0 {
                counts.remove(&priority);
            }
        }
        self.shelve(at);
        if is_empty {
            let lane = self.lanes.remove(at as usize);
            self.new_lanes.remove(&at);
            if let Some(project) = self.projects.get_mut(&lane.project) {
                project.lanes.remove(&(shape, priority));
            }
            if let Some(owner) = self.owners.get_mut(&lane.owner) {
                owner.lanes.remove(&at);
            }
        }
    }

    pub(super) fn door(&self, owner: OwnerId) -> Door {
        self.owners.get(&owner).map_or(Door::Open, super::state::Owner::door)
    }

    /// A line's place on its shelf is made true.
    pub(super) fn shelve(&mut self, at: u32) {
        let Some(lane) = self.lanes.get(at as usize) else { return };
        let project = self.projects.get(&lane.project);
        let turn =
            lane.line.first().zip(project).filter(|(_, project)| !project.is_stopped()).map(|(first, project)| {
                let came = self.jobs[first as usize].came;
                Turn {
                    priority: Reverse(lane.priority),
                    share: project.share(),
                    age: Age { since: lane.since, came, lane: at },
                }
            });
        if lane.turn == turn {
            return;
        }
        let (owner, shape, before) = (lane.owner, lane.shape, lane.turn);
        let door = self.door(owner);
        let shelf = &mut self.shapes[shape as usize].shelf;
        if let Some(before) = before {
            shelf.remove(owner, before, door);
        } else {
            self.new_lanes.insert(at);
        }
        if let Some(turn) = turn {
            shelf.add(owner, turn, door);
        }
        self.lanes[at as usize].turn = turn;
    }

    /// All lines of a project are made true: its share changed, or what stops it.
    pub(super) fn shelve_project(&mut self, project: ProjectId) {
        let lanes: Vec<u32> =
            self.projects.get(&project).map_or_else(Vec::new, |own| own.lanes.values().copied().collect());
        lanes.into_iter().for_each(|lane| self.shelve(lane));
    }

    /// What an owner runs or may run changed; its door was like this before.
    pub(super) fn show_owner(&mut self, owner: OwnerId, before: Door) {
        let Some(own) = self.owners.get(&owner) else { return };
        let door = own.door();
        if door == before {
            return;
        }
        let shapes: BTreeSet<u32> = own.lanes.iter().map(|lane| self.lanes[*lane as usize].shape).collect();
        for shape in shapes {
            self.shapes[shape as usize].shelf.show(owner, door);
        }
        if door == Door::Open {
            self.new_lanes.extend(own.lanes.iter().copied());
        }
    }
}
