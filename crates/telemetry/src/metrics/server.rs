//! What a control plane counts.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

/// How long something took, in bounds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Times {
    /// The sum of all, seconds.
    pub seconds: f64,
    /// How many were at most so many seconds, and no more than the bound before; the last bound is `f64::MAX`.
    pub buckets: Vec<(f64, u64)>,
}

/// What a control plane counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ServerNumbers {
    /// Its version.
    pub version: String,
    /// Seconds since the Unix epoch at which it started.
    pub started_seconds: f64,
    /// Jobs that wait, by reason.
    pub waiting: Vec<(&'static str, u64)>,
    /// Runners by what they do: `offline`, `idle`, `active`.
    pub runners: Vec<(&'static str, u64)>,
    /// Runs that were made, by event's kind: `push`, `workflow_dispatch`, `schedule`, `other`.
    pub runs: Vec<(&'static str, u64)>,
    /// Jobs that ended, by result: `success`, `failure`, `cancelled`, `skipped`, `fault`.
    pub ended: Vec<(&'static str, u64)>,
    /// Leases by what became of them: `given`, `lost`.
    pub leases: Vec<(&'static str, u64)>,
    /// From queued to leased.
    pub queued: Times,
    /// Rows of logs.
    pub log_rows: u64,
}

#[derive(Debug)]
struct Server(ServerNumbers);

impl Collector for Server {
    fn encode(&self, mut to: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(of) = self;
        {
            let info = ConstGauge::new(1_i64);
            let mut encoder =
                to.encode_descriptor("ekiden_server_build", "The control plane that runs", None, info.metric_type())?;
            info.encode(encoder.encode_family(&[("version", of.version.as_str())])?)?;
        }
        let started = ConstGauge::new(of.started_seconds);
        let help = "When the control plane started";
        started.encode(to.encode_descriptor(
            "ekiden_server_start_time",
            help,
            Some(&Unit::Seconds),
            started.metric_type(),
        )?)?;
        let gauges = [
            ("ekiden_queue_jobs", "Jobs that wait, by the one reason that each has", "reason", &of.waiting),
            ("ekiden_runners", "Runners, by what they do", "state", &of.runners),
        ];
        for (name, help, label, values) in gauges {
            let kind = ConstGauge::new(0_i64).metric_type();
            let mut encoder = to.encode_descriptor(name, help, None, kind)?;
            for (word, count) in values {
                let value = ConstGauge::new(i64::try_from(*count).unwrap_or(i64::MAX));
                value.encode(encoder.encode_family(&[(label, *word)])?)?;
            }
        }
        let families = [
            ("ekiden_runs", "Runs that were made, by event", "event", &of.runs),
            ("ekiden_jobs", "Jobs that ended, by result; a fault is the platform's", "result", &of.ended),
            (
                "ekiden_leases",
                "Jobs handed to runners, and those that somebody else had by then",
                "outcome",
                &of.leases,
            ),
        ];
        for (name, help, label, values) in families {
            let kind = ConstCounter::new(0_u64).metric_type();
            let mut encoder = to.encode_descriptor(name, help, None, kind)?;
            for (word, count) in values {
                ConstCounter::new(*count).encode(encoder.encode_family(&[(label, *word)])?)?;
            }
        }
        let rows = ConstCounter::new(of.log_rows);
        let help = "Rows of logs that were taken";
        rows.encode(to.encode_descriptor("ekiden_log_rows", help, None, rows.metric_type())?)?;
        let help = "From queued to leased";
        let kind = prometheus_client::metrics::MetricType::Histogram;
        let mut encoder = to.encode_descriptor("ekiden_job_queue", help, Some(&Unit::Seconds), kind)?;
        let count = of.queued.buckets.iter().map(|(_, count)| count).sum();
        encoder.encode_histogram::<NoLabelSet>(of.queued.seconds, count, &of.queued.buckets, None)
    }
}

/// What a control plane counts, as OpenMetrics text.
#[must_use]
pub fn server(numbers: ServerNumbers) -> String {
    super::written(Server(numbers))
}

#[cfg(test)]
mod tests {
    use super::{ServerNumbers, Times, server};

    #[test]
    fn every_number_has_a_name() {
        let text = server(ServerNumbers {
            version: "1.2.3".to_owned(),
            started_seconds: 1.5,
            waiting: vec![("dependency", 4)],
            runners: vec![("idle", 2), ("offline", 1)],
            runs: vec![("push", 7)],
            ended: vec![("success", 10), ("fault", 1)],
            leases: vec![("given", 12), ("lost", 3)],
            queued: Times { seconds: 3.5, buckets: vec![(0.01, 5), (1.0, 2), (f64::MAX, 1)] },
            log_rows: 99,
        });
        for line in [
            "ekiden_server_build{version=\"1.2.3\"} 1",
            "ekiden_server_start_time_seconds 1.5",
            "ekiden_queue_jobs{reason=\"dependency\"} 4",
            "ekiden_runners{state=\"idle\"} 2",
            "ekiden_runs_total{event=\"push\"} 7",
            "ekiden_jobs_total{result=\"fault\"} 1",
            "ekiden_leases_total{outcome=\"lost\"} 3",
            "ekiden_log_rows_total 99",
            "ekiden_job_queue_seconds_sum 3.5",
            "ekiden_job_queue_seconds_count 8",
            "ekiden_job_queue_seconds_bucket{le=\"0.01\"} 5",
            "ekiden_job_queue_seconds_bucket{le=\"1.0\"} 7",
            "ekiden_job_queue_seconds_bucket{le=\"+Inf\"} 8",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
