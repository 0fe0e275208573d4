"""What instances cost: their histories, the dollars of a span of time, receipts."""
