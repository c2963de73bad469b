//! `cargo xtask stress --ekiden BIN`: our own server, one on SQLite or several on one PostgreSQL, our agents, and kill -9 of servers, agents and jobs'
//! processes at random moments. Every job must reach exactly one end, none may run twice or be lost, what is told as a success ran once and whole with
//! its whole log, a failure is one that a kill explains, groups hold, and nothing may be left behind.
//!
//! `wanted`: what is asked for; `replica`, `balancer`, `plant`: the servers, what stands before them, and all that can be killed; `chaos`: who is killed
//! when; `clock`: the servers' time; `load`: the jobs; `judge`, `reasons`: what must hold; `run`: the whole.

mod balancer;
mod chaos;
mod clock;
mod judge;
mod load;
mod plant;
mod random;
mod reasons;
mod replica;
mod run;
mod wanted;

pub(super) use run::run;
