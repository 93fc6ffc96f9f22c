"""The published language of the network: what each member says, on which topic, in which words.

One module per owner, one class per event type, one real sample per type in `samples/`.
Additive change keeps the version; anything else is a new type published beside the old one.
"""

from shared.contracts.registry import EventModel, Text, published, registered

__all__ = ["EventModel", "Text", "published", "registered"]
