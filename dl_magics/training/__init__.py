"""Fine-tuning: recipe, frozen network, head, run. The only folder that imports keras, and late."""
