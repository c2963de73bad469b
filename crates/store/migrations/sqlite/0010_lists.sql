-- What is counted and listed of runs and jobs that are over, which are most: by how they ended, by workflow.
CREATE INDEX jobs_ended ON jobs (word, project_id, id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_ended ON runs (word, project_id, id, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX runs_workflow ON runs (project_id, workflow, id);
