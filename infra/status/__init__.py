"""Is the deployment running, how far is it, and what has been learned.

`sample` asks the broker, `processes` asks the processes of this machine; `report` says what both mean (no Kafka and no
network there), `tables` shows it.
"""
