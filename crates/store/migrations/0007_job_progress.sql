-- no-transaction
-- What an attempt noted of its progress, for the attempt after it.
ALTER TABLE jobs ADD COLUMN IF NOT EXISTS progress TEXT NULL;
