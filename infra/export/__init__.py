"""Decisions, outcomes and KPIs as Parquet files for analysts, and DuckDB on them.

`run` reads the log and writes; `files` says where records are and what makes a file whole; `rows` which columns they
have; `views` what DuckDB shows; `events` reads outcomes back for `infra.evaluate`.
"""
