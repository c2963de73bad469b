//! `ekiden up`: a whole CI system for a checkout, in one process: the control plane, our agent, the checkout as a project.

mod checkout;
mod follow;
mod runner;
mod start;

pub(crate) use start::run;
