"""What the decisions were worth: outcomes summed per tenant, domain, arm and hour, for people and for the console.

Start with `processor` (outcomes in, one `Kpi` record per changed bucket out); `bucket` is what is kept of one bucket,
`latency` its quantile sketch, and `summary` adds buckets up for readers.
"""
