-- What a project's forge was told of a run, by the name under which it shows it; and the newest attempt of which all was told.
CREATE TABLE statuses (
    run_id BIGINT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    context TEXT NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (run_id, context)
);
ALTER TABLE runs ADD COLUMN told BIGINT NOT NULL DEFAULT 0;
UPDATE runs SET told = attempt;
CREATE INDEX runs_untold ON runs (project_id, id) WHERE told < attempt;
