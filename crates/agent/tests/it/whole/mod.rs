//! The agent as a whole: a fake forge over real sockets on one side, processes that speak the wire as a job's process does on the other.

mod crash;
mod disk;
mod forge;
mod process;
mod speed;
mod stand;
mod standby;
mod stop;
mod work;
