"""What runs a deployment: Kafka, topics, the command line, the supervisor, and readers from outside."""
