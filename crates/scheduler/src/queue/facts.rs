//! Events of projects, owners and pools. Used by whoever keeps a [`Queue`].

use super::state::{Pool, Project, Queue};
use crate::class::ClassKey;
use crate::spec::{Access, Durations, OwnerSpec, PoolDoor, PoolSpec, ProjectSpec, Supply};
use domain::control::{OwnerId, PoolId, ProjectId, Scope};

impl Queue {
    /// A project came or changed, also its owner.
    pub fn put_project(&mut self, id: ProjectId, spec: ProjectSpec) {
        let Some(project) = self.projects.get_mut(&id) else {
            self.projects.insert(id, Project { spec, running: 0, lanes: Default::default() });
            return;
        };
        let (from, to) = (project.spec.owner, spec.owner);
        if from != to {
            self.move_project(id, from, to);
        }
        if let Some(project) = self.projects.get_mut(&id) {
            project.spec = spec;
        }
        self.shelve_project(id);
    }

    /// Its lines go to the shelves of the new owner, and what it runs counts there.
    fn move_project(&mut self, id: ProjectId, from: OwnerId, to: OwnerId) {
        let Some(project) = self.projects.get(&id) else { return };
        let (lanes, running): (Vec<u32>, u32) = (project.lanes.values().copied().collect(), project.running);
        for at in &lanes {
            let door = self.door(from);
            let lane = &mut self.lanes[*at as usize];
            if let Some(turn) = lane.turn.take() {
                self.shapes[lane.shape as usize].shelf.remove(from, turn, door);
            }
            lane.owner = to;
        }
        for (owner, by) in [(from, -i64::from(running)), (to, i64::from(running))] {
            let own = self.owners.entry(owner).or_default();
            let before = own.door();
            own.running = u32::try_from(i64::from(own.running) + by).unwrap_or_default();
            for at in &lanes {
                if owner == to {
                    own.lanes.insert(*at)
                } else {
                    own.lanes.remove(at)
                };
            }
            self.show_owner(owner, before);
        }
    }

    /// An owner came or changed.
    pub fn put_owner(&mut self, id: OwnerId, spec: OwnerSpec) {
        let own = self.owners.entry(id).or_default();
        let before = own.door();
        own.spec = Some(spec);
        self.show_owner(id, before);
    }

    /// A pool came or changed, or what its fleet says of it.
    pub fn put_pool(&mut self, id: PoolId, spec: PoolSpec) {
        let makes = (spec.supply != Supply::Fixed).then(|| ClassKey {
            scope: spec.scope,
            pool: Some(id),
            labels: spec.labels.clone(),
        });
        let name = spec.name.clone();
        let before = self.pools.remove(&id).and_then(|pool| pool.own_class);
        let classes = self.classes.iter().filter(|(_, class)| class.key.pool == Some(id)).map(|(at, _)| at).collect();
        self.pools.insert(id, Pool { spec, classes, own_class: None });
        let own_class = makes.map(|key| self.use_class(key, &name));
        if let Some(pool) = self.pools.get_mut(&id) {
            pool.own_class = own_class;
        }
        if let Some(before) = before {
            self.unuse_class(before);
        }
        self.wake_pool(id);
    }

    /// A pool is gone. Runners that still name it take no jobs.
    pub fn drop_pool(&mut self, id: PoolId) {
        if let Some(class) = self.pools.remove(&id).and_then(|pool| pool.own_class) {
            self.unuse_class(class);
        }
    }

    /// How long jobs take in a pool, or with runners of none; for [`crate::Wait::estimate`].
    pub fn set_durations(&mut self, pool: Option<PoolId>, durations: Durations) {
        self.durations.insert(pool, durations);
    }

    /// A pool may have room again.
    pub(super) fn wake_pool(&mut self, id: PoolId) {
        let Some(pool) = self.pools.get(&id) else { return };
        for at in &pool.classes {
            if let Some(class) = self.classes.get(*at)
                && !class.asking.is_empty()
            {
                self.new_classes.insert((class.key.labels.len(), *at));
            }
        }
    }

    /// Whether a class's pool takes jobs, but for how many it has.
    pub(super) fn pool_is_open(&self, pool: Option<PoolId>) -> bool {
        pool.is_none_or(|pool| self.pools.get(&pool).is_some_and(|pool| pool.spec.door == PoolDoor::Open))
    }

    pub(super) fn pool_is_full(&self, pool: Option<PoolId>) -> bool {
        let max = pool.and_then(|pool| self.pools.get(&pool)).and_then(|pool| pool.spec.max_running);
        max.is_some_and(|max| self.running_in(pool) >= max)
    }

    pub(super) fn running_in(&self, pool: Option<PoolId>) -> u32 {
        pool.and_then(|pool| self.busy_pools.get(&pool)).copied().unwrap_or_default()
    }

    /// The scopes whose jobs a class takes: its own, as far as its pool's list allows.
    pub(super) fn reach<'a>(&'a self, key: &'a ClassKey) -> impl Iterator<Item = Scope> + 'a {
        let listed = match key.pool.and_then(|pool| self.pools.get(&pool)).map(|pool| &pool.spec.access) {
            Some(Access::Only(scopes)) => Some(scopes),
            Some(Access::Everybody) | None => None,
        };
        let own = if listed.is_none() { Some(key.scope) } else { None };
        let listed = listed.into_iter().flat_map(|scopes| scopes.iter());
        own.into_iter().chain(listed.filter_map(|scope| self.both(key.scope, *scope)))
    }

    /// What lies within both.
    fn both(&self, one: Scope, other: Scope) -> Option<Scope> {
        let owner_of = |project| self.projects.get(&project).map(|project: &Project| project.spec.owner);
        match (one, other) {
            (Scope::Instance, scope) | (scope, Scope::Instance) => Some(scope),
            (Scope::Owner(one), Scope::Owner(other)) => (one == other).then_some(Scope::Owner(one)),
            (Scope::Repository(one), Scope::Repository(other)) => (one == other).then_some(Scope::Repository(one)),
            (Scope::Owner(owner), Scope::Repository(project)) | (Scope::Repository(project), Scope::Owner(owner)) => {
                (owner_of(project) == Some(owner)).then_some(Scope::Repository(project))
            }
        }
    }

    /// Whether a class takes jobs of a project.
    pub(super) fn permits(&self, key: &ClassKey, owner: OwnerId, project: ProjectId) -> bool {
        let allowed = |access: &Access| match access {
            Access::Everybody => true,
            Access::Only(scopes) => scopes.iter().any(|scope| scope.holds(owner, project)),
        };
        key.scope.holds(owner, project)
            && key.pool.is_none_or(|pool| self.pools.get(&pool).is_some_and(|pool| allowed(&pool.spec.access)))
    }
}
