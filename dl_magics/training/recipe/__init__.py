"""The recipe of a `%%finetune` cell: parsing and validation."""
