"""What the decisions were worth: outcomes summed per tenant, domain, arm, policy and minute, hour and day.

Start with `processor` (outcomes in, one `Kpi` record per changed bucket out); `measures` says what is measured of an
outcome, `bucket` is what is kept of a bucket, `sketch` its quantiles, and `summary` adds buckets up for readers.
"""
