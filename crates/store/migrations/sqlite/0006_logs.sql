-- Tasks that went with their run or project, and whose logs are to go.
CREATE TABLE gone_logs (
    task_id BIGINT PRIMARY KEY
);
