"""Topics by their short names, as in schemas.topics, and as the broker calls them under a prefix."""

from aiokafka import TopicPartition

from schemas import topics


class Names:
    """Both ways."""

    def __init__(self, prefix: str) -> None:
        self.full = {topic: topics.full_name(topic, prefix) for topic in topics.BY_NAME}
        self.short = {full: topic for topic, full in self.full.items()}

    def on_broker(self, topic: str) -> str:
        """A topic's name on the broker."""
        return self.full[topic]

    def tp(self, topic: str, number: int) -> TopicPartition:
        """A partition of a topic, as the broker calls it."""
        return TopicPartition(self.full[topic], number)
