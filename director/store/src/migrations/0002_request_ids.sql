-- Which request a task was made by, for logs; empty for older tasks.
ALTER TABLE tasks ADD COLUMN request_id TEXT NOT NULL DEFAULT '';
