-- Until when the start of a leased job is awaited; nothing once it was said.
ALTER TABLE jobs ADD COLUMN lease_until BIGINT;
UPDATE jobs SET lease_until = json_extract(phase, '$.lease.until')
WHERE word = 'leased' OR (word = 'cancelling' AND json_extract(phase, '$.start.start') = 'unheard');
CREATE INDEX jobs_unsaid ON jobs (lease_until) WHERE lease_until IS NOT NULL;

-- Whether the logs of a finished run were removed before it.
ALTER TABLE runs ADD COLUMN logs TEXT NOT NULL DEFAULT 'kept';
CREATE INDEX runs_logs ON runs (finished_at) WHERE finished_at IS NOT NULL AND logs = 'kept';
