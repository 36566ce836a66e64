//! Whole-system tests: real processes, real PostgreSQL and Redis, and faults. Everything is in `tests/`.
