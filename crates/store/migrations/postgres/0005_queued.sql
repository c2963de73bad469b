-- What is queued is found by its age too.
CREATE INDEX jobs_queued_at ON jobs (created_at, id) WHERE word = 'queued';
