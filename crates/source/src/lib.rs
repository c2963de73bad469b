//! git and actions: working-tree views, commits, the action store.
