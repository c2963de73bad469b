//! The queue against a model that looks at everything each time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod fair;
mod laws;
mod model;
mod ops;
mod reasons;
