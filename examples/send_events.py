"""Asks for decisions and says what came of them: all that an application has to do.  Needs running workers.

    python examples/send_events.py --bootstrap localhost:9092

In another language: produce to `contexts`, with the tenant's UTF-8 bytes as the key and Kafka's default (murmur2)
partitioner, one MessagePack array

    ["context.1", id, tenant, domain, features, null]      features: a byte string of little-endian float32

consume `decisions` from its end, where yours is the first array that begins ["decision.1", id, tenant, domain, arms,
choice, ...] with your id and tenant (arms[choice] was chosen), act, and later produce to `rewards` with the same key

    ["reward.1", any id, tenant, id of the decision, {"success": 1.0, "cost": 0.0004}]
"""

import argparse
import asyncio
import os

from producers.client import CroupierClient
from producers.features import TextFeatures

TENANT, DOMAIN = "mmlu", "model_routing"  # of examples/domains.toml; both components below are in its reward
DOLLARS_PER_TOKEN = {"gpt-4-1106-preview": 10e-6, "mixtral-8x7b-instruct": 0.6e-6}

QUESTIONS = (
    ("What is the capital of France?\nA. Paris\nB. Rome\nC. Bern\nD. Oslo\nAnswer:", "A"),
    ("How many legs has a spider?\nA. 4\nB. 6\nC. 8\nD. 10\nAnswer:", "C"),
    ("Which of these is a prime number?\nA. 21\nB. 33\nC. 39\nD. 41\nAnswer:", "D"),
)


def ask(model: str, question: str) -> str:
    """Here an application calls the model that was chosen.  This example needs no key: any model answers A."""
    print(f"  {model} is asked about {len(question)} characters")
    return "A"


async def main(bootstrap: str, prefix: str) -> None:
    features = TextFeatures(content=True)  # the tenant has opted in to features made from content
    async with CroupierClient(bootstrap, prefix=prefix) as croupier:
        for question, right in QUESTIONS:
            decision = await croupier.decide(TENANT, DOMAIN, features(question), timeout=30)
            print(f"{question.splitlines()[0]}  ->  {decision.arm} ({decision.policy}, decision {decision.id})")
            answer = ask(decision.arm, question)
            await croupier.reward(decision, {"cost": len(question) / 4 * DOLLARS_PER_TOKEN[decision.arm]})
            await croupier.reward(decision, {"success": float(answer == right)})  # parts may come at different times
            print(f"  {'right' if answer == right else 'wrong'}: reward sent")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--bootstrap", default=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "localhost:9092"))
    arguments.add_argument("--prefix", default="", help="of the deployment's topics")
    given = arguments.parse_args()
    asyncio.run(main(given.bootstrap, given.prefix))
