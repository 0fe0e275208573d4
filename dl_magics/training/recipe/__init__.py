"""What a `%%finetune` cell asks for."""
