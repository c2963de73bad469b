//! The catalogue of metrics: every name, its kind and its meaning stand here and nowhere else. Names begin with `ekiden_`; there is no
//! series per job, repository or runner. Written as OpenMetrics text at the moment of a scrape, so that nothing is kept between two.

mod agent;
mod server;

pub use agent::{AgentNumbers, agent};
pub use server::{ServerNumbers, Times, server};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;

/// The media type of what [`agent`] and [`server`] write.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

fn written(collector: impl Collector) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(collector));
    let mut text = String::new();
    // Writing into a string does not fail.
    let _ = text::encode(&mut text, &registry);
    text
}
