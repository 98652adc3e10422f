"""A deployment on real Kafka, faults by a schedule that is a function of a seed, and the proof that nothing is wrong.

`python -m tests.faults.soak --seconds 600 --seed 1` (make soak).  Start with `soak` (the run), then `schedule` (what
happens when), `kinds` (one class a fault), `under_test` (the deployment), `liveness` and `verdict` (what must be true
afterwards).  docs/reliability.md tells it from the operator's side.
"""
