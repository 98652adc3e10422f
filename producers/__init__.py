"""What puts events into Kafka: the client library of applications, features of texts, and recorded traffic.

Producers know `schemas` and nothing else of the system: whatever is here can be rewritten in another language.
"""
