//! One-job documents: what is written says the same as what it was written from.

mod corpora;
mod decided;
mod generated;
mod same;
