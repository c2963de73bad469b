//! Tests of the built binary.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod act_suite;
mod agent_ahead;
mod agent_call;
mod agent_fetched;
mod agent_gitea;
mod agent_import;
mod agent_job;
mod agent_prompts;
mod agent_register;
mod cases;
mod checkout;
mod exec_plan;
mod exec_run;
mod exec_slips;
mod job_contexts;
mod manage;
mod manage_slips;
mod support;
mod tools;
mod up;
mod up_settings;
mod up_story;
