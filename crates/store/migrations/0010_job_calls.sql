-- no-transaction
-- The call that cancelled a job, and the last one that opened it again: a call whose answer was lost finds out here whether it was
-- its own that was carried out.
ALTER TABLE jobs ADD COLUMN IF NOT EXISTS cancelled_by UUID NULL, ADD COLUMN IF NOT EXISTS reopened_by UUID NULL;
