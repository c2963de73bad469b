//! What an agent counts.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// What an agent counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentNumbers {
    /// Its version.
    pub version: String,
    /// Seconds since the Unix epoch at which it started.
    pub started_seconds: f64,
    /// Jobs at once.
    pub capacity: u64,
    /// Jobs that can be taken now.
    pub free: u64,
    /// Attempts whose process runs.
    pub running: u64,
    /// Attempts whose end the forge does not know yet.
    pub reporting: u64,
    /// Tasks that the forge gave.
    pub taken: u64,
    /// Tasks that it gave again.
    pub repeated: u64,
    /// Attempts that ended, by result: `success`, `failure`, `cancelled`, `skipped`, `fault`.
    pub ended: Vec<(&'static str, u64)>,
    /// Attempts whose end the forge does not know in full.
    pub undelivered: u64,
    /// Fetches by result: `answered`, `failed`.
    pub fetches: Vec<(&'static str, u64)>,
    /// Seconds since the Unix epoch at which the forge last answered a fetch; 0 if never.
    pub contact_seconds: f64,
    /// Failed calls in a row.
    pub failures: u64,
}

#[derive(Debug)]
struct Agent(AgentNumbers);

impl Collector for Agent {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(of) = self;
        let gauge = |value: u64| ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
        {
            let info = ConstGauge::new(1_i64);
            let mut encoder =
                to.encode_descriptor("ekiden_agent_build", "The agent that runs", None, info.metric_type())?;
            info.encode(encoder.encode_family(&[("version", of.version.as_str())])?)?;
        }
        let moments = [
            ("ekiden_agent_start_time", "When the agent started", of.started_seconds),
            ("ekiden_agent_last_contact_time", "When the forge last answered", of.contact_seconds),
        ];
        for (name, help, value) in moments {
            let value = ConstGauge::new(value);
            value.encode(to.encode_descriptor(name, help, Some(&Unit::Seconds), value.metric_type())?)?;
        }
        let now = [
            ("ekiden_agent_capacity", "Jobs at once", of.capacity),
            ("ekiden_agent_free", "Jobs that can be taken now", of.free),
            ("ekiden_agent_jobs_running", "Jobs whose process runs", of.running),
            ("ekiden_agent_jobs_reporting", "Ended jobs whose end the forge does not know yet", of.reporting),
            ("ekiden_agent_failures", "Failed calls for jobs in a row", of.failures),
        ];
        for (name, help, value) in now {
            let value = gauge(value);
            value.encode(to.encode_descriptor(name, help, None, value.metric_type())?)?;
        }
        let counts = [
            ("ekiden_agent_tasks_taken", "Tasks that the forge gave", of.taken),
            ("ekiden_agent_tasks_repeated", "Tasks that the forge gave again, not run again", of.repeated),
            ("ekiden_agent_undelivered", "Ended jobs of which the forge does not know all", of.undelivered),
        ];
        for (name, help, value) in counts {
            let value = ConstCounter::new(value);
            value.encode(to.encode_descriptor(name, help, None, value.metric_type())?)?;
        }
        let families = [
            ("ekiden_agent_jobs", "Jobs that ended, by result; a fault is the platform's", &of.ended),
            ("ekiden_agent_fetches", "Calls for jobs, by result", &of.fetches),
        ];
        for (name, help, values) in families {
            let kind = ConstCounter::new(0_u64).metric_type();
            let mut encoder = to.encode_descriptor(name, help, None, kind)?;
            for (result, count) in values {
                ConstCounter::new(*count).encode(encoder.encode_family(&[("result", *result)])?)?;
            }
        }
        Ok(())
    }
}

/// What an agent counts, as OpenMetrics text.
#[must_use]
pub fn agent(numbers: AgentNumbers) -> String {
    super::written(Agent(numbers))
}

#[cfg(test)]
mod tests {
    use super::{AgentNumbers, agent};

    #[test]
    fn every_number_has_a_name() {
        let text = agent(AgentNumbers {
            version: "1.2.3".to_owned(),
            started_seconds: 1.5,
            capacity: 8,
            free: 3,
            running: 4,
            reporting: 1,
            taken: 20,
            repeated: 2,
            ended: vec![("success", 10), ("fault", 1)],
            undelivered: 6,
            fetches: vec![("answered", 100), ("failed", 7)],
            contact_seconds: 2.5,
            failures: 9,
        });
        for line in [
            "ekiden_agent_build{version=\"1.2.3\"} 1",
            "ekiden_agent_start_time_seconds 1.5",
            "ekiden_agent_last_contact_time_seconds 2.5",
            "ekiden_agent_capacity 8",
            "ekiden_agent_free 3",
            "ekiden_agent_jobs_running 4",
            "ekiden_agent_jobs_reporting 1",
            "ekiden_agent_failures 9",
            "ekiden_agent_tasks_taken_total 20",
            "ekiden_agent_tasks_repeated_total 2",
            "ekiden_agent_undelivered_total 6",
            "ekiden_agent_jobs_total{result=\"success\"} 10",
            "ekiden_agent_jobs_total{result=\"fault\"} 1",
            "ekiden_agent_fetches_total{result=\"answered\"} 100",
            "ekiden_agent_fetches_total{result=\"failed\"} 7",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
        assert!(text.lines().filter(|line| !line.starts_with('#')).all(|line| line.starts_with("ekiden_")));
    }
}
